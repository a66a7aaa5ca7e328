"""Duplicates among hashes: every pair within some bits, in groups by star, beside a BK-tree in Python and numpy; and by
Haar, through the pairs that two hashes suggest, beside comparing all of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Result, optional, peak_memory, seconds
from benchmarks.signatures import perturbed
from lookalike.duplicates.find import RADIUS
from shards.families import Rows
from shards.families.haar import Haar
from shards.families.hashes import ImageHash, Pdq
from shards.families.hashes.hamming import WORD
from shards.families.hashes.join import plan_join
from shards.search.candidate_filters import filters_of
from shards.search.pairs import by_candidates, by_sorting

COUNT = 100_000
NEAR = 3
WIDER = 10
PDQ_NEAR = 31
ASKED = 300
"""Number of images that the baselines compare or look up: all of them would take minutes to hours."""

PLANTED = 50
"""One image in so many is a copy of another, and differs by a few bits in each hash."""


def run(count: int = COUNT) -> list[Result]:
    """Group duplicates. The baseline is pybktree if it is installed, else comparing each image with all in numpy."""
    hashes = clustered(count)
    family = ImageHash("dhash")
    rows = np.zeros(count, family.dtype)
    rows["hash"][:, 0] = hashes
    before = peak_memory()
    found: list[int] = []

    def group(radius: int) -> Callable[[], None]:
        # the plan for many: of few images all pairs would be compared
        how = plan_join(max(count, COUNT), family.bits, radius)
        assert how is not None
        return lambda: found.append(
            len(set(by_sorting(rows["hash"][:, 0], radius, how, np.copy, "star").heads.tolist()))
        )

    ours = seconds(group(NEAR))
    memory = (peak_memory() - before) >> 20
    detail = f"{found[0]:,} groups, {memory} MB of memory"
    name, theirs = _bk_tree(hashes) or ("each beside all others", _each(hashes, NEAR))
    target, limit = ("at most 1/500", 1 / 500) if name == "pybktree" else ("at most 1/10", 1 / 10)
    reached = count < COUNT or ours <= limit * theirs
    results = [Result(f"duplicates within {NEAR} bits", ours, name, theirs, detail, target, reached, count)]
    if count <= COUNT:
        wider = seconds(group(WIDER))
        every = _each(hashes, WIDER)
        results += [
            Result(f"duplicates within {WIDER} bits", wider, "each beside all others", every, "", rows=count),
            _long(count),
            _suggested(count),
        ]
    return results


def clustered(count: int) -> NDArray[np.uint64]:
    """Return three hashes around each centre on average, 0 to 4 bits from it; some of them are equal."""
    rng = np.random.default_rng(1)
    centres = rng.integers(0, 1 << 64, max(count // 3, 1), np.uint64)
    hashes = centres[rng.integers(0, len(centres), count)]
    for _ in range(4):
        hashes ^= rng.integers(0, 2, count, np.uint64) << rng.integers(0, 64, count, np.uint64)
    return hashes


def _long(count: int) -> Result:
    """Measure 256 bits: exact, by sorting four pieces of them."""
    family = Pdq()
    rows = np.zeros(count, family.dtype)
    rows["quality"] = 100
    for word in range(4):
        rows["hash"][:, word] = clustered(count)
    order = np.arange(count)
    found: list[int] = []

    def group() -> None:
        words = family.pair_words(rows, family.score_at(PDQ_NEAR))
        filters = filters_of(words.words, words.bits, words.radius)
        heads = by_candidates(family, rows, filters, order, family.score_at(PDQ_NEAR), "star").heads
        found.append(len(set(heads.tolist())))

    ours = seconds(group)
    asked = min(ASKED, count)
    comparing = seconds(lambda: [np.flatnonzero(family.distances(one, rows) <= PDQ_NEAR) for one in rows[:asked]])
    every = comparing / asked * count / 2
    detail = f"{found[0]:,} groups"
    return Result(f"duplicates within {PDQ_NEAR} of 256 bits", ours, "every pair", every, detail, rows=count)


def _suggested(count: int) -> Result:
    """Measure Haar signatures, with hashes of pictures that are as similar as these."""
    family = Haar()
    rows = perturbed("haar", count, seed=3)
    hashes = [perturbed(name, count, seed=3)["hash"][:, 0].copy() for name in ("dhash", "phash")]
    copies = count // PLANTED
    rows[:copies] = rows[copies : 2 * copies]
    for one in hashes:
        one[:copies] = one[copies : 2 * copies] ^ np.uint64(0b10010001000)
    order = np.arange(count)
    found: list[int] = []

    def group() -> None:
        filters = filters_of(hashes, WORD, RADIUS)
        heads = by_candidates(family, rows, filters, order, family.match_score, "star").heads
        found.append(len(set(heads.tolist())))

    ours = seconds(group)
    every = _scored(family, rows) * count / 2
    detail = f"{found[0]:,} groups, of {copies:,} planted"
    target = "at most 1/50"
    reached = count < COUNT or ours <= every / 50
    return Result(
        "haar duplicates, pairs suggested by hashes", ours, "every pair", every, detail, target, reached, count
    )


def _scored(family: Haar, rows: Rows) -> float:
    """Return the seconds to score one signature against all."""
    queries = family.asked(rows[: ASKED // 10])
    return seconds(lambda: [family.score(one, rows) for one in queries]) / len(queries)


def _bk_tree(hashes: NDArray[np.uint64]) -> tuple[str, float] | None:
    """Return the seconds to build the tree and look up each hash; None where pybktree is not installed."""
    pybktree = optional("pybktree")
    if pybktree is None:
        return None
    numbers = hashes.tolist()
    trees = []
    building = seconds(lambda: trees.append(pybktree.BKTree(pybktree.hamming_distance, numbers)))
    asked = numbers[:ASKED]
    asking = seconds(lambda: [trees[0].find(number, NEAR) for number in asked])
    return "pybktree", building + asking / len(asked) * len(numbers)


def _each(hashes: NDArray[np.uint64], radius: int) -> float:
    """Return the seconds to compare each hash with all others."""
    asked = hashes[:ASKED]
    asking = seconds(lambda: [np.flatnonzero(np.bitwise_count(hashes ^ one) <= radius) for one in asked])
    return asking / len(asked) * len(hashes)
