"""Answers: what an index says to a question, and of the image under a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shards.errors import LookalikeError
from shards.families import Family, Rows
from shards.search.executors.fan_out import Executor
from shards.search.query import Query
from shards.search.search import Hit, search
from shards.storage.each import Each
from shards.table.format import names
from shards.table.read.snapshot import Image, Snapshot, Source


@dataclass(frozen=True, slots=True)
class Answer:
    """`hits`, best first: by falling score, then by key. `searched`: how many images were compared; of a far-away
    index, one that was replaced or removed after the last compaction may count once too often.

    `partial`: whether that was not all of them, since workers failed or were late; `missing` names the segments that
    were left out. Never so where this process scans everything.
    """

    family: str
    hits: tuple[Hit, ...]
    searched: int
    partial: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """An image of the index with its signatures as text, by family."""

    image: Image
    signatures: Mapping[str, str]

    @classmethod
    def read(cls, key: str, source: Source, row: int, families: Iterable[Family]) -> Stored:
        """What this row, where the key lives, says."""
        at = np.array([row], np.int64)
        kinds = {kind.name: kind for kind in families}
        rows = source.reader.pick(at, list(kinds)).columns
        (image,) = source.images(at, [names.key_bytes(key)])
        return cls(image, {name: kind.format(rows[name][0]) for name, kind in kinds.items()})


def answer_all(
    executor: Executor, each: Each, snapshot: Snapshot, query: Query, asked: Sequence[Rows | LookalikeError]
) -> list[Answer | LookalikeError]:
    """The answer to each question, all found in one search; a question that is an error stays one, in its place."""
    answerable = [one for one in asked if not isinstance(one, LookalikeError)]
    done = search(executor, each, snapshot, query, answerable)
    missing = tuple(source.name for source in done.missing)
    hits = iter(done.hits)
    return [
        one
        if isinstance(one, LookalikeError)
        else Answer(query.family.name, tuple(next(hits)), done.compared, bool(missing), missing)
        for one in asked
    ]
