"""A store that lets something else happen at a chosen request: one schedule, told like a story."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from shards.errors import Undecided
from shards.storage.base import Data, Entry, Store

Result = TypeVar("Result")

Verb: TypeAlias = Literal["get", "get_ranges", "create", "list", "delete"]


@dataclass(slots=True, eq=False)
class Interruption:
    """What happens, once, at the n-th request of a verb for a name that begins so, before or after its effect."""

    verb: Verb
    prefix: str
    action: Callable[[], object]
    after: bool
    countdown: int


class InterleavedStore:
    """One actor's way to the store, and the places where others come between."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
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
    def url(self) -> str:
        return self.inner.url

    @property
    def mapped(self) -> bool:
        return True

    def get(self, name: str) -> memoryview:
        return self._request("get", name, lambda: self.inner.get(name))

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        return self._request("get_ranges", name, lambda: self.inner.get_ranges(name, ranges))

    def size(self, name: str) -> int:
        return self.inner.size(name)

    def create(self, name: str, data: Data) -> bool:
        return self._request("create", name, lambda: self.inner.create(name, data))

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        return iter(self._request("list", prefix, lambda: [*self.inner.list(prefix, after=after, limit=limit)]))

    def delete(self, names: Sequence[str]) -> None:
        self._request("delete", names[0] if names else "", lambda: self.inner.delete(names))

    def _request(self, verb: Verb, name: str, effect: Callable[[], Result]) -> Result:
        self.requests.append((verb, name))
        due = [one for one in self._interruptions if one.verb == verb and name.startswith(one.prefix)]
        for one in due:
            one.countdown -= 1
        now = [one for one in due if one.countdown == 0]
        self._interruptions = [one for one in self._interruptions if one not in now]
        for one in now:
            if not one.after:
                one.action()
        result = effect()
        for one in now:
            if one.after:
                one.action()
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
