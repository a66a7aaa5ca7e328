"""The world of an actor: a clock that is wrong, and a store that fails in every way that the contract allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from shards.errors import Undecided
from shards.storage.base import Entry, Store
from shards.storage.delegating import DelegatingStore, Verb
from tests.simulation.scheduler import Scheduler

Result = TypeVar("Result")

MINUTES, HOURS = 60.0, 3600.0


class KilledError(BaseException):
    """The process of an actor dies here: no code of ours sees it coming."""


@dataclass(frozen=True, slots=True)
class Adversity:
    """How often mishaps happen, each as a probability per request.

    `stall`: the actor sleeps for minutes or hours before or after; a suspended laptop does.
    """

    undecided: float
    lost_answer: float
    killed: float
    stall: float


CALM = Adversity(undecided=0.0, lost_answer=0.0, killed=0.0, stall=0.0)
ADVERSE = Adversity(undecided=0.01, lost_answer=0.01, killed=0.004, stall=0.05)


class ActorEffects:
    """Effects of one process: its clock is off by `skew_ns`."""

    def __init__(self, scheduler: Scheduler, random: Random, skew_ns: int = 0) -> None:
        self._scheduler = scheduler
        self._random = random
        self._skew_ns = skew_ns

    def now_ns(self) -> int:
        return self._scheduler.now_ns + self._skew_ns

    def steady_ns(self) -> int:
        return self._scheduler.now_ns

    def random(self) -> int:
        return self._random.getrandbits(64)

    def sleep(self, seconds: float) -> None:
        self._scheduler.pass_on(seconds)


class UnreliableStore(DelegatingStore):
    """One actor's way to the store: slow, lossy, and deadly. Every request hands the baton to others."""

    def __init__(self, inner: Store, scheduler: Scheduler, random: Random, adversity: Adversity) -> None:
        super().__init__(inner)
        self._scheduler = scheduler
        self._random = random
        self._adversity = adversity

    @property
    def mapped(self) -> bool:
        """False, as for a bucket: each range is a request, in which the object may be gone."""
        return False

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        """Page by page, and between two pages the world changes."""
        while limit is None or limit > 0:
            size = self._random.choice((1, 3, 1000))
            size = size if limit is None else min(size, limit)
            page = self.request(
                "list",
                f"{prefix} after {after!r}",
                lambda size=size, after=after: list(self.inner.list(prefix, after=after, limit=size)),  # type: ignore[misc]
            )
            yield from page
            if len(page) < size:
                return
            after = page[-1].name
            limit = None if limit is None else limit - len(page)

    def delete(self, names: Sequence[str]) -> None:
        """One after the other: a failure leaves the later ones."""
        for name in names:
            super().delete([name])

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        changes, what = verb in ("create", "delete"), f"{verb} {name}"
        self._before(what, changes=changes)
        result = super().request(verb, name, send)
        self._after(what, result, changes=changes)
        return result

    def _before(self, what: str, *, changes: bool) -> None:
        self._scheduler.note(what)
        self._scheduler.pass_on(self._latency(changes=changes))
        if self._happens(self._adversity.undecided):
            self._scheduler.note(f"  undecided, without effect: {what}")
            raise Undecided(f"simulated: {what} did not reach the store")
        self._perhaps_die(f"before {what}")

    def _after(self, what: str, result: object, *, changes: bool) -> None:
        if changes:
            self._scheduler.note(f"  {what}: {result}")
        if self._happens(self._adversity.lost_answer):
            self._scheduler.note(f"  undecided, the answer is lost: {what}")
            raise Undecided(f"simulated: the answer to {what} was lost")
        self._perhaps_die(f"after {what}")
        if changes or self._random.random() < 0.3:
            self._scheduler.pass_on(self._latency(changes=changes))

    def _perhaps_die(self, where: str) -> None:
        if self._happens(self._adversity.killed):
            self._scheduler.note(f"  killed {where}")
            raise KilledError(where)

    def _latency(self, *, changes: bool) -> float:
        """Seconds: mostly some ms, sometimes half a minute, and a stall now and then, above all around a change."""
        if self._happens(self._adversity.stall * (4 if changes else 1)):
            return self._random.choice((11 * MINUTES, 40 * MINUTES, 2 * HOURS))
        return float(10 ** self._random.uniform(-3, -1 if self._random.random() < 0.9 else 1.5))

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability
