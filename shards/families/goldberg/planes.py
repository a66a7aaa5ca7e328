"""Signatures as bit planes: 102 bytes a row, and dot products by counting bits.

A value of -2..2 is three bits: it is positive, it is negative, it is ±2. The 272 independent values make three planes
of 34 bytes. Dot products are integers, so a distance is the same to the last bit in any block, in any order, on any
machine. Dot products of whole signatures are twice those of their independent values, which cancels out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families.base import Row, Rows
from shards.families.goldberg.grid import INDEPENDENT, USUAL, VALUES, antisymmetric

PLANE_BYTES = len(INDEPENDENT) // 8
WORDS_A_PLANE = -(-PLANE_BYTES // 8)

ROW = np.dtype([("planes", "u1", (3, PLANE_BYTES))])
"""Type of a row: the planes positive, negative and ±2. Bit i of a plane is bit i % 8 of byte i // 8."""

NOT_ANTISYMMETRIC = (
    "the comparison of a grid point with its neighbour is not that of the neighbour with the point, negated; this is "
    "no signature of a picture, or its order is another"
)
"""What is wrong with values that no picture has."""

CHUNK = 4096
"""Rows compared at a time: their planes as words are 0.5 MB and stay in the L2 cache."""


def pack_independent(values: NDArray[np.int8]) -> Rows:
    """Return the (n,) rows of (n, 272) values of -2..2."""
    rows = np.empty(len(values), ROW)
    for plane, bits in enumerate((values > 0, values < 0, np.abs(values) == 2)):
        # a plane fills its bytes, so all of them are packed in one go
        rows["planes"][:, plane] = np.packbits(bits.reshape(-1), bitorder="little").reshape(-1, PLANE_BYTES)
    return rows


def pack(whole: NDArray[Any]) -> Rows:
    """Return the (n,) rows of (n, 648) whole signatures. Raises SignatureError for values that are no signature."""
    if whole.ndim != 2 or whole.shape[1] != VALUES or whole.dtype.kind not in "iu":
        raise SignatureError(
            f"a goldberg signature has {VALUES} integers; this is {whole.dtype} of shape {whole.shape}"
        )
    if whole.size and not -2 <= whole.min() <= whole.max() <= 2:
        raise SignatureError(f"goldberg signature: values are -2 to 2, not {whole.min()} to {whole.max()}")
    if not antisymmetric(whole.astype(np.int8)).all():
        raise SignatureError(f"goldberg signature: {NOT_ANTISYMMETRIC}")
    return pack_independent(whole[:, INDEPENDENT].astype(np.int8))


def pack_each(whole: NDArray[np.int8]) -> tuple[Rows, NDArray[np.bool_]]:
    """Return the rows of those of (n, 648) values of -2..2 that pictures can have, and (n,) bool: which these are."""
    good = antisymmetric(whole)
    independent = whole.take(INDEPENDENT, axis=1)
    return pack_independent(independent if good.all() else independent[good]), good


def unpack(rows: Rows) -> NDArray[np.int8]:
    """Return the whole signatures, (n, 648) int8, of (n,) rows."""
    bits = np.unpackbits(rows["planes"], axis=2, bitorder="little").astype(np.int8)
    positive, negative, twice = bits[:, 0], bits[:, 1], bits[:, 2]
    return USUAL.expand((positive - negative) * (1 + twice))


def check_planes(rows: Rows) -> None:
    """Raise SignatureError if a value is both positive and negative, or neither and yet ±2."""
    positive, negative, twice = np.moveaxis(rows["planes"], 1, 0)
    if (positive & negative).any():
        raise SignatureError("goldberg signature: a value is marked both positive and negative")
    if (twice & ~(positive | negative)).any():
        raise SignatureError("goldberg signature: a value is marked ±2 but neither positive nor negative")


def negate(row: Row) -> Row:
    """Return the row with every value negated."""
    rows = np.array([row], ROW)
    rows["planes"][:, [0, 1]] = rows["planes"][:, [1, 0]]
    negated: Row = rows[0]
    return negated


def is_blank(rows: Rows) -> NDArray[np.bool_]:
    """Return (n,) bool: signatures whose values are all 0."""
    return np.asarray((rows["planes"] == 0).all(axis=(1, 2)))


def distances(query: Row, rows: Rows) -> NDArray[np.float64]:
    """Return (n,) float64: ‖a - b‖ / (‖a‖ + ‖b‖), 0 = same, 1 = opposite; to or from a blank signature 1."""
    asked = _words(np.array([query], ROW))
    own = int(_squares(asked)[0])
    out = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        words = _words(rows[start : start + CHUNK])
        out[start : start + CHUNK] = distances_from(own, _squares(words), _dots(asked, words))
    return out


def distances_of_pairs(queries: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return (n,) float64: the distance of `queries[i]` and `rows[i]`, to the last bit as `distances` gives it."""
    out = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        asked, words = _words(queries[part]), _words(rows[part])
        out[part] = distances_from(_squares(asked), _squares(words), _dots(asked, words))
    return out


def distances_from(
    own: int | NDArray[np.integer], squares: NDArray[np.integer], dots: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return (n,) float64: distances of signatures of ‖a‖² = `own` and ‖b‖² = `squares`, given a·b = `dots`."""
    # below 0 only where the bits of a stored signature contradict each other
    apart = np.maximum(own + squares - 2 * dots, 0)
    lengths = np.sqrt(np.asarray(own, np.float64)) + np.sqrt(squares.astype(np.float64))
    blank = lengths == 0
    lengths[blank] = 1.0
    distance: NDArray[np.float64] = np.sqrt(apart.astype(np.float64)) / lengths
    distance[blank] = 1.0
    return distance


def _words(rows: Rows) -> NDArray[np.uint64]:
    """Return (3, 5, n) uint64: the planes word by word, so that every step below runs along the rows."""
    padded = np.zeros((len(rows), 3, WORDS_A_PLANE * 8), np.uint8)
    padded[:, :, :PLANE_BYTES] = rows["planes"]
    # bits are only counted, so the byte order within a word does not matter as long as it is the same
    return np.ascontiguousarray(padded.view(np.uint64).transpose(1, 2, 0))


def _squares(words: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return (n,) int32: Σ a², 1 for each value that is not 0 and 3 more for each ±2."""
    positive, negative, twice = words
    return _count(positive | negative) + 3 * _count(twice)


def _dots(query: NDArray[np.uint64], words: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return (n,) int32: Σ a·b for the queries (3, 5, n) of the rows, or one query (3, 5, 1) for all.

    A product is ±1, doubled where a is ±2 and doubled where b is: the bits of equal sign minus those of opposite sign,
    counted once, once more where b is ±2, and both again where a is.
    """
    positive, negative, twice = words
    asked_positive, asked_negative, asked_twice = query
    equal = (positive & asked_positive) | (negative & asked_negative)
    opposite = (positive & asked_negative) | (negative & asked_positive)
    total = _count(equal) - _count(opposite)
    for mask in (twice, asked_twice, twice & asked_twice):
        total += _count(equal & mask) - _count(opposite & mask)
    return total


def _count(bits: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return (n,) int32: the number of bits set in (5, n) words."""
    counts: NDArray[np.int32] = np.bitwise_count(bits).sum(axis=0, dtype=np.int32)
    return counts
