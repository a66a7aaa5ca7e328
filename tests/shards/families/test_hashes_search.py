"""Searching hashes through their columns: always what scoring every row finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families.base import Rows, search_plainly
from shards.families.hashes import ImageHash, Pdq, chunks, hamming, nearest, postings, scan, tables
from shards.families.hashes.hamming import HammingFamily
from shards.families.hashes.pigeonhole import WINDOW
from shards.families.reading import FETCHED
from shards.testing.samples import Columns
from tests.tiers import scaled

DHASH = ImageHash("dhash")
FAMILIES = [
    DHASH,
    ImageHash("ahash", 5),
    ImageHash("dhash", 9),
    ImageHash("phash", 12),
    ImageHash("whash_db4"),
    ImageHash("dhash", 16),
    ImageHash("phash", 24),
    Pdq(),
]
WAYS = {"planned": 1e-9, "by index": 1e9, "by scan": 0.0}
"""What a row of a scan is said to cost, so that one way or the other is taken."""


@dataclass(frozen=True)
class Counted(Columns):
    """Columns that remember what was read of them."""

    reads: list[tuple[str, int]] = field(default_factory=list)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.ranges(name, [(start, len(self.arrays[name]) if stop is None else stop)])[0]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        blocks = set()
        size = self.arrays[name].itemsize
        for start, stop in ranges:
            blocks |= set(range(start * size // (1 << 14), -(-stop * size // (1 << 14))))
        self.reads.append((name, len(blocks) << 14))
        return [Columns.column(self, name, start, stop) for start, stop in ranges]


@dataclass(frozen=True)
class Cold(Counted):
    """Columns of which everything is cold that was not read yet."""

    there: set[tuple[str, int]] = field(default_factory=set)

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        self.there.update(self._blocks(name, ranges))
        return Counted.ranges(self, name, ranges)

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        whole = [(0, len(self.arrays[name]))]
        return len(self._blocks(name, whole if ranges is None else ranges) - self.there) * FETCHED

    def _blocks(self, name: str, ranges: Sequence[tuple[int, int]]) -> set[tuple[str, int]]:
        size = self.arrays[name].itemsize
        return {
            (name, block)
            for start, stop in ranges
            if start < stop
            for block in range(start * size // FETCHED, -(-stop * size // FETCHED))
        }


@contextmanager
def small_segments_are_indexed(seconds_a_row: float = 1e9) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "INDEXED", 1)
        patch.setattr(nearest, "SECONDS_A_ROW", seconds_a_row)
        # several pieces, blocks and steps of the bar even in a thousand rows
        patch.setattr(scan, "PIECE", 700)
        patch.setattr(scan, "BLOCK", 64)
        patch.setattr(scan, "FIRST", 8)
        yield


def clustered(family: HammingFamily, seed: int, count: int, clusters: int, flips: int) -> Rows:
    """Rows around some centres, each a few flips from its own."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (clusters, family.bits), np.uint8)[rng.integers(0, clusters, count)]
    for _ in range(flips):
        bits[np.arange(count), rng.integers(0, family.bits, count)] ^= 1
    rows = np.zeros(count, family.dtype)
    for n in range(count):
        rows["hash"][n] = hamming.words_of(bits[n].astype(bool))
    return rows


def of_numbers(numbers: Sequence[int] | NDArray[np.uint64]) -> Rows:
    rows = np.zeros(len(numbers), DHASH.dtype)
    rows["hash"][:, 0] = numbers
    return rows


def assert_exact(
    family: HammingFamily,
    queries: Rows,
    rows: Rows,
    columns: dict[str, NDArray[Any]],
    *,
    limit: int,
    min_score: float | None = None,
    dead: NDArray[np.uint32] | None = None,
) -> None:
    reader = Columns(columns, len(rows))
    found = family.search(queries, reader, limit=limit, min_score=min_score, dead=dead)
    plain = search_plainly(family.score, family.name, queries, reader, limit=limit, min_score=min_score, dead=dead)

    assert found.rows.tolist() == plain.rows.tolist()
    assert found.scores.tobytes() == plain.scores.tobytes()
    assert found.queries.tolist() == plain.queries.tolist()
    assert found.rows.dtype == found.queries.dtype == np.int64


# exact


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=scaled(60), deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    seed=st.integers(0, 2**32),
    count=st.sampled_from([1, 2, 9, 64, 65, 333, 1000]),
    clusters=st.integers(1, 12),
    flips=st.integers(0, 20),
    asked=st.integers(1, 4),
    limit=st.sampled_from([1, 2, 10, 100, 5000]),
    radius=st.none() | st.integers(-1, 40),
    dying=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
)
def test_search_finds_what_scoring_every_row_finds(
    way: str,
    family: HammingFamily,
    seed: int,
    count: int,
    clusters: int,
    flips: int,
    asked: int,
    limit: int,
    radius: int | None,
    dying: float,
) -> None:
    rng = np.random.default_rng(seed)
    rows = clustered(family, seed, count, clusters, flips)
    queries = np.concatenate([rows[rng.integers(0, count, asked)], clustered(family, seed + 1, 1, 1, 0)])[:asked]
    dead = np.flatnonzero(rng.random(count) < dying).astype(np.uint32)
    # a radius of −1 asks for more than 100: nothing
    min_score = None if radius is None else family.score_at(radius)
    with small_segments_are_indexed(WAYS[way]):
        assert_exact(
            family, queries, rows, family.columns(rows), limit=limit, min_score=min_score, dead=dead if dying else None
        )


@pytest.mark.parametrize("radius", [*range(13), None])
def test_every_radius_is_exact_around_its_edge(radius: int | None) -> None:
    rng = np.random.default_rng(radius or 0)
    query = of_numbers([0x0123456789ABCDEF])
    rows = np.repeat(query, 600)
    # each row differs in 0 to 14 bits, wherever they may be
    for n in range(len(rows)):
        for bit in rng.permutation(64)[: n % 15]:
            rows["hash"][n] ^= np.uint64(1) << np.uint64(bit)
    with small_segments_are_indexed():
        assert_exact(
            DHASH,
            query,
            rows,
            DHASH.columns(rows),
            limit=30,
            min_score=None if radius is None else DHASH.score_at(radius),
        )


@pytest.mark.parametrize("family", [DHASH, ImageHash("dhash", 16)])
def test_all_rows_equal_are_all_found(family: HammingFamily) -> None:
    rows = np.repeat(clustered(family, 1, 1, 1, 0), WINDOW + 300)
    with small_segments_are_indexed():
        columns = family.columns(rows)
        for dead in (None, np.array([0, 7], np.uint32)):
            assert_exact(family, rows[:1], rows, columns, limit=3, min_score=family.score_at(3), dead=dead)


def test_a_hash_with_copies_beside_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [5] * 3 + [4] + [5] * (WINDOW + 1) + [7, 7]
    with small_segments_are_indexed():
        assert_exact(DHASH, of_numbers([4]), of_numbers(numbers), DHASH.columns(of_numbers(numbers)), limit=9000)


def test_longer_hashes_where_many_rows_are_verified_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "PICKED", 4)
    family = ImageHash("dhash", 16)
    rows = clustered(family, 3, 900, 9, 5)
    with small_segments_are_indexed():
        assert_exact(family, rows[:2], rows, family.columns(rows), limit=5, min_score=family.score_at(20))


def test_a_family_of_two_distances_in_one_byte_counts_past_255() -> None:
    family = ImageHash("phash", 32)
    rows = np.zeros(3, family.dtype)
    rows["hash"][1] = ~np.uint64(0)
    rows["hash"][2, :5] = ~np.uint64(0)

    assert_exact(family, rows[:1], rows, family.columns(rows), limit=3)


# what is stored


def test_small_segments_have_no_search_columns() -> None:
    rows = of_numbers(np.arange(hamming.INDEXED - 1, dtype=np.uint64))

    assert list(DHASH.columns(rows)) == ["dhash"]


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_rows_give_equal_columns(family: HammingFamily) -> None:
    rows = clustered(family, 4, 500, 40, 3)
    with small_segments_are_indexed():
        first, second = family.columns(rows), family.columns(rows.copy())

    assert list(first) == list(second)
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_a_table_holds_every_different_hash_in_the_bucket_of_its_chunk() -> None:
    numbers = np.random.default_rng(5).integers(0, 1 << 64, 900, np.uint64)
    numbers[500:] = numbers[:400]
    columns = tables.build("dhash", numbers, bits=6)
    starts, buckets, copies = (columns["dhash" + name] for name in (tables.STARTS, tables.BUCKETS, tables.COPIES))
    moved = tables.permuted(numbers).tolist()
    seen: list[tuple[int, int, int]] = []
    for number, (start, stop) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        words = buckets[start:stop]
        count = 2 * len(words) // 3
        assert (np.diff(words[:count].astype(object)) > 0).all()
        for value, reference in zip(words[:count].tolist(), words[count:].view("<u4").tolist(), strict=False):
            assert value >> 58 == number % 64
            at = reference - tables.MANY
            of_hash = [reference] if at < 0 else copies[at + 1 : at + 1 + copies[at]].tolist()
            seen += [(number // 64, value, row) for row in of_hash]

    assert sorted(seen) == sorted(
        (table, tables.rotated(value, table), row) for table in range(4) for row, value in enumerate(moved)
    )


def test_a_single_hash_is_permuted_as_many_are() -> None:
    numbers = np.random.default_rng(6).integers(0, 1 << 64, 50, np.uint64)

    assert [tables.permuted_one(number) for number in numbers.tolist()] == tables.permuted(numbers).tolist()
    assert tables.permuted_one((1 << 64) - 1) == (1 << 64) - 1


@pytest.mark.parametrize(("hashes", "bits"), [(1, 4), (1 << 16, 10), (1 << 20, 14), (30_000_000, 16)])
def test_buckets_hold_64_hashes_and_more(hashes: int, bits: int) -> None:
    assert tables.bucket_bits(hashes) == bits


# pigeonholes


@pytest.mark.parametrize(("bits", "cut"), [(64, 4), (144, 9), (196, 13), (256, 16)])
def test_chunks_share_no_bit(bits: int, cut: int) -> None:
    spread = chunks.spread(bits, cut)
    every = [bit for chunk in spread for bit in chunk]

    assert len(spread) == cut
    assert {len(chunk) for chunk in spread} == {bits // cut}
    assert len(set(every)) == len(every)
    assert set(every) <= set(range(bits))


def test_a_chunk_of_64_bits_takes_two_bits_of_every_row_and_column() -> None:
    for chunk in chunks.spread(64, 4):
        assert sorted(bit // 8 for bit in chunk) == sorted(bit % 8 for bit in chunk) == sorted([*range(8)] * 2)
        assert {(bit // 8 + bit % 8) % 4 for bit in chunk} == {(chunk[0] // 8 + chunk[0] % 8) % 4}


@pytest.mark.parametrize(("radius", "numbers"), [(0, 1), (3, 4), (5, 36), (7, 68), (10, 428)])
def test_a_radius_takes_so_few_buckets(radius: int, numbers: int) -> None:
    assert len(chunks.about([1, 2, 3, 4], radius, bits=16, entries=1 << 20, skew=1)) == numbers


@settings(max_examples=scaled(100), deadline=None)
@given(st.integers(0, 11), st.integers(0, 2**32))
def test_a_radius_is_shared_at_least_cost(radius: int, seed: int) -> None:
    # costs that grow faster and faster
    steps = np.sort(np.random.default_rng(seed).integers(0, 1000, (4, 3)), axis=1).astype(np.float64)
    costs = np.concatenate([np.zeros((4, 1)), np.cumsum(steps, axis=1)], axis=1)
    shares = chunks.share(radius, costs)
    ways = np.indices((4, 4, 4, 4)).reshape(4, -1).T
    ways = ways[ways.sum(axis=1) == radius + 1]

    assert (shares + 1).sum() == radius + 1
    assert costs[np.arange(4), shares + 1].sum() == costs[np.arange(4), ways].sum(axis=1).min()


# what is read


@pytest.fixture(scope="module")
def large() -> tuple[Rows, dict[str, NDArray[Any]]]:
    rows = of_numbers(np.random.default_rng(8).integers(0, 1 << 64, 700_000, np.uint64))
    rows["hash"][1000] = rows["hash"][5] ^ np.uint64(0b101)
    return rows, DHASH.columns(rows)


def test_a_radius_of_3_reads_two_ranges_and_never_the_hashes(large: tuple[Rows, dict[str, NDArray[Any]]]) -> None:
    rows, columns = large
    reader = Counted(columns, len(rows))

    found = DHASH.search(rows[5:6], reader, limit=10, min_score=DHASH.score_at(3))

    assert found.rows.tolist() == [5, 1000]
    assert [name for name, _ in reader.reads] == ["dhash.starts", "dhash.buckets"]
    assert sum(size for _, size in reader.reads) <= 192 << 10


def test_the_nearest_are_not_looked_for_further_once_there_are_enough(
    large: tuple[Rows, dict[str, NDArray[Any]]],
) -> None:
    rows, columns = large
    reader = Counted(columns, len(rows))

    assert DHASH.search(rows[5:6], reader, limit=2).rows.tolist() == [5, 1000]
    assert "dhash" not in {name for name, _ in reader.reads}


def test_a_large_radius_is_scanned(large: tuple[Rows, dict[str, NDArray[Any]]]) -> None:
    rows, columns = large
    reader = Counted(columns, len(rows))

    DHASH.search(rows[5:6], reader, limit=10, min_score=DHASH.score_at(20))

    assert reader.reads[-1] == ("dhash", -(-rows.nbytes // (1 << 14)) << 14)


@pytest.fixture(scope="module")
def long() -> tuple[Rows, dict[str, NDArray[Any]]]:
    """200,000 hashes of 256 bits."""
    family = ImageHash("dhash", 16)
    rows = np.zeros(200_000, family.dtype)
    rows["hash"] = np.random.default_rng(3).integers(0, 1 << 64, (len(rows), 4), np.uint64)
    return rows, family.columns(rows)


def test_where_all_hashes_are_cold_only_those_to_verify_are_read(
    long: tuple[Rows, dict[str, NDArray[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "PICKED", 4)
    monkeypatch.setattr(nearest, "SECONDS_A_ROW", 1.0)
    family, (rows, columns) = ImageHash("dhash", 16), long
    for reader, reads_all in ((Counted(columns, len(rows)), True), (Cold(columns, len(rows)), False)):
        found = family.search(rows[7:8], reader, limit=10, min_score=family.score_at(10))
        assert found.rows.tolist() == [7]
        assert reader.reads[-1][0] == "dhash16"
        assert (reader.reads[-1][1] >= rows.nbytes) == reads_all
        assert reader.reads[-1][1] * 2 < rows.nbytes or reads_all


def test_what_reads_fewer_cold_bytes_is_done(
    long: tuple[Rows, dict[str, NDArray[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "SECONDS_A_ROW", 5e-9)
    family, (rows, columns) = ImageHash("dhash", 16), long
    # in memory the index is faster
    warm = Counted(columns, len(rows))
    family.search(rows[7:8], warm, limit=10, min_score=family.score_at(24))
    assert {name for name, _ in warm.reads} == {"dhash16.starts", "dhash16.postings", "dhash16"}
    # from a store a scan needs two of the four words, and the index all hashes
    cold = Cold(columns, len(rows))
    assert family.search(rows[7:8], cold, limit=10, min_score=family.score_at(24)).rows.tolist() == [7]
    assert {name for name, _ in cold.reads} == {"dhash16.starts", "dhash16.words"}
    # and what is there need not be fetched again
    partly = Cold(columns, len(rows))
    for name in ("dhash16", "dhash16.postings"):
        partly.column(name)
    partly.reads.clear()
    assert family.search(rows[7:8], partly, limit=10, min_score=family.score_at(24)).rows.tolist() == [7]
    assert "dhash16.words" not in {name for name, _ in partly.reads}


def test_records_in_memory_have_no_search_columns_and_are_searched_all_the_same() -> None:
    for family in FAMILIES:
        rows = clustered(family, 9, 300, 9, 3)
        assert_exact(family, rows[:2], rows, {family.name: rows}, limit=7)


def test_no_rows_have_no_matches() -> None:
    rows = of_numbers([])

    assert len(DHASH.search(of_numbers([1]), Columns({"dhash": rows}, 0), limit=3).rows) == 0
