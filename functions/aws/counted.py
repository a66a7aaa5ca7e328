"""A store that counts requests and bytes: requests are what a query costs, bytes are what takes its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

from shards.storage import Store
from shards.storage.delegating import DelegatingStore, Verb

Result = TypeVar("Result")


class Counted(DelegatingStore):
    """Another store, with a count of the requests and of the bytes that were read.

    Ranges of one object that are far apart are several requests of one call, so the true number may be higher.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._lock = Lock()
        self._requests = 0
        self._bytes = 0

    @property
    def traffic(self) -> tuple[int, int]:
        """(requests, bytes read) so far."""
        with self._lock:
            return self._requests, self._bytes

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        with self._lock:
            self._requests += 1
        return super().request(verb, name, send)

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        data = super().get(name, max_bytes)
        self._read(data.nbytes)
        return data

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        views = super().get_ranges(name, ranges)
        self._read(sum(view.nbytes for view in views))
        return views

    def _read(self, size: int) -> None:
        with self._lock:
            self._bytes += size
