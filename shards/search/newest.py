"""Searches a snapshot for the newest states alone, as if the log's tail had been folded before.

Segments are scanned with rows of which the tail has a newer state. Those are left out of what is found. That is all,
unless a source had more to give and its next rows may be among the best: then it is scanned again without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np

from shards.errors import LookalikeError
from shards.search.found import FoundRow, ScanOutcome, best_by_lane, rank
from shards.search.query import Query
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Snapshot, Source

Scan: TypeAlias = Callable[[Sequence[Source]], Sequence[ScanOutcome]]
"""Scans sources, in this process or by workers, and returns the outcome of each, in order."""


def scan_newest(
    snapshot: Snapshot, query: Query, parallel_map: ParallelMap, scan: Scan
) -> list[tuple[Source, ScanOutcome]]:
    """Return every source that is scanned, with its best rows for each lane or the error that kept it from being.

    A source's rows may be left out where they are not among the best `limit` of all sources.
    """
    sources = snapshot.scanned
    outcomes = list(scan(sources))
    newest = parallel_map(lambda pair: _newest(snapshot, *pair), list(zip(sources, outcomes, strict=True)))
    lasts = _lasts(newest, query)
    again = [n for n, outcome in enumerate(newest) if _may_have_more(outcomes[n], outcome, lasts, query.limit)]
    if again:
        exact = snapshot.exact([sources[n] for n in again])
        for n, outcome in zip(again, scan(exact), strict=True):
            newest[n] = outcome
    return list(zip(sources, newest, strict=True))


def _newest(snapshot: Snapshot, source: Source, outcome: ScanOutcome) -> ScanOutcome:
    """Return the outcome without outdated rows."""
    if isinstance(outcome, LookalikeError):
        return outcome
    found = list(chain.from_iterable(outcome))
    rows = np.array([row.row for row in found], np.int64)
    is_outdated = snapshot.outdated(source, rows, [row.key for row in found])
    if not is_outdated.any():
        return outcome
    outdated = set(rows[is_outdated].tolist())
    return [[row for row in lane if row.row not in outdated] for lane in outcome]


def _lasts(outcomes: Sequence[ScanOutcome], query: Query) -> list[FoundRow | None]:
    """Return for each lane the last of the best `limit` rows; None where there are fewer."""
    lanes = best_by_lane(outcomes, query.lanes, query.limit)
    return [lane[-1] if len(lane) == query.limit else None for lane in lanes]


def _may_have_more(before: ScanOutcome, after: ScanOutcome, lasts: Sequence[FoundRow | None], limit: int) -> bool:
    """Return True if a source that lost rows had as many as it was asked for, and its next may be among the best."""
    if isinstance(before, LookalikeError) or isinstance(after, LookalikeError):
        return False
    return any(
        len(scanned) == limit and len(kept) < limit and (last is None or rank(scanned[-1]) < rank(last))
        for scanned, kept, last in zip(before, after, lasts, strict=True)
    )
