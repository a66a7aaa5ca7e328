"""Columns of texts: byte strings of any length, such as keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW_BYTES = 1 << 15
"""Bytes of texts up to which each is indexed: ten texts take 10 µs then, and not 120."""

PIECE = 1 << 14
"""Texts that become Python objects at a time where many are walked over: a megabyte or so."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Byte strings end to end: string i is `data[offsets[i]:offsets[i + 1]]`."""

    data: NDArray[np.uint8]
    """(bytes,) uint8."""

    offsets: NDArray[np.uint64]
    """(n + 1,) uint64, rising from 0."""

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Texts:
        offsets = np.zeros(len(texts) + 1, np.uint64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), offsets)

    @classmethod
    def empty(cls, texts: int) -> Texts:
        """Return so many texts without a byte."""
        return cls(np.empty(0, np.uint8), np.zeros(texts + 1, np.uint64))

    def check(self, name: str, texts: int) -> None:
        """Raise ValueError unless these are so many texts, end to end. `name`: that of the column."""
        check_kind(name, self.data, self.offsets)
        if len(self.offsets) != texts + 1:
            raise ValueError(f"column {name}.offsets has {len(self.offsets):,} places, {texts:,} records need one more")
        if (
            self.offsets[0] != 0
            or int(self.offsets[-1]) != len(self.data)
            or (self.offsets[1:] < self.offsets[:-1]).any()
        ):
            raise ValueError(
                f"column {name}.offsets does not rise from 0 to the {len(self.data):,} bytes of {name}.data"
            )

    def check_utf8(self) -> None:
        """Raise UnicodeDecodeError, about the first text that is not UTF-8 by itself."""
        for start in range(0, len(self), PIECE):
            offsets = self.offsets[start : start + PIECE + 1]
            data = self.data[int(offsets[0]) : int(offsets[-1])]
            begins = offsets[:-1][offsets[:-1] < offsets[1:]] - offsets[0]
            # where each text begins with a character, they are UTF-8 together only if each is
            is_whole = not ((data[begins] & 0xC0) == 0x80).any()
            if is_whole:
                try:
                    data.tobytes().decode()
                except UnicodeDecodeError:
                    is_whole = False
            if not is_whole:
                for n in range(start, start + len(offsets) - 1):
                    self[n].decode()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> bytes:
        return self.data[int(self.offsets[i]) : int(self.offsets[i + 1])].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the texts; memory holds some thousands at a time."""
        for start in range(0, len(self), PIECE):
            offsets = self.offsets[start : start + PIECE + 1]
            data = self.data[int(offsets[0]) : int(offsets[-1])].tobytes()
            for first, last in pairwise((offsets - offsets[0]).tolist()):
                yield data[first:last]

    def tolist(self) -> list[bytes]:
        return list(self)

    def take(self, rows: NDArray[np.integer[Any]]) -> Texts:
        """Return these texts, in this order."""
        if len(rows) == len(self) and (rows == np.arange(len(rows))).all():
            return self
        return Texts.gather([self], [rows.astype(np.int64)], np.arange(len(rows)))

    @staticmethod
    def gather(parts: Sequence[Texts], rows: Sequence[NDArray[np.int64]], places: NDArray[np.int64]) -> Texts:
        """Return some texts of each part, `rows`, one part after the other, put in another order.

        `places`: (n,) int64, the place in the result of each of those n.
        """
        lengths = np.empty(len(places), np.int64)
        edges = np.cumsum([0, *map(len, rows)]).tolist()
        for part, some, (start, stop) in zip(parts, rows, pairwise(edges), strict=True):
            lengths[places[start:stop]] = part.offsets[some + 1] - part.offsets[some]
        offsets = np.zeros(len(places) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(int(offsets[-1]), np.uint8)
        for part, some, (start, stop) in zip(parts, rows, pairwise(edges), strict=True):
            here = places[start:stop]
            _copy(part.data, part.offsets[some].astype(np.int64), data, offsets[here], lengths[here])
        return Texts(data, offsets.view(np.uint64))

    def equals(self, others: Texts) -> NDArray[np.bool_]:
        """Return (n,) bool: True where text i is text i of `others`, which are as many."""
        same: NDArray[np.bool_] = np.diff(self.offsets) == np.diff(others.offsets)
        alike = np.flatnonzero(same)
        ours, theirs = (self, others) if len(alike) == len(same) else (self.take(alike), others.take(alike))
        differing = np.flatnonzero(ours.data != theirs.data)
        # of the texts that begin at one place the last has bytes, the others are empty
        same[alike[np.searchsorted(ours.offsets, differing.astype(np.uint64), "right") - 1]] = False
        return same

    @staticmethod
    def join(parts: Sequence[Texts]) -> Texts:
        starts = np.cumsum([0, *(len(part.data) for part in parts)]).astype(np.uint64)
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=False)]
        return Texts(np.concatenate([part.data for part in parts]), np.concatenate([*offsets, starts[-1:]]))


def _copy(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    into: NDArray[np.uint8],
    places: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> None:
    """Copy so many bytes from each start in `data` to each place in `into`.

    Texts of one length are copied whole, by one call: that takes a tenth of the time that indexing each byte does.
    There are few lengths: n different ones make n² / 2 bytes of text. Those of a search's hits are indexed.
    """
    if len(into) <= FEW_BYTES:
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        into[np.repeat(places, lengths) + within] = data[np.repeat(starts, lengths) + within]
        return
    by = np.argsort(lengths.astype(np.uint16) if lengths.max(initial=0) < 1 << 16 else lengths, kind="stable")
    rising = lengths[by]
    for first, last in pairwise(np.flatnonzero(np.diff(rising, prepend=0, append=-1)).tolist()):
        some, length = by[first:last], int(rising[first])
        _windows(into, length)[places[some]] = _windows(data, length)[starts[some]]


def _windows(data: NDArray[np.uint8], length: int) -> NDArray[np.void]:
    """Return what `length` bytes there are from each byte of `data` on, as single elements."""
    return np.ndarray((len(data) - length + 1,), f"V{length}", data, strides=(1,))


def check_kind(name: str, data: NDArray[Any], offsets: NDArray[Any]) -> None:
    """Raise ValueError unless the two columns of the texts `name` are of their types."""
    if (data.dtype, data.ndim) != (np.dtype(np.uint8), 1) or (offsets.dtype, offsets.ndim) != (np.dtype("<u8"), 1):
        raise ValueError(
            f"columns {name}.data and {name}.offsets are {data.dtype} and {offsets.dtype}, not uint8, uint64"
        )
