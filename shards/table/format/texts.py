"""Columns of texts: byte strings of any length, such as keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


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

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> bytes:
        return self.data[int(self.offsets[i]) : int(self.offsets[i + 1])].tobytes()

    def tolist(self) -> list[bytes]:
        data, offsets = self.data.tobytes(), self.offsets.tolist()
        return [data[start:stop] for start, stop in pairwise(offsets)]

    def take(self, rows: NDArray[np.intp]) -> Texts:
        starts = self.offsets[rows].astype(np.int64)
        lengths = self.offsets[rows + 1].astype(np.int64) - starts
        offsets = np.zeros(len(rows) + 1, np.uint64)
        np.cumsum(lengths, out=offsets[1:])
        # byte j of the result comes from where its text starts, plus how far into the text it is
        within = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1].astype(np.int64), lengths)
        return Texts(self.data[np.repeat(starts, lengths) + within], offsets)

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


def check_kind(name: str, data: NDArray[Any], offsets: NDArray[Any]) -> None:
    """Raise ValueError unless the two columns of the texts `name` are of their types."""
    if (data.dtype, data.ndim) != (np.dtype(np.uint8), 1) or (offsets.dtype, offsets.ndim) != (np.dtype("<u8"), 1):
        raise ValueError(
            f"columns {name}.data and {name}.offsets are {data.dtype} and {offsets.dtype}, not uint8, uint64"
        )
