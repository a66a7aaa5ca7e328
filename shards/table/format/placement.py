"""The columns of a segment as its manifest describes them: each of its type, in its place, none over another.

A manifest may come from anybody. What passes here asks for no byte that the object does not have, and no reader meets
an array of another type or length than it counts on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shards.errors import CorruptObject
from shards.families import Family
from shards.table.format.columns import CHECKS
from shards.table.format.manifest import MAX_ROWS, Segment
from shards.table.format.records import FIXED, PARTS


def check_columns(segment: Segment) -> None:
    """Raise CorruptObject for columns that overlap, end behind the object, or are not of their type."""
    for problem in _problems(segment):
        raise CorruptObject(segment.name, f"its manifest says that {problem}")


def check_family(segment: Segment, family: Family) -> None:
    """Raise CorruptObject unless the segment has one signature of this family a row."""
    column = segment.columns.get(family.name)
    if column is None:
        raise CorruptObject(segment.name, f"the manifest knows no column {family.name!r} of it")
    if (column.dtype, column.shape) != (family.dtype, (segment.rows,)):
        raise CorruptObject(
            segment.name,
            f"its manifest says that column {family.name} is {column.dtype} {column.shape}, and {segment.rows:,} rows"
            f" have {family.dtype}",
        )


def _problems(segment: Segment) -> Iterator[str]:
    rows = segment.rows
    if not 0 <= rows <= MAX_ROWS:
        yield f"it has {rows:,} rows, and the limit is {MAX_ROWS:,}"
    expected = {name: (np.dtype(dtype), (rows, *shape)) for name, (dtype, shape) in FIXED.items()}
    expected |= {f"{part}.offsets": (np.dtype("<u8"), (rows + 1,)) for part in PARTS}
    blocks = end = 0
    for name, column in segment.columns.items():
        if column.offset < end:
            yield f"column {name} begins at byte {column.offset:,}, inside the one before it"
        end = column.offset + column.size
        dtype, shape = expected.get(name, (column.dtype, column.shape))
        if name in _TEXTS:
            dtype, shape = np.dtype(np.uint8), column.shape[:1]
        elif name == CHECKS:
            dtype, shape = np.dtype("<u4"), (blocks,)
        if (column.dtype, column.shape) != (dtype, shape):
            yield f"column {name} is {column.dtype} {column.shape}, and {rows:,} rows have {dtype} {shape}"
        if CHECKS in segment.columns and blocks > segment.columns[CHECKS].shape[0]:
            yield f"column {name} has no checksums"
        blocks += column.blocks
    if end > segment.size:
        yield f"its columns end at byte {end:,}, and it has {segment.size:,}"


_TEXTS = frozenset(f"{part}.data" for part in PARTS)
