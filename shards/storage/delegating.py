"""A store that passes every request on to another one: the base of stores that count, delay or fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias, TypeVar

from shards.storage.base import Data, Entry, Store

Result = TypeVar("Result")

Verb: TypeAlias = Literal["get", "get_ranges", "create", "list", "delete", "size"]


class DelegatingStore:
    """A store that passes every request on to another one.

    A subclass overrides `request` to do something about every request, or single methods of the store.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        """Make one request of the inner store, by calling `send`, and return its answer.

        `name`: the object, the prefix of a listing, or the names to delete with spaces between them.
        """
        del verb, name
        return send()

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def mapped(self) -> bool:
        return self.inner.mapped

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        return self.request("get", name, lambda: self.inner.get(name, max_bytes))

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        return self.request("get_ranges", name, lambda: self.inner.get_ranges(name, ranges))

    def create(self, name: str, data: Data) -> bool:
        return self.request("create", name, lambda: self.inner.create(name, data))

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        return self.request("list", prefix, lambda: self.inner.list(prefix, after=after, limit=limit))

    def delete(self, names: Sequence[str]) -> None:
        self.request("delete", " ".join(names), lambda: self.inner.delete(names))

    def size(self, name: str) -> int:
        return self.request("size", name, lambda: self.inner.size(name))
