"""Hashes of the pictures that are searched for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lookalike.index import Index
from lookalike.ingest.original import Original
from lookalike.ingest.outcome import Failure
from lookalike.signatures import pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import LookalikeError
from shards.families import Family, Row, Rows
from shards.storage import originals


def hashed(
    index: Index,
    family: Family,
    pictures: Sequence[Original],
    failed: Callable[[Failure], None],
    advance: Callable[[], None],
    jobs: int | None,
) -> tuple[Rows, list[list[Original]]]:
    """Return the different hashes of these pictures in their order, and the pictures of each hash.

    `failed` is told of pictures that cannot be read, `advance` of each that is done. `jobs`: processes.
    """
    rows: dict[str, Row] = {}
    settings = WorkerSettings.of(replace(index.settings, thumbnails=0))
    with pool.Pool(settings, jobs, reader=originals.read_listed) as processes:
        for outcomes in processes.run((picture, pool.Original(picture.source)) for picture in pictures):
            for picture, outcome in outcomes:
                if isinstance(outcome, LookalikeError):
                    failed(replace(Failure.of(picture.key, outcome), path=picture.path))
                else:
                    rows[picture.key] = outcome.rows[family.name]
                advance()
    return _by_hash(family, pictures, rows)


def _by_hash(
    family: Family, pictures: Sequence[Original], rows: Mapping[str, Row]
) -> tuple[Rows, list[list[Original]]]:
    groups: dict[bytes, list[Original]] = {}
    for picture in pictures:
        if picture.key in rows:
            groups.setdefault(rows[picture.key].tobytes(), []).append(picture)
    return np.frombuffer(b"".join(groups), family.dtype), list(groups.values())
