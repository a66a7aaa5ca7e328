"""The contract of an object store: a few verbs, and no overwrite.

`tests/contracts/stores.py` is the test class that every backend passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Data: TypeAlias = bytes | memoryview
"""What is written. What is read comes back as a read-only memoryview, mapped where the store can."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object in a listing: `size` in bytes, `modified` in seconds since 1970 by the store's clock."""

    name: str
    size: int
    modified: float


class Store(Protocol):
    """A place for immutable objects.

    Names are relative, parts joined by `/`, of the characters `a-z A-Z 0-9 . _ -`. Safe to use from several
    threads. Anything may also raise StorageError, and Undecided when the store could not say what happened.
    """

    @property
    def url(self) -> str:
        """Where this is, for messages and for opening it again: `memory://…`, a path, `s3://bucket/prefix`."""
        ...

    @property
    def mapped(self) -> bool:
        """Whether views are of the stored bytes themselves: cost no memory, and are the same each time."""
        ...

    def get(self, name: str) -> memoryview:
        """The whole object. Raises ObjectNotFound."""
        ...

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        """The bytes from start up to, not including, stop for each (start, stop), in order, in one call.

        Ranges may overlap and come in any order; near ones are fetched together. A range that ends past the
        object comes back short. Raises ObjectNotFound.
        """
        ...

    def create(self, name: str, data: Data) -> bool:
        """Write the object if there is none of this name: True if written, False if it was there already.

        Of any number of creators at once exactly one gets True. After True, the object survives a crash.
        """
        ...

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        """Objects whose name begins with `prefix`, by name, those that sort after `after`, at most `limit`."""
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Remove these objects. One that is not there is no error."""
        ...

    def size(self, name: str) -> int:
        """Bytes of the object. Raises ObjectNotFound."""
        ...
