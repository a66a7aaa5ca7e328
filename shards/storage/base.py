"""The contract of an object store: a few verbs, and no overwrite.

`shards.testing.StoreTests` is the test class that every backend passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from shards.errors import CorruptObject

Data: TypeAlias = bytes | memoryview
"""The bytes to write. Bytes that are read come back as a read-only memoryview, mapped where the store can."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object in a listing."""

    name: str

    size: int
    """Bytes."""

    modified: float
    """When the object was created, in seconds since 1970 by the store's clock."""


def check_size(name: str, size: int, max_bytes: int | None) -> None:
    """Raise CorruptObject where an object has more bytes than it may have."""
    if max_bytes is not None and size > max_bytes:
        raise CorruptObject(name, f"has {size:,} bytes, and no object of its kind has more than {max_bytes:,}")


class Store(Protocol):
    """A place for immutable objects.

    Names are relative, parts joined by `/`, of the characters `a-z A-Z 0-9 . _ -`. Safe to use from several
    threads. Every method may also raise StorageError, and Undecided when the store could not say what happened.
    """

    @property
    def url(self) -> str:
        """The store's address, for messages and for opening it again: `memory://…`, a path, `s3://bucket/prefix`."""
        ...

    @property
    def mapped(self) -> bool:
        """True where views are of the stored bytes themselves: they cost no memory, and are the same each time."""
        ...

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        """Return the whole object. Raises ObjectNotFound.

        Raises CorruptObject, and reads nothing, where the object has more than `max_bytes`.
        """
        ...

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Return the bytes from start up to, not including, stop for each (start, stop), in order, in one call.

        Ranges may overlap and come in any order; near ones are fetched together. A range that ends past the
        object comes back short. Raises ObjectNotFound.
        """
        ...

    def create(self, name: str, data: Data) -> bool:
        """Write the object if there is none of this name; return True if written, False if it was there already.

        Of any number of creators at once exactly one gets True. After True, the object survives a crash.
        """
        ...

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        """List objects by name: those that begin with `prefix` and sort after `after`, at most `limit`."""
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Delete these objects. A missing one is no error."""
        ...

    def size(self, name: str) -> int:
        """Return the bytes of the object. Raises ObjectNotFound."""
        ...
