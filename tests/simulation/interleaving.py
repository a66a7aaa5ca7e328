"""A store that lets something else happen at a chosen request: one schedule, told like a story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from shards.errors import Undecided
from shards.storage.base import Entry, Store
from shards.storage.delegating import DelegatingStore, Verb

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Interruption:
    """An action that happens once, before or after the n-th request of a verb for a name with a prefix."""

    verb: Verb
    prefix: str
    action: Callable[[], object]
    after: bool
    countdown: int


class InterleavedStore(DelegatingStore):
    """One actor's way to the store, and the places where others come between."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.requests: list[tuple[Verb, str]] = []
        self._interruptions: list[Interruption] = []

    def before(self, verb: Verb, prefix: str, action: Callable[[], object], *, nth: int = 1) -> None:
        self._interruptions.append(Interruption(verb, prefix, action, after=False, countdown=nth))

    def after(self, verb: Verb, prefix: str, action: Callable[[], object], *, nth: int = 1) -> None:
        self._interruptions.append(Interruption(verb, prefix, action, after=True, countdown=nth))

    @property
    def all_happened(self) -> bool:
        return not self._interruptions

    @property
    def mapped(self) -> bool:
        return True

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        """List everything in one request: nothing comes between two pages."""
        return iter(self.request("list", prefix, lambda: [*self.inner.list(prefix, after=after, limit=limit)]))

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        self.requests.append((verb, name))
        due = [
            interruption
            for interruption in self._interruptions
            if interruption.verb == verb and name.startswith(interruption.prefix)
        ]
        for interruption in due:
            interruption.countdown -= 1
        now = [interruption for interruption in due if interruption.countdown == 0]
        self._interruptions = [interruption for interruption in self._interruptions if interruption not in now]
        for interruption in now:
            if not interruption.after:
                interruption.action()
        result = super().request(verb, name, send)
        for interruption in now:
            if interruption.after:
                interruption.action()
        return result


def lose_answer() -> None:
    """The request has had its effect, and nobody will know."""
    raise Undecided("simulated: the answer was lost")


def refuse() -> None:
    """The request has no effect, and nobody will know."""
    raise Undecided("simulated: the request was lost")


class CrashError(BaseException):
    """The process ends here."""


def crash() -> None:
    raise CrashError
