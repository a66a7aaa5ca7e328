# ruff: noqa: ARG002 - stands in for a reader
"""Pictures, rows and segments to test families with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards import families
from shards.errors import CorruptObject
from shards.families.base import BLOCK, Family, Row, Rows
from shards.pictures.decoding import Picture


@dataclass(frozen=True)
class Columns:
    """The columns of a segment, held in memory and as read-only as those of a mapped file."""

    arrays: dict[str, NDArray[Any]]
    rows: int

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        part = self.arrays[name][start:stop]
        part.flags.writeable = False
        return part

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        return [self.column(name, start, stop) for start, stop in ranges]

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        return 0

    def length(self, name: str) -> int | None:
        return len(self.arrays[name]) if name in self.arrays else None

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        return (self.arrays[name].dtype, self.arrays[name].shape) if name in self.arrays else None

    def damaged(self, name: str, problem: str) -> CorruptObject:
        return CorruptObject("a segment", f"column {name} {problem}")


def segment(family: Family, rows: Rows) -> Columns:
    """Return a segment of these rows."""
    return Columns(family.columns(rows), len(rows))


@lru_cache
def segment_of_many(family_name: str) -> Columns:
    """Return a segment of this family's `many` samples, built once."""
    family = families.family(family_name)
    return segment(family, samples(family).many)


def scene(seed: int, height: int = 90, width: int = 120) -> Picture:
    """Return a picture with content at several scales, in colour, the same for the same seed."""
    rng = np.random.default_rng(seed)
    rgb = np.zeros((height, width, 3))
    for cells, contrast in ((2, 110), (5, 80), (16, 45), (45, 20)):
        patches = rng.random((cells, cells, 3))
        down = np.arange(height) * cells // height
        across = np.arange(width) * cells // width
        rgb += contrast * patches[np.ix_(down, across)]
    return Picture(rgb.astype(np.uint8))


def flat(colour: tuple[int, int, int], height: int = 40, width: int = 30) -> Picture:
    """Return a picture of one colour."""
    return Picture(np.full((height, width, 3), colour, np.uint8))


def noise(height: int, width: int) -> Picture:
    """Return a picture of random pixels, the same for the same size."""
    return Picture(np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8))


EDGE_PICTURES = {
    "one pixel": noise(1, 1),
    "2 x 2": noise(2, 2),
    "one line": noise(1, 600),
    "one column": noise(600, 1),
    "noise": noise(97, 61),
    "black": flat((0, 0, 0)),
    "white": flat((255, 255, 255)),
    "grey": flat((128, 128, 128)),
    "red": flat((254, 0, 0)),
    "a 1-level step": Picture(
        np.repeat(np.arange(100, 102, dtype=np.uint8), 20)[None, :, None].repeat(30, 0).repeat(3, 2)
    ),
}


@dataclass(frozen=True)
class Samples:
    """Rows of a family, read-only."""

    signatures: Rows
    """Signatures of 24 different scenes."""

    many: Rows
    """Two blocks of rows and a bit, many of them equal; rows 11, BLOCK + 1 and the last occur once."""


SAMPLES: dict[str, Samples] = {}
"""Samples by the family's name, computed once, since every test asks for them."""


def samples(family: Family) -> Samples:
    """Return the samples of a family."""
    if family.name not in SAMPLES:
        signatures = np.array([family.compute(scene(seed)) for seed in range(24)], family.dtype)
        many = signatures[np.random.default_rng(7).integers(0, len(signatures) - 3, 2 * BLOCK + 37)]
        many[[11, BLOCK + 1, len(many) - 1]] = signatures[-3:]
        signatures.flags.writeable = many.flags.writeable = False
        SAMPLES[family.name] = Samples(signatures, many)
    return SAMPLES[family.name]


def single(row: Row) -> Rows:
    """Return the row as an array of one element."""
    return np.array([row], row.dtype)
