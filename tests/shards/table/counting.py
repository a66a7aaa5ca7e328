"""A store that counts what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shards.storage.base import Data, Entry, Store
from shards.storage.ranges import join


class CountingStore:
    """`requests`: calls since the last reset; `bytes_read`: what they brought; `calls`: (verb, name) of each.

    Not mapped, whatever lies below: each read is fetched and checked, as from a bucket. Ranges less than `gap` bytes
    apart are fetched together, with what lies between them.
    """

    def __init__(self, inner: Store, gap: int = 1) -> None:
        self.inner = inner
        self.gap = gap
        self.reset()

    def reset(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bytes_read = 0

    @property
    def requests(self) -> int:
        return len(self.calls)

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def mapped(self) -> bool:
        return False

    def get(self, name: str) -> memoryview:
        self.calls.append(("get", name))
        data = self.inner.get(name)
        self.bytes_read += len(data)
        return data

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        self.calls.append(("get_ranges", name))
        size = self.inner.size(name)
        self.bytes_read += sum(min(stop, size) - min(start, size) for start, stop in join(ranges, self.gap))
        return self.inner.get_ranges(name, ranges)

    def create(self, name: str, data: Data) -> bool:
        self.calls.append(("create", name))
        return self.inner.create(name, data)

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        self.calls.append(("list", prefix))
        return self.inner.list(prefix, after=after, limit=limit)

    def delete(self, names: Sequence[str]) -> None:
        self.calls.append(("delete", " ".join(names)))
        self.inner.delete(names)

    def size(self, name: str) -> int:
        self.calls.append(("size", name))
        return self.inner.size(name)
