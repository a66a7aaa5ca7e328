"""Hashes of pictures as values, to be compared without an index.

>>> from lookalike import Hash
>>> Hash.from_hex("f0e0c08000000000") - Hash.from_hex("f0e0c08000000001")
1
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lookalike.questions import BitHash, bits_of
from lookalike.signatures.compute import PictureLike, load
from shards.errors import SignatureError
from shards.families.hashes import ImageHash
from shards.families.hashes.hamming import number_of, words_of
from shards.pictures.decoding import PictureSettings

SIGNED = range(-(1 << 63), 1 << 63)

SMALLEST = 2
"""Bits of a line: from here on the number of hex digits says how many there are."""


@dataclass(frozen=True, slots=True)
class Hash:
    """A square of bits. Behaves like an `imagehash.ImageHash`, and is a question for an index, as that is.

    `str` gives hex digits, `len` the number of bits, `int` one number of them all, and `-` the number of bits in which
    it differs from another hash.
    """

    number: int
    """All bits, the first one the most significant."""

    side: int
    """Bits of a line."""

    def __post_init__(self) -> None:
        if self.side < SMALLEST or not 0 <= self.number < 1 << self.side**2:
            raise SignatureError(f"{self.number} is no hash of {self.side} × {self.side} bits")

    @classmethod
    def from_bits(cls, bits: NDArray[np.bool_]) -> Hash:
        """Return the hash of (side, side) bits. Raises SignatureError for another shape."""
        if bits.ndim != 2 or bits.dtype != np.bool_ or bits.shape[0] != bits.shape[1]:
            raise SignatureError(f"{bits.dtype} of shape {bits.shape} is no hash: give a square of bits")
        return cls(number_of(words_of(bits)), len(bits))

    @classmethod
    def from_hex(cls, text: str) -> Hash:
        """Return the hash in hex digits, as `str` and ImageHash write it. Raises SignatureError."""
        side = isqrt(4 * len(text))
        if not re.fullmatch("[0-9a-fA-F]+", text) or -(-(side**2) // 4) != len(text):
            raise SignatureError(f"{text[:80]!a} is no hash: give the hex digits of a square of bits, such as 16")
        return cls(int(text, 16), side)

    @classmethod
    def from_signed(cls, number: int) -> Hash:
        """Return the hash of 64 bits in a signed integer, as databases keep it. Raises SignatureError."""
        if number not in SIGNED:
            raise SignatureError(f"{number} is no signed number of 64 bits")
        return cls(number % (1 << 64), 8)

    @property
    def hash(self) -> NDArray[np.bool_]:
        """(side, side) bool."""
        size = self.side**2
        data = np.frombuffer((self.number << -size % 8).to_bytes(-(-size // 8), "big"), np.uint8)
        return np.unpackbits(data)[:size].astype(np.bool_).reshape(self.side, self.side)

    def __str__(self) -> str:
        return f"{self.number:0{-(-len(self) // 4)}x}"

    def __int__(self) -> int:
        return self.number

    def __len__(self) -> int:
        return self.side**2

    def __sub__(self, other: object) -> int:
        """Return the number of bits that differ. Raises TypeError for what is no hash, or one of another shape."""
        if not isinstance(other, BitHash):
            return NotImplemented
        bits = bits_of(other)
        if bits.shape != (self.side, self.side):
            shape = " × ".join(map(str, bits.shape))
            raise TypeError(f"a hash of {self.side} × {self.side} bits and one of {shape} cannot be compared")
        return (self.number ^ number_of(words_of(bits))).bit_count()


def dhash(image: PictureLike, size: int = 8, settings: PictureSettings | None = None) -> Hash:
    """Return the hash of a picture: a path, the bytes of a file, or a `Picture`. Raises PictureError, QueryError.

    `size`: bits of a line. `settings`: how the picture is decoded; unless given, it is turned as its EXIF orientation
    says, and lies over white where it is transparent, which ImageHash does not do.
    """
    return _computed("dhash", image, size, settings)


def dhash_vertical(image: PictureLike, size: int = 8, settings: PictureSettings | None = None) -> Hash:
    """Return the hash of the differences from above to below. As `dhash`."""
    return _computed("dhash_vertical", image, size, settings)


def phash(image: PictureLike, size: int = 8, settings: PictureSettings | None = None) -> Hash:
    """Return the hash of a picture's lowest frequencies. As `dhash`."""
    return _computed("phash", image, size, settings)


def ahash(image: PictureLike, size: int = 8, settings: PictureSettings | None = None) -> Hash:
    """Return the hash that ImageHash calls average_hash. As `dhash`."""
    return _computed("ahash", image, size, settings)


def whash(image: PictureLike, size: int = 8, settings: PictureSettings | None = None) -> Hash:
    """Return the hash of a picture's Haar wavelets. As `dhash`."""
    return _computed("whash", image, size, settings)


def _computed(kind: str, image: PictureLike, size: int, settings: PictureSettings | None) -> Hash:
    row = ImageHash(kind, size).compute(load(image, settings or PictureSettings()))
    return Hash(number_of(row["hash"]), size)
