"""Threads that take turns on a clock of their own: one runs at a time, and always the one that wakes first.

Nothing here depends on real time or on the operating system's scheduling, so a run is a function of its seed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

START_NS = 1_800_000_000 * 10**9

TRACED = 60
"""Steps that a failure shows."""


class EndedError(BaseException):
    """Another actor has failed: unwind, whatever you are doing."""


@dataclass(slots=True, eq=False)
class Turn:
    """One actor's thread. `wakes`: when it goes on, in ns; `baton`: held by whoever must wait."""

    name: str
    wakes: int
    baton: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None


class Scheduler:
    """Runs actors until all have finished, or one has failed.

    `now_ns` is the true time of the simulated world: the store's clock.
    """

    def __init__(self, random: Random) -> None:
        self.now_ns = START_NS
        self.trace: deque[tuple[int, str, str]] = deque(maxlen=TRACED)
        self._random = random
        self._turns: list[Turn] = []
        self._current: Turn | None = None
        self._finished = threading.Semaphore(0)
        self._failure: BaseException | None = None

    def run(self, actors: Mapping[str, Callable[[], None]]) -> None:
        """Run these to their ends. Raises what the first one to fail raised."""
        for name, body in actors.items():
            turn = Turn(name, self.now_ns)
            turn.baton.acquire()
            turn.thread = threading.Thread(target=self._live, args=(turn, body), name=name, daemon=True)
            turn.thread.start()
            self._turns.append(turn)
        everybody = list(self._turns)
        self._hand_over()
        self._finished.acquire()
        for turn in everybody:
            assert turn.thread is not None
            if turn in self._turns:  # after a failure the others still wait: they end one by one
                turn.baton.release()
            turn.thread.join()
        self._current = None
        if self._failure is not None:
            raise self._failure

    def pass_on(self, seconds: float) -> None:
        """The running actor waits so long; meanwhile the others go on."""
        turn = self._current
        if self._failure is not None:
            raise EndedError
        if turn is None:  # outside of a run there is nobody to wait for
            self.now_ns += int(seconds * 1e9)
            return
        turn.wakes = self.now_ns + int(seconds * 1e9)
        if self._hand_over() is not turn:
            turn.baton.acquire()
            if self._failure is not None:
                raise EndedError

    def note(self, what: str) -> None:
        """Remember what the running actor does, for whoever reads a failure."""
        self.trace.append((self.now_ns, self._current.name if self._current else "-", what))

    def tail(self) -> str:
        """The last steps, one a line: seconds since the start, actor, step."""
        return "\n".join(f"{(now - START_NS) / 1e9:12.3f}  {name:12} {what}" for now, name, what in self.trace)

    def _hand_over(self) -> Turn:
        """Wake the turn that is due first, unless that is the one running; of several, any."""
        due = min(turn.wakes for turn in self._turns)
        following = self._random.choice([turn for turn in self._turns if turn.wakes == due])
        self.now_ns = max(self.now_ns, due)
        if following is not self._current:
            self._current = following
            following.baton.release()
        return following

    def _live(self, turn: Turn, body: Callable[[], None]) -> None:
        turn.baton.acquire()
        try:
            if self._failure is None:
                body()
        except EndedError:
            pass
        except BaseException as error:  # whatever it was, `run` raises it
            self._failure = self._failure or error
        self._turns.remove(turn)
        if self._failure is not None or not self._turns:
            self._finished.release()
            return
        self._hand_over()
