"""The part of a store below a prefix, as a store of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage._names import check_name
from shards.storage.base import Data, Entry, Store
from shards.storage.ranges import check_ranges


class PrefixedStore:
    """The objects of another store whose names begin with `<prefix>/`, under the rest of their names."""

    def __init__(self, around: Store, prefix: str) -> None:
        check_name(prefix)
        self.around = around
        self.prefix = f"{prefix}/"

    @property
    def url(self) -> str:
        around = self.around.url
        return f"{around}{'' if around.endswith('/') else '/'}{self.prefix[:-1]}"

    @property
    def mapped(self) -> bool:
        return self.around.mapped

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        with self._naming(name):
            return self.around.get(self.prefix + name, max_bytes)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        check_ranges(name, ranges)
        with self._naming(name):
            return self.around.get_ranges(self.prefix + name, ranges)

    def create(self, name: str, data: Data) -> bool:
        return self.around.create(self.prefix + name, data)

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        start = self.prefix + after if after else ""
        for entry in self.around.list(self.prefix + prefix, after=start, limit=limit):
            yield replace(entry, name=entry.name.removeprefix(self.prefix))

    def delete(self, names: Sequence[str]) -> None:
        self.around.delete([self.prefix + name for name in names])

    def size(self, name: str) -> int:
        with self._naming(name):
            return self.around.size(self.prefix + name)

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """Give an object that is missing or wrong the name under which it was asked for here."""
        try:
            yield
        except ObjectNotFound:
            raise ObjectNotFound(name, self.url) from None
        except CorruptObject as error:
            raise CorruptObject(name, error.problem) from None
