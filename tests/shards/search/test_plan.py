"""Plans: they say who scans which source of a query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shards.families import DEFAULT, Family, Rows, family
from shards.families.reading import BRIDGED, FETCHED, scattered
from shards.search.plan import ALONE, WAITING, WORKER, WORKERS, cold_bytes, plan
from shards.search.query import Part, Query
from shards.storage.memory import MemoryStore
from shards.storage.ranges import GAP, join
from shards.table.format.columns import CHECK_BLOCK
from shards.table.format.records import Records
from shards.table.format.segment import pack_records
from shards.table.read.memory import Memory
from shards.table.read.reader import SegmentReader, TailReader
from shards.table.read.snapshot import Source
from tests.shards.families.crops_rows import strangers
from tests.shards.families.test_haar_search import crowd
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import order

MB = 1 << 20
SIZES = st.lists(st.integers(0, 300).map(lambda mb: mb * MB) | st.integers(0, 5 * MB), max_size=200)


@given(SIZES)
@example([])
@example([ALONE])
@example([2 << 30] * 100)
def test_every_source_is_scanned_once(cold: list[int]) -> None:
    made = plan(cold)
    assert sorted([*made.here, *(number for batch in made.batches for number in batch)]) == list(range(len(cold)))
    assert all(made.batches), "no worker is asked for nothing"
    assert made.cold == sum(cold)


@given(SIZES)
def test_little_is_fetched_here_and_much_by_workers(cold: list[int]) -> None:
    made = plan(cold)
    assert (made.batches == ()) == (sum(cold) < ALONE)
    if made.batches:
        assert made.here == tuple(number for number, size in enumerate(cold) if size == 0)


@given(SIZES)
def test_no_worker_fetches_too_much_unless_a_source_or_all_together_are_too_large(cold: list[int]) -> None:
    batches = plan(cold).batches
    loads = [sum(cold[number] for number in batch) for batch in batches]
    assert len(batches) <= WORKERS
    if batches and len(batches) < WORKERS:
        assert max(loads) <= max(WORKER, *cold)


@given(SIZES, st.integers(0, 8))
def test_no_more_workers_are_asked_than_there_may_be(cold: list[int], most: int) -> None:
    made = plan(cold, max_workers=most)
    assert len(made.batches) <= most
    assert sorted([*made.here, *(number for batch in made.batches for number in batch)]) == list(range(len(cold)))
    if most < 2:
        assert (made.batches, made.cold) == ((), sum(cold))


@given(SIZES)
def test_batches_are_at_most_a_third_larger_than_the_best(cold: list[int]) -> None:
    batches = plan(cold).batches
    if batches:
        loads = [sum(cold[number] for number in batch) for batch in batches]
        apart = sorted(cold, reverse=True)[: len(batches) + 1]
        # of one source more than there are workers two go together
        together = apart[-1] + apart[-2] if len(apart) > len(batches) else 0
        best = max(max(cold), sum(cold) / len(batches), together)
        assert 3 * max(loads) <= 4 * best + 1e-6


@given(SIZES)
def test_no_more_workers_than_it_takes(cold: list[int]) -> None:
    batches = plan(cold).batches
    if len(batches) > max(-(-sum(cold) // WORKER), 2):
        loads = sorted(sum(cold[number] for number in batch) for batch in batches)
        # with one less, the two least together would be too much for one, or another would be
        assert loads[0] + loads[-1] > WORKER


def rows_of(kind: Family, count: int, seed: int) -> Rows:
    """Return rows of which each has a few others near it."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, kind.dtype)
    if kind.name == "haar":
        return crowd(seed, count)
    if kind.name == "goldberg":
        signs = rng.integers(0, 256, (count, 34), dtype=np.uint8)
        rows["planes"][:, 0], rows["planes"][:, 1] = signs, ~signs
        return rows
    if kind.name == "crops":
        return strangers(seed, count)
    words = rows["hash"].shape[1]
    rows["hash"] = rng.integers(0, 1 << 64, (-(-count // 4), words), np.uint64)[rng.integers(0, count // 4, count)]
    for _ in range(4):
        rows["hash"] ^= np.uint64(1) << rng.integers(0, 64, (count, words), np.uint64)
    return rows


def records(kind: Family, rows: Rows) -> Records:
    count = len(rows)
    return Records.build(
        keys=[f"pictures/{n:07}.jpg" for n in range(count)],
        order=np.tile(np.array(order(1), np.uint64), (count, 1)),
        rows={kind.name: rows},
    )


def asking(kind: Family, questions: Sequence[Rows], min_score: float | None) -> Query:
    asked = tuple(np.concatenate([kind.asked(rows[n : n + 1]) for n in range(len(rows))]) for rows in questions)
    return Query((Part(kind, asked, min_score),), 10)


def test_families_reckon_with_what_is_fetched_at_once() -> None:
    assert (FETCHED, BRIDGED) == (CHECK_BLOCK, GAP)


@pytest.mark.parametrize(("pieces", "column"), [(1, 30 * MB), (10, 200 * MB), (64, 211 * MB), (900, 100 * MB), (5, MB)])
def test_pieces_that_lie_anywhere_fetch_about_so_much(pieces: int, column: int) -> None:
    rng = np.random.default_rng(1)
    fetched = []
    for _ in range(200):
        starts = rng.integers(0, column // FETCHED, pieces) * FETCHED
        joined = join([(start, start + FETCHED) for start in starts.tolist()], GAP)
        fetched.append(sum(stop - start for start, stop in joined))
    assert scattered(column, pieces) == pytest.approx(np.mean(fetched), rel=0.25)


MORE, LESS = 1.1, {"dhash16": 9, "pdq": 9}
"""What is fetched is at most a tenth more than what is planned with, and where nothing was here at least a third of it;
a ninth, of hashes that have several words: the last ones are hardly ever read."""


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 3_000) for name in sorted({*DEFAULT, "dhash16", "pdq", "crops"})),
        ("crops", 5_000),
        *(pytest.param(name, 70_000, marks=pytest.mark.long) for name in sorted({*DEFAULT, "dhash16", "pdq", "crops"})),
    ],
)
def test_what_a_query_fetches_is_known_before_gaps_included(name: str, count: int) -> None:
    kind = family(name)
    made = records(kind, rows_of(kind, count, seed=1))
    segment, objects = pack_records(0, made, [kind], "0" * 16)
    store = CountingStore(MemoryStore(), GAP)
    for object_name, data in objects.items():
        store.create(object_name, data)
    no_row = np.empty(0, np.uint32)
    for min_score in (None, *(map(kind.score_at, (0, 3, 10, 31)) if kind.unit else (30.0,))):
        source = Source(SegmentReader(store, segment, Memory(1 << 30)), no_row)
        for number, asked in enumerate(([5], [5], [99, 7], [5])):
            query = asking(kind, [made.rows[name][[row]] for row in asked], min_score)
            cold = max(cold_bytes(source, query) - WAITING, 0)
            store.reset()
            kind.search_many(query.parts[0].questions, source.reader, limit=10, min_score=min_score, dead=no_row)
            assert store.bytes_read <= MORE * cold
            if number == 0:
                assert cold <= LESS.get(name, 3) * store.bytes_read
        assert store.bytes_read == 0, "asked before"
        assert cold <= cold_bytes(Source(SegmentReader(store, segment), no_row), query)


@pytest.mark.parametrize("radius", [3, 10])
def test_a_few_buckets_are_not_taken_for_all_of_them(radius: int) -> None:
    kind = family("dhash")
    made = records(kind, rows_of(kind, 300_000, seed=1))
    segment, objects = pack_records(0, made, [kind], "0" * 16)
    store = MemoryStore()
    store.create(segment.name, objects[segment.name])
    source = Source(SegmentReader(CountingStore(store), segment), np.empty(0, np.uint32))
    query = asking(kind, [made.rows["dhash"][:1]], kind.score_at(radius))
    of_hashes = segment.columns["dhash"].size
    assert (cold_bytes(source, query) < of_hashes / 2) == (radius == 3)


def test_nothing_is_cold_in_the_tail_and_in_maps() -> None:
    kind = family("dhash")
    made = records(kind, rows_of(kind, 70_000, seed=1))
    segment, objects = pack_records(0, made, [kind], "0" * 16)
    store = MemoryStore()
    store.create(segment.name, objects[segment.name])
    query = asking(kind, [made.rows["dhash"][:1]], kind.score_at(10))
    for reader in (TailReader(made), SegmentReader(store, segment)):
        assert cold_bytes(Source(reader, np.empty(0, np.uint32)), query) == 0
    assert cold_bytes(Source(reader, np.empty(0, np.uint32)), asking(kind, [], None)) == 0
