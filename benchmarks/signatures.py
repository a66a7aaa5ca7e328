"""Realistic signatures in any number: real pictures' rows, crossed and perturbed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import DEFAULT, family
from shards.images import Picture, decode

PICTURES = Path(__file__).parent.parent / "demo" / "pictures"


@lru_cache
def real_rows() -> dict[str, NDArray[np.void]]:
    """Rows of crops and orientations of the demo's pictures, in every default family: some hundreds."""
    pictures: list[Picture] = []
    for path in sorted(PICTURES.glob("*.jpg")):
        whole = decode(path.read_bytes())
        for top in (0.0, 0.3):
            for left in (0.0, 0.25):
                part = whole.rgb[int(top * whole.height) :, int(left * whole.width) :]
                pictures += Picture(np.ascontiguousarray(part)).orientations()
    return {
        name: np.array([family(name).compute(picture) for picture in pictures], family(name).dtype) for name in DEFAULT
    }


def perturbed(count: int, seed: int) -> dict[str, NDArray[Any]]:
    """`count` rows of every default family: each value from one of two real parents, then a little noise."""
    rng = np.random.default_rng(seed)
    real = real_rows()
    parents = len(real["haar"])
    a, b = rng.integers(0, parents, (2, count))
    rows: dict[str, NDArray[Any]] = {}
    rows["haar"] = cross_haar(real["haar"][a], real["haar"][b], rng)
    rows["goldberg"] = real["goldberg"][a].copy()
    planes_a, planes_b = real["goldberg"]["planes"][a], real["goldberg"]["planes"][b]
    take = np.packbits(rng.random((count, 272)) < 0.5, axis=1)[:, None, :]
    rows["goldberg"]["planes"] = (planes_a & take) | (planes_b & ~take)
    for name in ("dhash", "phash"):
        mask = rng.integers(0, 2**64, (count, 1), np.uint64)
        crossed = (real[name]["hash"][a] & mask) | (real[name]["hash"][b] & ~mask)
        rows[name] = np.zeros(count, family(name).dtype)
        rows[name]["hash"] = crossed ^ (np.uint64(1) << rng.integers(0, 64, (count, 1), np.uint64))
    return rows


def cross_haar(one: NDArray[Any], other: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Each coefficient from one parent or the other, 40 different ones a channel, sorted."""
    both = np.sort(np.concatenate([one["sig"], other["sig"]], axis=2), axis=2)
    repeat = np.zeros(both.shape, bool)
    repeat[:, :, 1:] = both[:, :, 1:] == both[:, :, :-1]
    chosen = np.argsort(rng.random(both.shape) + repeat, axis=2)[:, :, :40]
    rows = np.zeros(len(one), one.dtype)
    rows["sig"] = np.sort(np.take_along_axis(both, chosen, axis=2), axis=2)
    share = rng.random((len(one), 1))
    rows["avgl"] = one["avgl"] * share + other["avgl"] * (1 - share)
    return rows
