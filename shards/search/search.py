"""Searching: the exact best of every segment and of the log's tail, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import numpy as np

from shards.errors import LookalikeError
from shards.families import Rows
from shards.search.executors.fan_out import Executor
from shards.search.newest import look
from shards.search.query import Query
from shards.search.scan import Found, best, scan
from shards.storage.each import Each
from shards.table.read.snapshot import Image, Snapshot, Source


@dataclass(frozen=True, slots=True)
class Hit:
    """One image that answers a query.

    `score`: 100 = same. `distance`: the same in the family's own unit (bits, for hashes), None where it has none.
    `variant`: which signature of the query it is like, such as "rotated 90".
    """

    image: Image
    score: float
    distance: float | None
    variant: str

    @property
    def key(self) -> str:
        return self.image.key


@dataclass(frozen=True, slots=True)
class Searched:
    """`hits` of each question, best first. `compared`: how many rows; `missing`: the sources that were not scanned."""

    hits: Sequence[Sequence[Hit]]
    compared: int
    missing: Sequence[Source]


def search(executor: Executor, each: Each, snapshot: Snapshot, query: Query, questions: Sequence[Rows]) -> Searched:
    """The best `limit` hits of each question. `executor`: where the sources are scanned."""
    if not questions:
        return Searched((), 0, ())

    most = query.limit + snapshot.most_outdated
    here = partial(scan, query=query, questions=questions, each=each, most=most)
    looked = look(
        snapshot, query.limit, each, lambda sources: executor.scan(sources, query, questions, here, most=most)
    )
    answered = [one for _, one in looked if not isinstance(one, LookalikeError)]
    missing = [source for source, one in looked if isinstance(one, LookalikeError)]
    compared = sum(source.live for source, one in looked if not isinstance(one, LookalikeError))
    found = [best(chain.from_iterable(parts), query.limit) for parts in zip(*answered, strict=True)]
    found = found or [[] for _ in questions]
    hits = iter(describe(list(chain.from_iterable(found)), query, each))
    return Searched([list(islice(hits, len(one))) for one in found], compared, missing)


def describe(found: Sequence[Found], query: Query, each: Each) -> list[Hit]:
    """The hits of these rows, in this order: what else is known of them is read now, of all sources at once."""
    by_source: dict[int, list[int]] = {}
    for i, one in enumerate(found):
        by_source.setdefault(id(one.source), []).append(i)

    def read(mine: list[int]) -> list[tuple[int, Image]]:
        rows = np.array([found[i].row for i in mine], np.int64)
        return list(zip(mine, found[mine[0]].source.images(rows, [found[i].key for i in mine]), strict=True))

    images = dict(chain.from_iterable(each(read, list(by_source.values()))))
    return [
        Hit(images[i], one.score, query.family.distance_at(one.score), query.variants[one.variant])
        for i, one in enumerate(found)
    ]
