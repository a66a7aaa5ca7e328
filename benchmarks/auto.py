"""A question to all families of a new index beside the top 10 of Haar signatures, warm and in one thread.

Where something certain is found, the dear rows are not asked. Families are searched one after the other, as stages do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from benchmarks import crops
from benchmarks.measure import Result, median_seconds
from benchmarks.signatures import crossed_goldberg, crossed_haar, crossed_hashes, real_rows
from shards.families import DEFAULT, Rows, family
from shards.families.resident import Resident

COUNT = 1_000_000

QUERIES = 10

CERTAIN, OPEN = 3, 7
"""Times that a question may take as long as one to haar, where something certain is found and where nothing is."""


def run(count: int = COUNT) -> list[Result]:
    """Ask `count` rows for pictures that are not among them."""
    took = {name: _seconds(name, count) for name in DEFAULT}
    first = sum(cheap for cheap, _ in took.values())
    everything = first + sum(dear for _, dear in took.values())
    shares = ", ".join(f"{name} {(cheap + dear) / took['haar'][0]:.2f}" for name, (cheap, dear) in took.items())
    return [
        _result("auto, something certain is found", first, took["haar"][0], CERTAIN, shares, count),
        _result("auto, nothing certain is found", everything, took["haar"][0], OPEN, shares, count),
    ]


def _result(name: str, ours: float, haar: float, most: int, shares: str, count: int) -> Result:
    target = f"at most {most} of its time"
    return Result(name, ours, "haar, exact top 10", haar, shares, target, ours <= most * haar, rows=count)


def _seconds(name: str, count: int) -> tuple[float, float]:
    """Return the seconds of a question's cheap rows in one family, and those of its dear ones."""
    rows, questions = _rows(name, count)
    kind = family(name)
    reader = Resident(kind.columns(rows), count)

    def typical(parts: Sequence[Rows]) -> float:
        asked = [part for part in parts if len(part)]
        work = [partial(kind.search, part, reader, limit=10) for part in asked]
        return float(np.median([median_seconds(one, runs=3) for one in work])) if work else 0.0

    return (
        typical([rows[~kind.is_dear(rows)] for rows in questions]),
        typical([rows[kind.is_dear(rows)] for rows in questions]),
    )


def _rows(name: str, count: int) -> tuple[Rows, list[Rows]]:
    """Return rows that are like real ones, and questions for others."""
    if name == "crops":
        parents, questions = crops.real()
        return crops.crossed(parents, count, seed=0), questions[:QUERIES]
    parents = real_rows(name)
    held_out = len(parents) // 10
    if name in ("haar", "goldberg"):
        cross = crossed_haar if name == "haar" else crossed_goldberg
        rows, asked = cross(parents[held_out:], count, seed=0), cross(parents[:held_out], QUERIES, seed=1)
    elif name == "pdq":
        rows, asked = _long_hashes(parents[held_out:], count, 0), _long_hashes(parents[:held_out], QUERIES, 1)
    else:
        rows = crossed_hashes([parents[held_out:]], count, seed=0)
        asked = crossed_hashes([parents[:held_out]], QUERIES, seed=1)
    return rows, [family(name).asked(asked[n : n + 1]) for n in range(QUERIES)]


def _long_hashes(parents: Rows, count: int, seed: int) -> Rows:
    """Return hashes of several words with each bit from one of two real ones, which may be any two."""
    rng = np.random.default_rng(seed)
    one, other = (parents["hash"][rng.integers(0, len(parents), count)] for _ in range(2))
    chosen = rng.integers(0, 1 << 64, one.shape, np.uint64)
    rows = np.zeros(count, parents.dtype)
    rows["hash"] = (one & chosen) | (other & ~chosen)
    return rows
