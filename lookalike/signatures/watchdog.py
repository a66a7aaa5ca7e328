"""The time limit of pictures: processes that exceed it are killed."""

from __future__ import annotations

import math
import time
from threading import Condition, Thread

from lookalike.signatures.process import Process


class Watchdog:
    """A thread that kills processes at their deadlines.

    One for a whole pool: a `threading.Timer` starts a thread for each picture, and a process would wait for that.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._deadlines: dict[Process, float] = {}
        self._wakes_at = math.inf
        self._is_closed = False
        self._thread = Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def begin(self, process: Process, seconds: float) -> None:
        """Kill this process after so many seconds, unless `end` comes first."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._deadlines[process] = deadline
            if deadline < self._wakes_at:
                self._changed.notify()

    def end(self, process: Process) -> bool:
        """Stop watching a process. Return whether it was killed."""
        with self._changed:
            return self._deadlines.pop(process, None) is None

    def close(self) -> None:
        """End the thread. Processes that it watches live on."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                for process in [process for process, deadline in self._deadlines.items() if deadline <= now]:
                    del self._deadlines[process]
                    process.kill()
                self._wakes_at = min(self._deadlines.values(), default=math.inf)
                self._changed.wait(None if self._wakes_at == math.inf else self._wakes_at - now)
