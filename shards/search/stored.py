"""What has to be known of stored pictures to judge what families found: which are flat, and which file each is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shards.families import Family
from shards.search.flatness import stored_flat
from shards.search.found import FoundRow
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Source, hex_of


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one picture."""

    flat: dict[str, bool]
    """Whether it is flat, by family; of others, what the witnesses of the index say."""

    witnessed: bool

    sha256: str


class StoredPictures:
    """Stored pictures of one snapshot, by key. They are read for those alone that some family calls something."""

    def __init__(self, parallel_map: ParallelMap) -> None:
        self._parallel_map = parallel_map
        self._known: dict[bytes, _Known] = {}

    def read(self, called: Iterable[tuple[FoundRow, Family]]) -> None:
        """Read about the pictures that these families call something, unless it is known. All sources at once."""
        by_source = dict[int, list[tuple[FoundRow, Family]]]()
        for row, family in called:
            known = self._known.get(row.key)
            if known is None or family.name not in known.flat:
                by_source.setdefault(id(row.source), []).append((row, family))
        for found in self._parallel_map(_read, list(by_source.values())):
            for key, now in found.items():
                before = self._known.get(key)
                self._known[key] = now if before is None else _Known(before.flat | now.flat, now.witnessed, now.sha256)

    def is_flat(self, key: bytes, family: str) -> bool:
        """Return whether the picture is flat to the family. False where nothing was read about it."""
        known = self._known.get(key)
        return known is not None and known.flat.get(family, known.witnessed)

    def is_file(self, key: bytes, sha256: str) -> bool:
        """Return whether the picture's file has this digest. False where it is unknown, or nothing was read."""
        known = self._known.get(key)
        return known is not None and known.sha256 == sha256 != ""


def _read(called: list[tuple[FoundRow, Family]]) -> dict[bytes, _Known]:
    """Return what is known of these pictures, which are all in one source, by key."""
    source: Source = called[0][0].source
    rows = {row.key: row.row for row, _ in called}
    families = {family.name: family for _, family in called}
    at = np.array(list(rows.values()), np.int64)
    digests = source.reader.pick(at, ["sha256"]).columns["sha256"]
    flat, witnessed = stored_flat(source, at, list(families.values()))
    return {
        key: _Known({name: bool(flat[name][n]) for name in flat}, bool(witnessed[n]), hex_of(digests[n].tobytes()))
        for n, key in enumerate(rows)
    }
