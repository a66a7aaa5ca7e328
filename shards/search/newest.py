"""What a snapshot has for some questions, in its newest states alone: as if the log's tail had been folded before.

Segments are scanned with rows of which the tail has a newer state. Those are left out of what is found, and that is
all, unless a source had more to give and its next rows may be among the best: then it is scanned again without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np

from shards.errors import LookalikeError
from shards.search.scan import Found, Outcome, best, rank
from shards.storage.each import Each
from shards.table.read.snapshot import Snapshot, Source

Scan: TypeAlias = Callable[[Sequence[Source]], Sequence[Outcome]]
"""Scans sources, here or elsewhere: what comes of each, in order."""


def look(snapshot: Snapshot, limit: int, each: Each, scan: Scan) -> list[tuple[Source, Outcome]]:
    """Every source that is scanned, with its best `limit` rows for each question, or why they are not known.

    Further rows of a source may be left out where they are not among the best `limit` of all sources.
    """
    sources = snapshot.scanned
    outcomes = list(scan(sources))
    newest = each(lambda one: _newest(snapshot, *one), list(zip(sources, outcomes, strict=True)))
    lasts = _lasts(newest, limit)
    again = [n for n, one in enumerate(newest) if _may_have_more(outcomes[n], one, lasts, limit)]
    if again:
        exact = snapshot.exact([sources[n] for n in again])
        for n, outcome in zip(again, scan(exact), strict=True):
            newest[n] = outcome
    return list(zip(sources, newest, strict=True))


def _newest(snapshot: Snapshot, source: Source, outcome: Outcome) -> Outcome:
    """Without what is outdated."""
    if isinstance(outcome, LookalikeError):
        return outcome
    found = list(chain.from_iterable(outcome))
    rows = np.array([one.row for one in found], np.int64)
    is_outdated = snapshot.outdated(source, rows, [one.key for one in found])
    if not is_outdated.any():
        return outcome
    outdated = set(rows[is_outdated].tolist())
    return [[one for one in part if one.row not in outdated] for part in outcome]


def _lasts(outcomes: Sequence[Outcome], limit: int) -> list[Found | None]:
    """For each question the last of the best `limit` rows; None where there are not so many."""
    answered = [one for one in outcomes if not isinstance(one, LookalikeError)]
    found = [best(chain.from_iterable(parts), limit) for parts in zip(*answered, strict=True)]
    return [one[-1] if len(one) == limit else None for one in found]


def _may_have_more(before: Outcome, after: Outcome, lasts: Sequence[Found | None], limit: int) -> bool:
    """Whether a source that lost rows had as many as it was asked for, and its next ones may be among the best."""
    if isinstance(before, LookalikeError) or isinstance(after, LookalikeError):
        return False
    return any(
        len(found) == limit and len(kept) < limit and (last is None or rank(found[-1]) < rank(last))
        for found, kept, last in zip(before, after, lasts, strict=True)
    )
