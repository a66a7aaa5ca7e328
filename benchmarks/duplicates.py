"""Duplicates among 64-bit hashes: every pair within 3 bits, in groups by star, beside a BK-tree in Python."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Result, peak_memory, seconds
from shards.families.hashes import ImageHash
from shards.families.hashes.join import plan
from shards.search.stars import stars_by_joining

COUNT = 100_000
RADIUS = 3
ASKED = 300
"""Hashes looked up in the BK-tree: each takes as long as any other, and all of them would take minutes."""


def run(count: int = COUNT) -> list[Result]:
    """The baseline is pybktree where it is installed, else comparing each hash with all others in numpy."""
    hashes = clustered(count)
    family = ImageHash("dhash")
    rows = np.zeros(count, family.dtype)
    rows["hash"][:, 0] = hashes
    before = peak_memory()
    found: list[int] = []

    def group(radius: int) -> Callable[[], None]:
        def work() -> None:
            how = plan(count, family.bits, radius)
            assert how is not None
            found.append(sum(1 for _ in stars_by_joining(family, rows, radius, how, np.copy)))

        return work

    ours = seconds(group(RADIUS))
    memory = (peak_memory() - before) >> 20
    detail = f"{count:,} hashes, {found[0]:,} groups, {memory} MB of memory"
    name, theirs = _bk_tree(hashes) or ("each beside all others", _each(hashes))
    bar, limit = ("at most 1/500", 1 / 500) if name == "pybktree" else ("at most 1/10", 1 / 10)
    results = [Result(f"duplicates within {RADIUS} bits", ours, name, theirs, detail, bar, ours <= limit * theirs)]
    if count <= COUNT:
        wider = seconds(group(10))
        results.append(Result("duplicates within 10 bits", wider, "each beside all others", _each(hashes), ""))
    return results


def clustered(count: int) -> NDArray[np.uint64]:
    """Three hashes around each centre on average, 0 to 4 bits from it; some of them equal."""
    rng = np.random.default_rng(1)
    centres = rng.integers(0, 1 << 64, count // 3, np.uint64)
    hashes = centres[rng.integers(0, len(centres), count)]
    for _ in range(4):
        hashes ^= rng.integers(0, 2, count, np.uint64) << rng.integers(0, 64, count, np.uint64)
    return hashes


def _bk_tree(hashes: NDArray[np.uint64]) -> tuple[str, float] | None:
    """Seconds to build the tree and look up each hash; None where it is not installed."""
    try:
        pybktree = importlib.import_module("pybktree")
    except ImportError:
        return None
    numbers = hashes.tolist()
    trees = []
    building = seconds(lambda: trees.append(pybktree.BKTree(pybktree.hamming_distance, numbers)))
    asking = seconds(lambda: [trees[0].find(number, RADIUS) for number in numbers[:ASKED]])
    return "pybktree", building + asking / ASKED * len(numbers)


def _each(hashes: NDArray[np.uint64]) -> float:
    """Seconds to compare each hash with all others."""
    asking = seconds(lambda: [np.flatnonzero(np.bitwise_count(hashes ^ one) <= RADIUS) for one in hashes[:ASKED]])
    return asking / ASKED * len(hashes)
