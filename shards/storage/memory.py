"""Objects in this process: for tests, demos and simulations."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from threading import Lock

from shards.errors import ObjectNotFound
from shards.storage._names import check_name
from shards.storage.base import Data, Entry, check_size
from shards.storage.ranges import check_ranges


class MemoryStore:
    """A dict of objects behind a lock."""

    def __init__(self, url: str = "memory://", clock: Callable[[], float] = time.time) -> None:
        """Begin empty. `clock` returns the seconds since 1970 that a listing shows as `modified`."""
        self._url = url
        self._clock = clock
        self._lock = Lock()
        self._objects: dict[str, tuple[bytes, float]] = {}

    @property
    def url(self) -> str:
        return self._url

    @property
    def mapped(self) -> bool:
        return True

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        body = self._body(name)
        check_size(name, len(body), max_bytes)
        return memoryview(body)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        check_ranges(name, ranges)
        body = memoryview(self._body(name))
        return [body[start:stop] for start, stop in ranges]

    def create(self, name: str, data: Data) -> bool:
        check_name(name)
        body = bytes(data)
        with self._lock:
            if name in self._objects:
                return False
            self._objects[name] = (body, self._clock())
            return True

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        return islice(self._entries(prefix, after), limit)

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            check_name(name)
        with self._lock:
            for name in names:
                self._objects.pop(name, None)

    def size(self, name: str) -> int:
        return len(self._body(name))

    def _body(self, name: str) -> bytes:
        check_name(name)
        with self._lock:
            if name not in self._objects:
                raise ObjectNotFound(name, self._url)
            return self._objects[name][0]

    def _entries(self, prefix: str, after: str) -> Iterator[Entry]:
        with self._lock:
            listed = sorted(
                (name, len(body), modified)
                for name, (body, modified) in self._objects.items()
                if name.startswith(prefix)
            )
        for name, size, modified in listed[bisect_right(listed, after, key=lambda entry: entry[0]) :]:
            yield Entry(name, size, modified)


_shared: dict[str, MemoryStore] = {}


def shared(name: str) -> MemoryStore:
    """Return the store of this name, the same throughout this process."""
    # setdefault is atomic: two threads that open a name at once get one store
    return _shared.setdefault(name, MemoryStore(f"memory://{name}"))
