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
"""Powers of two, since each level of a wavelet halves the picture. Below 8 the db4 filter is longer than what it
filters: all coefficients would be boundary effects, and PyWavelets says so."""

SIGNED = range(-(1 << 63), 1 << 63)


class ImageHash(HammingFamily):
    """One hash of the ImageHash package, of size × size bits; whash_db4 has (size + 6) × (size + 6).

    Row: `hash`, ceil(bits / 64) words `<u8`. Text: hexadecimal exactly as `str(imagehash.ImageHash)`, in either
    case; for hashes of 64 bits also the signed decimal number that a PostgreSQL `bigint` shows. 16 characters that
    are all hexadecimal digits are always hexadecimal: give decimals to `from_signed`, which cannot mistake them.

    Two hashes of 64 bits within 10 bits usually show the same picture; the same share of the bits counts as a match
    at other sizes. Raises QueryError for a kind or size that there is not.
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
        self.match_score = self.score_at(self.bits * 10 / 64)

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
        """The hash that a signed 64-bit integer holds, as databases without unsigned integers store it.

        Raises SignatureError where the hash has not 64 bits, or the number more.
        """
        if self.bits != 64 or number not in SIGNED:
            raise SignatureError(f"{number} is no {self.name}: it is no signed number of {self.bits} bits")
        return self._row(words_of_number(number % (1 << 64), 1))

    def to_signed(self, row: Row) -> int:
        """The hash as a signed 64-bit integer. Raises SignatureError where it has not 64 bits."""
        if self.bits != 64:
            raise SignatureError(f"a {self.name} has {self.bits} bits, and only 64 fit a signed integer")
        number = number_of(row["hash"])
        return number - (1 << 64) if number >> 63 else number

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        """Hashes with at most one bit in 16 unlike the others.

        Plain pictures have all bits 0 (phash: all but the mean's), and what noise survives the reduction to a few
        pixels sets some more; a ramp from dark to bright has all bits of a dhash 1. Where noise is strong enough to
        set more, it sets different bits each time, and such hashes are not alike in the first place.
        """
        ones = self.count_ones(rows)
        return np.minimum(ones, self.bits - ones) <= self.bits // 16

    def _row(self, words: NDArray[np.uint64]) -> Row:
        row: Row = np.array([(words,)], self.dtype)[0]
        return row


def _shown(text: str) -> str:
    """The text for a message: whatever a stranger sent, short and printable."""
    return ascii(text if len(text) <= 80 else text[:77] + "...")
