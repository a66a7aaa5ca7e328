"""The file of IQDB 0.9: a header, then a record of 288 bytes for each image.

Everything is little-endian. Header: the version (one byte) and the sizes of the types it was written with (3 bytes),
the number of images (8), the place of the first record (8). Record: the image's number (8), the coefficients as int16
[3][40] in no order, the averages as float64 [3], width and height (8 each).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lookalike.interchange.dump import Batch, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.iqdb import signatures
from lookalike.interchange.sqlite.keys import keys_of
from shards.errors import DumpUnreadable
from shards.families.haar.row import ROW
from shards.families.haar.wavelet import COEFFICIENTS

VERSION = 9
SIZES = b"\x08\x21\x34"
"""Sizes of the types on the machines that IQDB runs on, as its header has them."""

HEADER = 20
RECORD = np.dtype(
    [("id", "<u8"), ("sig", "<i2", (3, COEFFICIENTS)), ("avgl", "<f8", (3,)), ("width", "<u8"), ("height", "<u8")]
)

FARTHEST = 1 << 40
"""A byte at which no image can begin: no database of IQDB was as large."""

MAX_SIDE = (1 << 32) - 1
"""The longest side that a record of ours has room for."""

AT_ONCE = 1 << 15

NAMED = 10_000
"""Missing records that are refused one by one: a header may claim any number."""


def is_one(head: bytes) -> bool:
    """Return whether a file that begins like this was written by IQDB, of whatever version."""
    return len(head) >= HEADER and head[1:4] == SIZES


class OldFile:
    """The images of such a file."""

    def __init__(self, file: DumpFile) -> None:
        """Read the header. Raises DumpUnreadable where it is of another version."""
        self.notes: list[str] = []
        self.faults: list[str] = []
        self._done = 0
        self._file = file
        version = file.head[0]
        if version != VERSION:
            raise DumpUnreadable(
                f"{file.name}: is a database of IQDB in version {version}, and only {VERSION} can be read,"
                " that of IQDB 0.9: open it with 'iqdb convert' of evazion/iqdb, and import what that writes"
            )
        self._size = int.from_bytes(file.head[4:12], "little")
        self._first = int.from_bytes(file.head[12:HEADER], "little")
        if not HEADER <= self._first < FARTHEST:
            raise DumpUnreadable(
                f"{file.name}: the header is damaged: it says that images begin at byte {self._first:,}"
            )

    @property
    def share(self) -> float:
        """The share of the images that is read, 0 to 1."""
        return self._done / max(self._size, 1)

    def batches(self) -> Iterator[Batch]:
        """Yield the images in the order of the file."""
        with self._file.open() as file:
            file.seek(self._first)
            while self._done < self._size:
                wanted = min(AT_ONCE, self._size - self._done)
                data = file.read(wanted * RECORD.itemsize)
                records = np.frombuffer(data, RECORD, len(data) // RECORD.itemsize)
                if len(records):
                    yield self._batch(records)
                if len(records) < wanted:
                    yield self._missing()
                    return

    def _batch(self, records: np.ndarray[tuple[int], np.dtype[np.void]]) -> Batch:
        numbers = np.arange(self._done, self._done + len(records), dtype=np.uint64)
        self._done += len(records)
        haar = np.empty(len(records), ROW)
        haar["sig"], haar["avgl"] = records["sig"], records["avgl"]
        wrong = signatures.check(haar)
        ids = records["id"].tolist()
        refused = [Refused(f"image {ids[row]}", reason) for row, reason in wrong.items()]
        texts, _ = keys_of(ids, "id")
        width, height = (np.minimum(records[side], MAX_SIDE).astype(np.uint32) for side in ("width", "height"))
        good = np.setdiff1d(np.arange(len(records)), list(wrong))
        return Batch(
            numbers[good],
            texts.take(good),
            {"haar": haar[good]},
            refused=refused,
            width=width[good],
            height=height[good],
        )

    def _missing(self) -> Batch:
        """Refuse the records that the header counts and the file does not have."""
        reason = f"the file ends before it: the header counts {self._size:,} images"
        last = min(self._size, self._done + NAMED)
        refused = [Refused(f"record {number + 1}", reason) for number in range(self._done, last)]
        if last < self._size:
            self.faults.append(f"the file ends early: {self._size - last:,} more images are missing")
        self._done = self._size
        none = np.zeros(0, np.uint64)
        return Batch(none, keys_of([], "id")[0], {"haar": np.zeros(0, ROW)}, refused=refused)
