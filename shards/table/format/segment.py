"""Segments: many records of one shard in one immutable file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.base import Data
from shards.storage.laid_out import lay_out
from shards.table.format import names
from shards.table.format.columns import Column, write
from shards.table.format.manifest import INLINE_DEAD, Segment, dead_bytes
from shards.table.format.orders import highest
from shards.table.format.records import DELETE, Order, Records


def pack(
    shard: int,
    rows: int,
    columns: Iterable[tuple[str, NDArray[Any]]],
    tombstones: NDArray[np.uint32],
    mark: str,
    *,
    modulus: int = 1,
) -> tuple[Segment, dict[str, Data]]:
    """Return a segment of these columns, and the objects to create for it: its file, perhaps a list of dead rows.

    `tombstones`: sorted rows that are dead from the beginning, so that no scan sees them. `mark`: the mark of the
    commit, for the names. `modulus`: the number of shards that `shard` is one of. The file is laid out on disk and
    mapped, so that memory holds one column at a time. Raises StorageError where that disk has no room.
    """
    placed, data = lay_out(
        lambda file: write(file, columns, checked=True), f"a segment of {rows:,} rows cannot be laid out in"
    )
    name = names.segment(shard, data, mark)
    segment = Segment(
        name,
        shard,
        rows,
        len(data),
        placed,
        modulus=modulus,
        tombstones=len(tombstones),
        latest=_latest(placed, data),
    )
    segment, objects = with_dead(segment, tombstones, mark)
    return segment, {segment.name: data, **objects}


def _latest(placed: Mapping[str, Column], data: memoryview) -> Order | None:
    """Return the latest order in this file."""
    column = placed.get("order")
    if column is None:
        return None
    return highest(np.frombuffer(data, column.dtype, math.prod(column.shape), column.offset).reshape(column.shape))


def pack_records(
    shard: int,
    records: Records,
    families: Iterable[Family],
    mark: str,
    *,
    modulus: int = 1,
    rows: NDArray[np.intp] | None = None,
    partial: bool = False,
) -> tuple[Segment, dict[str, Data]]:
    """Return a segment of records that are sorted by key hash, and its objects, as `pack` does.

    `rows`: positions of the records that it is to hold, sorted by key hash; all records unless given. `partial`: leave
    out the digests of images where none is known.
    """
    kinds = records.fixed["kind"] if rows is None else records.fixed["kind"][rows]
    tombstones = np.flatnonzero(kinds == DELETE).astype(np.uint32)
    by_name = {family.name: family for family in families}

    def columns() -> Iterator[tuple[str, NDArray[Any]]]:
        for name, column in records.columns(rows, partial=partial):
            if name in by_name:
                yield from by_name[name].columns(column).items()
            else:
                yield name, column

    return pack(shard, len(kinds), columns(), tombstones, mark, modulus=modulus)


def with_dead(segment: Segment, dead: NDArray[np.uint32], mark: str) -> tuple[Segment, dict[str, Data]]:
    """Return the segment with these dead rows, and the object that lists them where they are many."""
    objects: dict[str, Data] = {}
    name = None
    if len(dead) > INLINE_DEAD:
        body = dead_bytes(dead)
        name = names.dead(body, mark)
        objects[name] = body
    inline = () if name else tuple(dead.tolist())
    return replace(segment, dead_rows=len(dead), dead=inline, dead_object=name), objects
