"""A store that counts what it is asked for: requests are what a query costs, bytes are what it takes its time with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock

from shards.storage import Data, Entry, Store


class Counted:
    """Another store, with a count of the calls, and of the bytes that were read.

    Ranges of one object that are far apart are several requests of one call, so the true number may be higher.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._requests = 0
        self._bytes = 0

    @property
    def traffic(self) -> tuple[int, int]:
        """(requests, bytes read) so far."""
        with self._lock:
            return self._requests, self._bytes

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def mapped(self) -> bool:
        return self._store.mapped

    def get(self, name: str) -> memoryview:
        data = self._store.get(name)
        self._count(data.nbytes)
        return data

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        found = self._store.get_ranges(name, ranges)
        self._count(sum(data.nbytes for data in found))
        return found

    def create(self, name: str, data: Data) -> bool:
        self._count()
        return self._store.create(name, data)

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        self._count()
        return self._store.list(prefix, after=after, limit=limit)

    def delete(self, names: Sequence[str]) -> None:
        self._count()
        self._store.delete(names)

    def size(self, name: str) -> int:
        self._count()
        return self._store.size(name)

    def _count(self, size: int = 0) -> None:
        with self._lock:
            self._requests += 1
            self._bytes += size
