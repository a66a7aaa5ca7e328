"""The hashes of the ImageHash package as families: dhash, dhash_vertical, phash, ahash, whash, whash_db4."""

from __future__ import annotations

import re
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError, SignatureError
from shards.families.base import Row, Rows
from shards.families.hashes import kinds
from shards.families.hashes.hamming import HammingFamily, number_of, words_of, words_of_number
from shards.families.measured import TABLES
from shards.pictures.decoding import Picture

ALGORITHMS = MappingProxyType(
    {
        "dhash": kinds.dhash,
        "dhash_vertical": kinds.dhash_vertical,
        "phash": kinds.phash,
        "ahash": kinds.ahash,
        "whash": kinds.whash,
        "whash_db4": kinds.whash_db4,
    }
)

KINDS: tuple[str, ...] = tuple(ALGORITHMS)

DEFAULT_SIZE = 8
SIZES = range(2, 33)
WAVELET_SIZES = MappingProxyType({"whash": (2, 4, 8, 16, 32), "whash_db4": (8, 16, 32)})
"""Sizes of wavelet hashes: powers of two, since each level of a wavelet halves the picture. Below 8 the db4 filter
would be longer than the lines it filters, and all coefficients boundary effects."""

UNMEASURED = 10 / 64
"""Share of the bits within which two hashes are usually said to show the same, where nobody has measured it."""

SIGNED = range(-(1 << 63), 1 << 63)


class ImageHash(HammingFamily):
    """A hash of the ImageHash package, of size × size bits; whash_db4 has (size + 6) × (size + 6).

    Row: `hash`, ceil(bits / 64) words `<u8`. Text: hexadecimal exactly as `str(imagehash.ImageHash)`, in either case;
    for hashes of 64 bits also the signed decimal number that a PostgreSQL `bigint` shows. 16 hexadecimal digits are
    always read as hexadecimal, even if all are decimal: `from_signed` takes numbers without that ambiguity.

    The match scores of dhash and phash are measured. Of the other kinds and sizes, the usual advice counts. Raises
    QueryError for an unknown kind or size.
    """

    version = 1

    def __init__(self, kind: str, size: int = DEFAULT_SIZE) -> None:
        if kind not in ALGORITHMS:
            raise QueryError(f"no hash is called {kind!r}; there are {', '.join(KINDS)}")
        sizes = WAVELET_SIZES.get(kind, SIZES)
        if size not in sizes:
            raise QueryError(f"{kind} has no size {size}; it can be one of {', '.join(map(str, sizes))}")
        self.kind = kind
        self.size = size
        self.name = kind if size == DEFAULT_SIZE else f"{kind}{size}"
        self.bits = (size + kinds.DB4_MARGIN if kind == "whash_db4" else size) ** 2
        self.dtype = np.dtype([("hash", "<u8", (-(-self.bits // 64),))])
        is_measured = self.name in TABLES
        self.match_score = self.match_score_measured() if is_measured else self.score_at(self.bits * UNMEASURED)

    def compute(self, picture: Picture) -> Row:
        return self._row(words_of(ALGORITHMS[self.kind](picture.luma, self.size)))

    def parse(self, text: str) -> Row:
        digits = -(-self.bits // 4)
        if re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", text):
            number = int(text, 16)
            if number >> self.bits:
                raise SignatureError(f"{text!r} is more than the {self.bits} bits of a {self.name}")
            return self._row(words_of_number(number, self.dtype["hash"].shape[0]))
        if self.bits == 64 and re.fullmatch("-?[0-9]{1,19}", text):
            return self.from_signed(int(text))
        decimal = ", or a signed decimal number of 64 bits" if self.bits == 64 else ""
        raise SignatureError(f"{_shown(text)} is no {self.name}: that is {digits} hexadecimal digits{decimal}")

    def format(self, row: Row) -> str:
        return f"{number_of(row['hash']):0{-(-self.bits // 4)}x}"

    def from_signed(self, number: int) -> Row:
        """Return the hash in a signed 64-bit integer, as databases without unsigned integers store it.

        Raises SignatureError if the family's hashes do not have 64 bits, or the number has more.
        """
        if self.bits != 64 or number not in SIGNED:
            raise SignatureError(f"{number} is no {self.name}: it is no signed number of {self.bits} bits")
        return self._row(words_of_number(number % (1 << 64), 1))

    def to_signed(self, row: Row) -> int:
        """Return the hash as a signed 64-bit integer. Raises SignatureError if it does not have 64 bits."""
        if self.bits != 64:
            raise SignatureError(f"a {self.name} has {self.bits} bits, and only 64 fit a signed integer")
        number = number_of(row["hash"])
        return number - (1 << 64) if number >> 63 else number

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        """Return (rows,) bool: hashes with at most one bit in 16 unlike the others.

        Plain pictures have all bits 0 (phash: all but the mean's), and noise that survives the reduction to a few
        pixels sets some more; a ramp from dark to bright has all bits of a dhash 1. Stronger noise sets more bits,
        but others in each picture, so such hashes are not alike in the first place.
        """
        ones = self.count_ones(rows)
        return np.minimum(ones, self.bits - ones) <= self.bits // 16

    def _row(self, words: NDArray[np.uint64]) -> Row:
        row: Row = np.array([(words,)], self.dtype)[0]
        return row


def _shown(text: str) -> str:
    """Return text from outside for a message, short and printable."""
    return ascii(text if len(text) <= 80 else text[:77] + "...")
