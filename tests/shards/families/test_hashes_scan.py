"""Scanning hashes for several questions in one pass: each finds what it finds alone, with its own bar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families.hashes import ImageHash, Pdq, scan
from shards.families.hashes.near import Near
from shards.testing.samples import Columns


def stored(words: int, count: int, seed: int) -> NDArray[np.uint64]:
    """Hashes that are dense around zero and sparse far from it: (count, words)."""
    rng = np.random.default_rng(seed)
    hashes = np.zeros((count, words), np.uint64)
    for _ in range(20):
        flips = np.uint64(1) << rng.integers(0, 64, (count, words), np.uint64)
        hashes ^= np.where(rng.random((count, 1)) < rng.random((count, 1)), flips, np.uint64(0))
    return hashes


@given(
    seed=st.integers(0, 2**32),
    family=st.sampled_from([ImageHash("dhash"), Pdq()]),
    count=st.integers(1, 700),
    asked=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    limit=st.sampled_from([1, 4, 50]),
    radius=st.sampled_from([0, 9, 40, 64]),
    with_dead=st.booleans(),
)
def test_questions_scanned_together_find_what_each_finds_alone(
    seed: int, family: ImageHash | Pdq, count: int, asked: list[int], limit: int, radius: int, with_dead: bool
) -> None:
    rng = np.random.default_rng(seed)
    words = family.dtype["hash"].shape[0]
    hashes = stored(words, count, seed)
    rows = np.zeros(count, family.dtype)
    rows["hash"] = hashes
    reader = Columns({family.name: rows}, count)
    # some among the rows, some far from all of them: their bars sink to different distances
    questions = [
        hashes[rng.integers(0, count, n)] ^ (rng.integers(0, 1 << 64, (n, words), np.uint64) * np.uint64(n % 2))
        for n in asked
    ]
    dead = np.arange(0, count, 3, dtype=np.uint32) if with_dead else None

    def found(some: list[NDArray[np.uint64]]) -> list[Near]:
        return scan.scan(reader, family.name, some, radius=radius, limit=limit, dead=dead)

    with pytest.MonkeyPatch.context() as patch:
        # several blocks, steps and pieces of few rows
        for name, value in (("BLOCK", 32), ("FIRST", 8), ("PIECE", 256), ("COMPARED", 200)):
            patch.setattr(scan, name, value)
        together = found(questions)

    for question, near in zip(questions, together, strict=True):
        distances = np.bitwise_count(hashes[:, None] ^ question).sum(axis=2, dtype=np.int64)
        best = distances.min(axis=1)
        alive = np.ones(count, bool)
        if dead is not None:
            alive[dead] = False
        ranked = np.sort(best[alive & (best <= radius)])
        bar = ranked[min(limit, len(ranked)) - 1] if len(ranked) else -1
        nearest = np.flatnonzero(alive & (best <= bar))
        at = {
            row: (distance, query) for row, distance, query in zip(near.rows, near.distances, near.queries, strict=True)
        }

        assert len(at) == len(near)
        assert set(nearest.tolist()) <= at.keys()
        assert all(at[row] == (best[row], distances[row].argmin()) for row in at)
        assert all(alive[row] and best[row] <= radius for row in at)
