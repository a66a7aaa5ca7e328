"""Lists of hashes as arrays of numpy."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from lookalike.interchange.dump import Batch, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes import arrays
from lookalike.interchange.hashes.hash_list import HashList
from lookalike.interchange.hashes.rows import UNKNOWN_QUALITY
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.stored import RowUnfit, key_of
from shards.errors import DumpUnreadable
from shards.families.hashes import Pdq
from shards.table.format.texts import Texts


class ArrayList(HashList):
    """Arrays of keys and of hashes, which belong together place by place."""

    def __init__(self, file: DumpFile, options: DumpOptions) -> None:
        super().__init__(file, options)
        for option in ("columns", "null", "hash_form"):
            if getattr(options, option) is not None:
                raise DumpUnreadable(f"{file.name}: arrays need no --{option.replace('_', '-')}: leave it out")
        self._arrays = arrays.open_arrays(file, options)
        self.families = tuple(kind.name for kind in self._arrays.families.values())
        self.size = self._arrays.rows

    def batches(self) -> Iterator[Batch]:
        """Yield the rows of the arrays."""
        try:
            for first, keys, words in self._arrays.batches():
                yield self._batch(first, keys, words)
                self.done = first + len(keys)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            self.faults.append(f"the arrays cannot be read to their end: {error}")

    def _batch(self, first: int, texts: list[str], words: arrays.Hashes) -> Batch:
        keys: list[bytes] = []
        refused: list[Refused] = []
        good = np.ones(len(texts), np.bool_)
        for at, text in enumerate(texts):
            try:
                keys.append(key_of(text, arrays.KEYS))
            except RowUnfit as error:
                refused.append(Refused(f"place {first + at:,}", str(error)))
                good[at] = False
        signatures = {}
        for kind in self._arrays.families.values():
            signatures[kind.name] = rows = np.zeros(int(good.sum()), kind.dtype)
            rows["hash"] = words[kind.name][good]
            if isinstance(kind, Pdq):
                rows["quality"] = UNKNOWN_QUALITY
        numbers = np.flatnonzero(good).astype(np.uint64) + np.uint64(first)
        return Batch(numbers, Texts.of(keys), signatures, None, refused)
