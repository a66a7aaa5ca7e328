"""Search columns that no family wrote: a search finds what it can or says what is wrong, in bounded time and memory.

Checksums say nothing here, since whoever made the segment made them too. Rows outside of the segment, buckets outside
of their column, and starts that fall instead of rising must be noticed before numpy reads there.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.families import Family, family
from shards.families.crops import columns as features
from shards.families.goldberg import columns as planes
from shards.families.haar import inverted
from shards.families.hashes import nearest, pigeonhole, postings, tables
from shards.families.hashes.scan import WORDS
from shards.storage.memory import MemoryStore
from shards.table.format.segment import pack
from shards.table.read.reader import SegmentReader
from shards.testing.samples import samples

ROWS = 700
MAX_MEMORY = 64 << 20
MARK = "0123456789abcdef"


def search_columns(kind: Family, rows: NDArray[np.void]) -> dict[str, NDArray[Any]]:
    if kind.name == "haar":
        return inverted.build(rows)
    if kind.name == "goldberg":
        return planes.build(rows)
    if kind.name == "crops":
        return features.build(rows)
    if kind.name == "dhash":
        return tables.build(kind.name, rows["hash"][:, 0])
    words = {kind.name + WORDS: np.ascontiguousarray(rows["hash"].T).ravel()}
    return words | postings.build(kind.name, rows["hash"], 256)


def shuffled(column: NDArray[Any]) -> NDArray[Any]:
    flat = column.reshape(-1).copy()
    np.random.default_rng(1).shuffle(flat)
    return flat.reshape(column.shape)


def noise(column: NDArray[Any]) -> NDArray[Any]:
    return np.random.default_rng(2).integers(0, 256, column.nbytes, np.uint8).view(column.dtype).reshape(column.shape)


CHANGES: dict[str, Callable[[NDArray[Any]], NDArray[Any] | None]] = {
    "as it was": lambda column: column,
    "missing": lambda column: None,
    "empty": lambda column: column[:0],
    "half": lambda column: column[: len(column) // 2],
    "twice": lambda column: np.concatenate([column, column]),
    "zeros": np.zeros_like,
    "ones": lambda column: np.ones_like(column),
    "all bits": lambda column: np.full_like(column, np.iinfo(column.dtype).max),
    "high": lambda column: np.full_like(column, 1 << (8 * column.itemsize - 1)),
    "backwards": lambda column: np.ascontiguousarray(column[..., ::-1]),
    "shuffled": shuffled,
    "noise": noise,
    "one higher": lambda column: column + column.dtype.type(1),
    "other type": lambda column: column.astype(np.float32),
    "other shape": lambda column: column.reshape(-1, 1),
    "signed": lambda column: column.view(f"i{column.itemsize}"),
}


def segment_of(columns: dict[str, NDArray[Any]], rows: int) -> SegmentReader:
    segment, objects = pack(0, rows, columns.items(), np.empty(0, np.uint32), MARK)
    store = MemoryStore()
    for name, data in objects.items():
        store.create(name, data)
    return SegmentReader(store, segment)


CASES = {
    "haar": (inverted.BUCKETS, inverted.INVERTED),
    "goldberg": (planes.POSITIVE, planes.REST, planes.PLACES, planes.CLASSES),
    "crops": (features.STARTS, features.BUCKETS),
    "dhash": ("dhash.starts", "dhash.buckets", "dhash.copies"),
    "pdq": ("pdq.words", "pdq.starts", "pdq.postings"),
}


@pytest.fixture(autouse=True)
def _indexes_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make lookups seem cheap, and scans dear: of so few rows all would be scanned."""
    monkeypatch.setattr(nearest, "SECONDS_A_ROW", 1.0)
    for index in (pigeonhole, postings):
        monkeypatch.setattr(index, "QUERY_COST", 0.0)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("name", "column"), [(name, column) for name, columns in CASES.items() for column in columns])
def test_a_search_ends_and_raises_our_error_or_none(name: str, column: str, change: str) -> None:
    kind = family(name)
    rows = samples(kind).many[:ROWS]
    changed = CHANGES[change](search_columns(kind, rows)[column])
    columns: dict[str, NDArray[Any]] = {kind.name: rows, **search_columns(kind, rows)}
    if changed is None:
        del columns[column]
    else:
        columns[column] = changed
    found = []
    tracemalloc.start()
    try:
        for limit, min_score in ((1, None), (5, 99.0), (3, 90.0), (20, 70.0)):
            reader = segment_of(columns, ROWS)
            asked = np.concatenate([kind.asked(rows[:1]), kind.asked(rows[1:2])])
            try:
                kind.cold(asked, reader, limit=limit, min_score=min_score)
                found.append(kind.search(asked, reader, limit=limit, min_score=min_score))
            except CorruptObject as error:
                assert error.name == reader.segment.name
                assert change != "as it was"
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY
    finally:
        tracemalloc.stop()
    for matches in found:
        assert np.isfinite(matches.scores).all()
        assert ((matches.rows >= 0) & (matches.rows < ROWS)).all()
