"""What all lists of hashes have in common as dumps."""

from __future__ import annotations

from typing import ClassVar

from lookalike.interchange.dump import Dump
from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes.roles import Roles
from lookalike.interchange.hashes.rows import RowMaker
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable

SAMPLE = 1000
"""Rows by which columns are told apart."""

OWN_KEY = "the hash is its own key, since nothing else names the pictures; equal hashes become one image"
NO_QUALITY = "rows without a quality, which are taken as reliable (100)"


class HashList(Dump):
    """A list of hashes."""

    kind: ClassVar[str] = "hashes"

    def __init__(self, file: DumpFile, options: DumpOptions) -> None:
        super().__init__()
        self.size = file.packed_size
        self._file = file
        self._options = options

    def _take(self, roles: Roles) -> None:
        """Take note of what the columns are for. Raises DumpUnreadable."""
        self.families = tuple(reader.family.name for reader in roles.hashes.values())
        if roles.key is None:
            if len(roles.hashes) != 1:
                raise DumpUnreadable(f"{self._file.name}: nothing but hashes: a column must name the pictures")
            self.notes.append(OWN_KEY)

    def _finish(self, maker: RowMaker) -> None:
        """Say what was noticed of the rows."""
        if maker.without_quality:
            self.notes.append(f"{NO_QUALITY}: {maker.without_quality:,}")
