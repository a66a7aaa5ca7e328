"""A store that counts what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from shards.storage.base import Store
from shards.storage.delegating import DelegatingStore, Verb
from shards.storage.ranges import join

Result = TypeVar("Result")


class CountingStore(DelegatingStore):
    """`requests`: calls since the last reset; `bytes_read`: what they brought; `calls`: (verb, name) of each.

    Not mapped, whatever lies below: each read is fetched and checked, as from a bucket. Ranges less than `gap` bytes
    apart are fetched together, with what lies between them.
    """

    def __init__(self, inner: Store, gap: int = 1) -> None:
        super().__init__(inner)
        self.gap = gap
        self.reset()

    def reset(self) -> None:
        self.calls: list[tuple[Verb, str]] = []
        self.bytes_read = 0

    @property
    def requests(self) -> int:
        return len(self.calls)

    @property
    def mapped(self) -> bool:
        return False

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        self.calls.append((verb, name))
        return super().request(verb, name, send)

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        data = super().get(name, max_bytes)
        self.bytes_read += len(data)
        return data

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        size = self.inner.size(name)
        self.bytes_read += sum(min(stop, size) - min(start, size) for start, stop in join(ranges, self.gap))
        return super().get_ranges(name, ranges)
