"""Searching crops by their buckets: the same answers as scoring every row."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families.base import Row, Rows, search_plainly
from shards.families.crops import Crops, columns, near, scoring, search
from shards.families.crops.codes import words
from shards.families.matches import Matches
from shards.testing.samples import Columns
from tests.shards.families.crops_rows import as_questions, copies, strangers
from tests.tiers import scaled

CROPS = Crops()


def indexed(rows: Rows) -> Columns:
    """A segment with its buckets, however small it is."""
    return Columns({CROPS.name: rows, **columns.build(rows)}, len(rows))


def plainly(queries: Rows, rows: Rows, **options: Any) -> Matches:
    reader = Columns({CROPS.name: rows}, len(rows))
    least = max(options.pop("min_score") or 0, CROPS.least_score)
    return search_plainly(CROPS.score, CROPS.name, queries, reader, min_score=least, **options)


def assert_same(found: Matches, wanted: Matches) -> None:
    assert found.rows.tolist() == wanted.rows.tolist()
    assert found.scores.tobytes() == wanted.scores.tobytes()
    assert found.queries.tolist() == wanted.queries.tolist()


def crowd(seed: int, count: int) -> Rows:
    """Rows of which some share features with others, and some are equal."""
    some = strangers(seed, max(count // 3, 1))
    alike = [copies(some, seed + kept, kept) for kept in (5, 9, 20)]
    rows = np.concatenate([some, *alike])[:count]
    rows[count // 2 :: 5] = rows[0]
    return rows


def forbid_plain_scans(patch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> Matches:
        raise AssertionError("every row was scored")

    patch.setattr(search, "search_plainly", refuse)


class TestSearch:
    @settings(max_examples=scaled(30), deadline=None)
    @given(st.data())
    def test_it_finds_what_scoring_every_row_finds(self, data: st.DataObject) -> None:
        count = data.draw(st.sampled_from([1, 2, 9, 60, 200]))
        rows = crowd(data.draw(st.integers(0, 1000)), count)
        chosen = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3))
        queries = as_questions(
            np.concatenate([copies(rows[[n]], n, 4 + n % 45) if n % 2 else rows[[n]] for n in chosen])
        )
        # a question of more features than a row has is never equal to one
        queries[0]["count"] = data.draw(st.sampled_from([0, 1, 3, 48, 49, 500]))
        options = {
            "limit": data.draw(st.sampled_from([1, 2, 10, 1000])),
            "min_score": data.draw(st.sampled_from([None, 0.0, 50.0, scoring.MATCH_SCORE, 75.0, 99.9, 99.95, 100.0])),
            "dead": data.draw(
                st.sampled_from([None, np.arange(0, count, 2, dtype=np.uint32), np.arange(count, dtype=np.uint32)])
            ),
        }
        with pytest.MonkeyPatch.context() as patch:
            forbid_plain_scans(patch)
            patch.setattr(search, "FIRST", data.draw(st.sampled_from([1, 128])))
            patch.setattr(near, "MOST", data.draw(st.sampled_from([0, 3, 1 << 21])))
            found = CROPS.search(queries, indexed(rows), **options)
        assert_same(found, plainly(queries, rows, **options))

    def test_what_has_three_features_in_common_is_not_found(self) -> None:
        rows = strangers(1, 20)
        queries = as_questions(copies(rows[:1], 2, 3, moved=0, turned=0))
        assert CROPS.search(queries, indexed(rows), limit=10).rows.tolist() == []
        assert CROPS.search(queries, Columns({CROPS.name: rows}, 20), limit=10).rows.tolist() == []

    def test_a_row_with_one_feature_finds_its_equals(self) -> None:
        rows = strangers(1, 20)
        rows["count"][7:9] = 1
        rows["features"][7:9, 1:] = 0
        rows[8] = rows[7]
        found = CROPS.search(as_questions(rows[[7]]), indexed(rows), limit=1)
        assert (found.rows.tolist(), found.scores.tolist()) == ([7, 8], [100, 100])

    def test_few_rows_are_scored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = strangers(1, 3000)
        scored: list[int] = []
        score = scoring.score

        def counting(query: Row, some: Rows) -> NDArray[np.float64]:
            scored.append(len(some))
            return score(query, some)

        monkeypatch.setattr(scoring, "score", counting)
        found = CROPS.search(as_questions(copies(rows[[40]], 3, 25)), indexed(rows), limit=10)
        assert found.rows.tolist() == [40]
        assert sum(scored) < 10

    def test_where_nearly_everything_is_near_it_is_only_counted_in_little_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = strangers(1, 1)[np.zeros(5000, int)]
        monkeypatch.setattr(near, "MOST", 50_000)
        reader = indexed(rows)
        tracemalloc.start()
        try:
            found = CROPS.search(as_questions(rows[:1]), reader, limit=3)
            assert tracemalloc.get_traced_memory()[1] < 40 << 20
        finally:
            tracemalloc.stop()
        assert found.rows.tolist() == list(range(5000))


class TestColumns:
    def test_every_feature_is_in_the_bucket_of_its_word_by_rising_row(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(columns, "BLOCK", 7)
        rows = strangers(1, 40)
        rows["count"] = np.arange(40) + 5
        rows["features"][:, ::2, :3] = rows["features"][0, 0, :3]
        built = columns.build(rows)
        starts, buckets = built[columns.STARTS].astype(int), built[columns.BUCKETS]
        found = []
        for word in np.flatnonzero(np.diff(starts)):
            bucket = buckets[starts[word] : starts[word + 1]]
            size = 2 * len(bucket) // 3
            of_rows = bucket[size:].view("<u4")[:size].tolist()
            assert of_rows == sorted(of_rows)
            assert (words(bucket[:size]) == word).all()
            found += list(zip(of_rows, bucket[:size].tolist(), strict=True))
        wanted = [
            (n, int(code))
            for n, row in enumerate(rows)
            for code in np.ascontiguousarray(row["features"][: min(row["count"], 48), :8]).view("<u8")[:, 0]
        ]
        assert sorted(found) == sorted(wanted)

    def test_a_million_rows_with_them_take_less_than_1450_bytes_a_row(self) -> None:
        rows = strangers(1, 1 << 12)
        built = CROPS.columns(rows)
        starts = built[columns.STARTS].nbytes
        assert sum(array.nbytes for array in built.values()) - starts + starts / 244 < 1250 * len(rows)

    def test_few_rows_have_none(self) -> None:
        assert [*CROPS.columns(strangers(1, 10))] == ["crops"]

    def test_rows_without_features_have_empty_buckets(self) -> None:
        rows = np.zeros(3, CROPS.dtype)
        assert columns.build(rows)[columns.BUCKETS].shape == (0,)
        assert CROPS.search(as_questions(strangers(1, 1)), indexed(rows), limit=3).rows.tolist() == []
