"""Protocols of an index, as far as ingest needs one.

`lookalike.index` lies above, so that an index may offer what this package does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from shards.table.format.records import Order, Record
from shards.table.format.settings import IndexSettings
from shards.table.read.snapshot import Image


class KnownImages(Protocol):
    """The images that an index has."""

    def count(self) -> int:
        """Return how many there are."""
        ...

    def images(self, keys: Iterable[str]) -> dict[str, Image]:
        """Return those of these keys that there are, by key."""
        ...

    def list(self, *, prefix: str = "") -> Iterator[Image]:
        """Yield all whose key begins so."""
        ...


class Writer(KnownImages, Protocol):
    """An index that can be written."""

    @property
    def url(self) -> str: ...

    @property
    def settings(self) -> IndexSettings: ...

    def records_of(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return those of these records that there are, by key."""
        ...

    def orders(self, keys: Sequence[str], at: Order | None = None) -> Sequence[Order]:
        """Return for each key an order of now that is later than the newest state of the key.

        `at`: an earlier order, to give instead unless the newest state lies in the future.
        """
        ...

    def write(self, records: Sequence[Record]) -> None:
        """Write these in one log object, all or none."""
        ...

    def pressure(self) -> tuple[int, int]:
        """Return (log objects, bytes) that wait to be folded."""
        ...

    def compact(self) -> object:
        """Fold the log, and merge small segments."""
        ...

    def collect(self) -> object:
        """Delete objects that no reader can need any more."""
        ...
