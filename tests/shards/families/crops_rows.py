"""Rows of crops: of pictures that show parts of each other, and of nobody's pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.crops.row import QUESTION_ROW, STORED_ROW


def strangers(seed: int, count: int) -> Rows:
    """Stored rows of 48 random features, each somewhere else."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, STORED_ROW)
    rows["count"], rows["width"], rows["height"] = 48, 346, 260
    rows["features"] = rng.integers(0, 256, rows["features"].shape, np.uint8)
    rows["features"][..., 10] = rng.integers(12, 28, (count, 48))
    set_weak(rows, np.array([3, 7, 11]))
    return rows


def set_weak(rows: Rows, weak: NDArray[np.int64]) -> None:
    """Make these the weakest bits of every word."""
    features = rows["features"]
    features[..., 11] = features[..., 11] & 15 | weak[0] << 4
    features[..., 12] = weak[1] | weak[2] << 4


def as_questions(rows: Rows) -> Rows:
    questions = np.zeros(len(rows), QUESTION_ROW)
    for name in ("count", "width", "height"):
        questions[name] = rows[name]
    questions["min_share"] = 3
    questions["features"][:, :48] = rows["features"]
    return questions


def copies(rows: Rows, seed: int, kept: int, *, flipped: int = 4, moved: int = 1, turned: int = 2) -> Rows:
    """Stored rows that share `kept` features with these, a little changed, in another order."""
    rng = np.random.default_rng(seed)
    made = strangers(seed + 1000, len(rows))
    for name in ("count", "width", "height"):
        made[name] = rows[name]
    for row, original in zip(made, rows, strict=True):
        features = original["features"][rng.permutation(48)[:kept]].copy()
        codes = np.ascontiguousarray(features[:, :8]).view("<u8")[:, 0]
        for _ in range(flipped):
            # bits of the word are wrong only where they are weak
            bit = rng.choice([4, 8, 12, *range(17, 64)], kept).astype(np.uint64)
            codes ^= np.uint64(1) << bit
        features[:, :8] = codes[:, None].view(np.uint8)
        places = features[:, 8:10].astype(np.int64) + rng.integers(-moved, moved + 1, (kept, 2))
        features[:, 8:10] = np.clip(places, 0, 255)
        bits = features[:, 10].astype(np.int64) | (features[:, 11].astype(np.int64) & 15) << 8
        angle = (bits >> 6) + rng.integers(-turned, turned + 1, kept)
        bits = bits & 63 | (angle & 63) << 6
        features[:, 10], features[:, 11] = bits & 255, features[:, 11] & 240 | bits >> 8
        row["features"][rng.permutation(48)[:kept]] = features
    return made
