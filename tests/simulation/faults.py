"""An actor's way to the store, which fails in every way that the contract allows, at rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from shards.errors import Undecided
from shards.storage.base import Entry, Store
from shards.storage.delegating import DelegatingStore, Verb
from shards.table.format import names
from tests.simulation.scheduler import Scheduler
from tests.simulation.world import HOURS, MINUTES, ActorEffects

Result = TypeVar("Result")


class KilledError(BaseException):
    """The process of an actor dies here: no code of ours sees it coming."""


@dataclass(frozen=True, slots=True)
class Adversity:
    """How often mishaps happen, each as a probability per request."""

    undecided: float
    """A 409 or a 503, or a connection that is refused: the request has no effect, and nobody can know."""

    lost_answer: float
    """The request has its effect, and its answer is lost."""

    own_conflict: float
    """The store creates an object, the answer is lost on the way to the client's library, which asks again by itself
    and is told 412: it is there already."""

    truncated: float
    """A body arrives that ends too early, and nothing says so."""

    killed: float
    """The process dies."""

    stall: float
    """The actor sleeps for minutes or hours before or after; a suspended laptop does."""

    clock: float
    """Somebody sets the actor's clock, by hours."""


CALM = Adversity(undecided=0.0, lost_answer=0.0, own_conflict=0.0, truncated=0.0, killed=0.0, stall=0.0, clock=0.0)
ADVERSE = Adversity(
    undecided=0.01, lost_answer=0.01, own_conflict=0.01, truncated=0.002, killed=0.004, stall=0.05, clock=0.005
)


class UnreliableStore(DelegatingStore):
    """One actor's way to the store: slow, lossy, and deadly. Every request hands the baton to others."""

    def __init__(
        self, inner: Store, scheduler: Scheduler, effects: ActorEffects, random: Random, adversity: Adversity
    ) -> None:
        super().__init__(inner)
        self.requests = 0
        self.truncated = 0
        self.looked_ns = 0
        """When the store last answered which index is there; the answer may arrive hours later."""

        self._scheduler = scheduler
        self._effects = effects
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

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        return self._cut([super().get(name, max_bytes)])[0]

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        return self._cut(super().get_ranges(name, ranges))

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        self.requests += 1
        changes, what = verb in ("create", "delete"), f"{verb} {name}"
        self._before(what, changes=changes)
        result = super().request(verb, name, send)
        if name == names.SETTINGS:
            self.looked_ns = self._scheduler.now_ns
        return self._after(verb, what, result, changes=changes)

    def _before(self, what: str, *, changes: bool) -> None:
        self._scheduler.note(what)
        if self._happens(self._adversity.clock):
            self._effects.set_clock(self._random.choice((-25, -2, -1, 1, 2, 25)) * HOURS)
        self._wait(changes=changes)
        if self._happens(self._adversity.undecided):
            self._scheduler.note(f"  undecided, without effect: {what}")
            raise Undecided(f"simulated: {what} did not reach the store")
        self._perhaps_die(f"before {what}")

    def _after(self, verb: Verb, what: str, result: Any, *, changes: bool) -> Any:
        if changes:
            self._scheduler.note(f"  {what}: {result}")
        if self._happens(self._adversity.lost_answer):
            self._scheduler.note(f"  undecided, the answer is lost: {what}")
            raise Undecided(f"simulated: the answer to {what} was lost")
        self._perhaps_die(f"after {what}")
        if changes or self._random.random() < 0.3:
            self._wait(changes=changes)
        if verb == "create" and result and self._happens(self._adversity.own_conflict):
            self._scheduler.note(f"  it is there already, says the store: {what}")
            return False
        return result

    def _cut(self, bodies: list[memoryview]) -> list[memoryview]:
        if self._happens(self._adversity.truncated):
            self._scheduler.note("  the body ends too early")
            self.truncated += 1
            bodies[-1] = bodies[-1][: self._random.randrange(len(bodies[-1]) + 1)]
        return bodies

    def _perhaps_die(self, where: str) -> None:
        if self._happens(self._adversity.killed):
            self._scheduler.note(f"  killed {where}")
            raise KilledError(where)

    def _wait(self, *, changes: bool) -> None:
        """Take mostly some ms, sometimes half a minute, and hours now and then, above all around a change."""
        if self._happens(self._adversity.stall * (4 if changes else 1)):
            stall = self._random.choice((self._scheduler.pass_on, self._effects.suspend))
            stall(self._random.choice((11 * MINUTES, 40 * MINUTES, 2 * HOURS)))
        else:
            self._scheduler.pass_on(float(10 ** self._random.uniform(-3, -1 if self._random.random() < 0.9 else 1.5)))

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability
