"""Answers to questions, and images of an index with their signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.options import called
from lookalike.questions import Asking, Questions
from lookalike.signatures.computed import Signed
from shards.errors import KeyNotFound, LookalikeError
from shards.families import Family, Row
from shards.search.cursor import Cursor
from shards.search.executors.base import Executor
from shards.search.hits import Hit
from shards.search.search import search_in_stages
from shards.search.stages import WORTH, NotAsked, everything, plan_stages
from shards.storage.parallel import ParallelMap
from shards.table.format import names
from shards.table.read.snapshot import Image, Snapshot, Source


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question."""

    family: str
    """Name of the family whose signatures were compared; "auto" where there were several."""

    hits: tuple[Hit, ...]
    """Best first: by falling score, then by key. Where several families were asked, by rising false rate before, with
    flat pictures at the end."""

    searched: int
    """Number of images that were compared. In an index far away, an image that was replaced or removed after the last
    compaction may count twice."""

    partial: bool = False
    """True if some images were not compared, because workers failed or were late. Never so where this process scans
    everything."""

    missing: tuple[str, ...] = ()
    """Names of the segments that were left out."""

    next: Cursor | None = None
    """The place behind the last hit, where the next page begins; None where there is no more. An answer of several
    families has one page."""

    not_asked: tuple[NotAsked, ...] = ()
    """What several families could have been asked and were not: `SearchOptions.thorough` asks them everything."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An image of the index with its signatures."""

    image: Image

    signatures: Mapping[str, str]
    """As text, by family."""

    @classmethod
    def read(cls, key: str, families: Sequence[Family], snapshot: Snapshot, url: str) -> Stored:
        """Read the image with this key from the index at `url`. Raises KeyNotFound."""
        source, at = _locate(key, snapshot, url)
        rows = source.reader.pick(at, [kind.name for kind in families]).columns
        (image,) = source.images(at, [names.key_bytes(key)])
        return cls(image, {kind.name: kind.format(rows[kind.name][0]) for kind in families})


def stored_question(key: str, families: Iterable[Family], snapshot: Snapshot, url: str) -> Signed:
    """Return the question for the image with this key in the index at `url`, in these families. Raises KeyNotFound."""
    source, at = _locate(key, snapshot, url)
    names = [kind.name for kind in families]
    picked = source.reader.pick(at, [*names, "sha256"]).columns
    rows: dict[str, Row] = {name: picked[name][0] for name in names}
    digest = picked["sha256"][0].tobytes()
    return Signed((rows,), rows, sha256=digest if any(digest) else b"", key=key)


def _locate(key: str, snapshot: Snapshot, url: str) -> tuple[Source, NDArray[np.int64]]:
    """Return the source in which a key lives, and (1,) int64 its row there."""
    place = snapshot.locate(key)
    if place is None:
        raise KeyNotFound(key, url)
    source, row = place
    return source, np.array([row], np.int64)


def answer_all(
    asking: Asking,
    asked: Sequence[Questions | LookalikeError],
    executor: Executor,
    parallel_map: ParallelMap,
    snapshot: Snapshot,
) -> list[Answer | LookalikeError]:
    """Return the answer to each question, all found in one search; an error among the questions stays in its place."""
    answerable = [rows for rows in asked if not isinstance(rows, LookalikeError)]
    query = asking.query(answerable)
    is_one = len(asking.families) == 1
    at_once = is_one or asking.options.thorough
    stages = everything(query) if at_once else plan_stages(query, snapshot.scanned, WORTH)
    result = search_in_stages(executor, parallel_map, snapshot, stages)
    missing = tuple(source.name for source in result.missing)
    name = called([kind.name for kind in asking.families])

    def answer(found: tuple[Sequence[Hit], Sequence[NotAsked]]) -> Answer:
        hits, not_asked = found
        is_page = is_one and len(hits) == query.limit
        after = Cursor(hits[-1].score, hits[-1].key, query.rank + len(hits)) if is_page else None
        return Answer(name, tuple(hits), result.compared, bool(missing), missing, after, tuple(not_asked))

    found = iter(zip(result.hits, result.not_asked, strict=True))
    return [rows if isinstance(rows, LookalikeError) else answer(next(found)) for rows in asked]
