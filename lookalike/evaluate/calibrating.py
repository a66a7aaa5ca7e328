"""Calibrating: how often strangers among an index's own images score how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.scoring import Scorer
from lookalike.evaluate.tally import Tally
from shards.errors import QueryError
from shards.families import Family, Rows, rates
from shards.families.rates import RateTable
from shards.search.all_rows import AllRows
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Snapshot

PAIRS = 4_000_000
"""Pairs to compare unless told otherwise: 40 of them at a false rate of 1e-5. Each family takes seconds."""

SAMPLE = 20_000
"""Images that are read, at most, however large the index is."""

COPY_RATE = 1e-9
"""False rate below which another family's word is taken that two images are copies, and no strangers."""

FEWEST = 1000
"""Images of an index that can be calibrated: of fewer, not a million pairs exist."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found out about the images of one index."""

    images: int
    """Images of the index."""

    sample: int
    """Images that were compared."""

    pairs: int
    """Pairs that were compared."""

    copies: int
    """Pairs that were left out: equal signatures, or copies to another family."""

    tables: Mapping[str, RateTable]
    """By family: false rates, nowhere below those that the family has everywhere."""

    measured_up_to: Mapping[str, float]
    """By family: the score up to which there were pairs enough; beyond, the family's own table goes on from there."""


def calibrate(
    snapshot: Snapshot,
    families: tuple[Family, ...],
    seed: int,
    *,
    pairs: int = PAIRS,
    parallel_map: ParallelMap,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Compare random pairs of stored images. Raises QueryError for an index of too few."""
    everything = AllRows.of(snapshot, parallel_map)
    images = len(everything.at)
    if images < FEWEST:
        raise QueryError(
            f"{images:,} images are too few to calibrate: {FEWEST:,} or more are needed; the measured rates of the"
            " families hold meanwhile"
        )
    chance = np.random.default_rng(seed)
    wanted = np.sort(chance.choice(images, min(images, SAMPLE), replace=False))
    rows = {kind.name: everything.signatures_of(kind, wanted) for kind in families}
    asked = chance.permutation(len(wanted))[: -(-pairs // len(wanted))]
    return _measured(images, families, rows, asked, progress)


def _measured(
    images: int,
    families: tuple[Family, ...],
    rows: Mapping[str, Rows],
    asked: NDArray[np.int64],
    progress: Callable[[int, int], None] | None,
) -> Calibration:
    scorers = [Scorer(kind, rows[kind.name]) for kind in families]
    tallies = {scorer.kind.name: Tally(100.0, scorer.floor) for scorer in scorers}
    sample = len(next(iter(rows.values())))
    places = np.arange(sample)
    copies = 0
    for n, place in enumerate(asked):
        scores = [scorer.scores(scorer.kind.asked(scorer.rows[place, None])) for scorer in scorers]
        rate_of = np.array([scorer.kind.rates.rates(each) for scorer, each in zip(scorers, scores, strict=True)])
        is_copy = np.all([scorer.rows == scorer.rows[place] for scorer in scorers], axis=0)
        copies += int((is_copy | (rate_of <= COPY_RATE).any(axis=0)).sum()) - 1
        for f, scorer in enumerate(scorers):
            by_others = (np.delete(rate_of, f, axis=0) <= COPY_RATE).any(axis=0)
            others = np.flatnonzero(~is_copy & ~by_others & (places != place))
            tallies[scorer.kind.name].add(int(place), 0, others, scores[f][others])
        if progress is not None:
            progress(n + 1, len(asked))
    points = {name: tally.strangers().table() for name, tally in tallies.items()}
    tables = {kind.name: stricter(kind.rates, [point[:2] for point in points[kind.name]]) for kind in families}
    up_to = {name: found[-1][0] for name, found in points.items()}
    return Calibration(images, sample, len(asked) * (sample - 1), copies, tables, up_to)


def stricter(known: RateTable, measured: list[tuple[float, float]]) -> RateTable:
    """Return the higher of both false rates at each score.

    Never less than is known, since what people send is framed, captioned and blurred, and then more alike to strangers
    than the images of an index are to each other. Beyond the last measured score, the known rates go on, as many times
    higher as at that score.
    """
    if len(measured) < 2:
        return known
    found = RateTable(tuple(measured))
    last = measured[-1][0]
    higher = max(1.0, found.rate(last) / known.rate(last))
    scores = sorted({score for score, _ in (*known.points, *measured)})
    points = [(0.0, 1.0)]
    for score in scores[1:]:
        rate = max(found.rate(score), known.rate(score)) if score <= last else higher * known.rate(score)
        rate = min(rate, 1.0)
        if rates.LEAST < rate < points[-1][1]:
            points.append((score, rate))
    return RateTable(tuple(points)) if len(points) > 1 else known
