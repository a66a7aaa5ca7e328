"""Searching Goldberg signatures by planes: exactly what scoring every row finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families.base import Rows, search_plainly
from shards.families.goldberg import Goldberg, columns, search
from shards.families.goldberg.bounds import needs
from shards.families.goldberg.columns import CLASSES, PLACES, POSITIVE, REST, Classes, Plane
from shards.families.goldberg.family import FEW
from shards.families.goldberg.grid import INDEPENDENT
from shards.families.goldberg.planes import pack_independent
from shards.families.goldberg.weights import Asked, matched_weights
from shards.testing.families import assert_search_is_exact
from shards.testing.samples import Columns
from tests.tiers import scaled

GOLDBERG = Goldberg()
VALUES = len(INDEPENDENT)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """Blocks of 64 rows instead of 16,384, so that a few hundred rows are several spans of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "BLOCK", 64)
        patch.setattr(search, "SEEDS", 16)
        patch.setattr(search, "SPAN", 2)
        yield


def values(count: int, seed: int, kinds: str = "pzo1b") -> NDArray[np.int8]:
    """(count, 272) int8, related to each other, of all kinds: photographs, with plain parts, ±1 only, blank."""
    rng = np.random.default_rng(seed)
    parents = rng.integers(-2, 3, (4, VALUES))
    made = parents[rng.integers(0, 4, count)]
    noise = rng.random(made.shape) < rng.random((count, 1))
    made = np.where(noise, rng.integers(-2, 3, made.shape), made)
    kind = rng.choice(list(kinds), count)
    made[(kind == "z")[:, None] & (rng.random(made.shape) < 0.7)] = 0
    made = np.where((kind == "o")[:, None], -parents[0], made)
    made = np.where((kind == "1")[:, None], np.sign(made) | 1, made)
    made = np.where((kind == "b")[:, None], 0, made)
    return made.astype(np.int8)


def signatures(count: int, seed: int, kinds: str = "pzo1b") -> Rows:
    return pack_independent(values(count, seed, kinds))


def searchable(rows: Rows) -> Columns:
    """A segment with search columns, however few its rows."""
    return Columns({GOLDBERG.name: rows, **columns.build(rows)}, len(rows))


def assert_exact(rows: Rows, queries: Rows, limit: int, **options: Any) -> list[int]:
    reader = searchable(rows)
    options = {"min_score": None, "dead": None, **options}
    found = search.search(queries, reader, limit=limit, **options)
    plain = search_plainly(GOLDBERG.score, GOLDBERG.name, queries, reader, limit=limit, **options)

    assert found.rows.tolist() == plain.rows.tolist()
    assert found.scores.tobytes() == plain.scores.tobytes()
    assert found.queries.tolist() == plain.queries.tolist()
    return [int(row) for row in found.rows]


class TestSearch:
    @settings(max_examples=scaled(120), deadline=None)
    @given(
        st.integers(1, 700),
        st.integers(0, 2**32),
        st.sampled_from(["p", "z", "pz", "1", "b", "o", "pzo1b"]),
        st.integers(1, 40),
        st.sampled_from([None, "a row's score", -5.0, 0.0, 55.0, 100.0, 100.5]),
        st.sampled_from([0.0, 0.1, 1.0]),
        st.data(),
    )
    def test_it_finds_what_scoring_every_row_finds(
        self, count: int, seed: int, kinds: str, limit: int, minimum: Any, dying: float, data: st.DataObject
    ) -> None:
        rows = signatures(count, seed, kinds)
        rng = np.random.default_rng(seed)
        queries = np.concatenate([rows[rng.integers(0, count, data.draw(st.integers(1, 4)))], signatures(1, seed + 1)])
        if data.draw(st.booleans()):
            queries = np.concatenate([queries, np.array([GOLDBERG.invert(query) for query in queries])])
        dead = np.flatnonzero(rng.random(count) < dying).astype(np.uint32)
        if minimum == "a row's score":
            minimum = float(GOLDBERG.score(queries[0], rows[[seed % count]])[0])

        assert_exact(rows, queries, limit, min_score=minimum, dead=dead)

    def test_equal_rows_are_all_found(self) -> None:
        rows = np.repeat(signatures(1, 3, "p"), 500)
        assert assert_exact(rows, rows[:1], 3) == list(range(500))

    def test_ties_across_the_cut_and_across_blocks_are_all_found(self) -> None:
        rows = signatures(600, 4, "p")
        rows[[5, 77, 300, 301, 599]] = rows[9]

        assert assert_exact(rows, rows[[9]], 2) == [5, 9, 77, 300, 301, 599]

    def test_a_blank_query_is_like_nothing_and_equally_so(self) -> None:
        blank = pack_independent(np.zeros((1, VALUES), np.int8))
        assert assert_exact(signatures(200, 5), blank, 7) == list(range(200))

    def test_dead_rows_do_not_raise_the_floor(self) -> None:
        rows = signatures(400, 6, "p")
        rows[100:200] = rows[0]

        found = assert_exact(rows, rows[:1], 5, dead=np.arange(100, 200, dtype=np.uint32))

        assert found[0] == 0
        assert len(found) == 5

    def test_of_queries_that_score_a_row_alike_the_first_is_named(self) -> None:
        rows = signatures(300, 7, "p")
        queries = rows[[1, 2, 1, 2]]

        assert set(search.search(queries, searchable(rows), limit=300, min_score=None, dead=None).queries) <= {0, 1}
        assert_exact(rows, queries, 300)

    @pytest.mark.parametrize("value", [-2, -1, 1, 2])
    def test_counts_that_do_not_fit_a_byte_are_not_cut_off(self, value: int) -> None:
        rows = signatures(300, 8)
        extreme = pack_independent(np.full((1, VALUES), value, np.int8))
        rows[123] = extreme[0]

        assert assert_exact(rows, extreme, 1)[0] == 123

    def test_blocks_of_full_size_are_searched_as_exactly(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(columns, "BLOCK", 1 << 14)
            assert_exact(signatures((1 << 14) + 1001, 9, "pz"), signatures(2, 10, "p"), 10)

    def test_the_other_planes_are_read_only_where_a_row_can_still_score_enough(self) -> None:
        rows = pack_independent(np.random.default_rng(11).integers(-2, 3, (640, VALUES)).astype(np.int8))
        reader = Recording(searchable(rows))

        found = search.search(rows[[400]], reader, limit=10, min_score=80.0, dead=None)

        assert found.rows.tolist() == [400]
        assert sum(reader.read[POSITIVE]) == 34 * 640
        assert sum(reader.read[REST]) == 68 * 64


class Recording:
    """Columns, and how many bytes each request read of each."""

    def __init__(self, columns: Columns) -> None:
        self.read: dict[str, list[int]] = {name: [] for name in columns.arrays}
        self.rows = columns.rows
        self.length = columns.length
        self._columns = columns

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        found = self._columns.column(name, start, stop)
        self.read[name].append(found.nbytes)
        return found

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        found = self._columns.ranges(name, ranges)
        self.read[name].append(sum(part.nbytes for part in found))
        return found


class TestFewRows:
    def test_a_small_segment_stores_signatures_alone(self) -> None:
        assert list(GOLDBERG.columns(signatures(FEW - 1, 1))) == ["goldberg"]
        assert set(GOLDBERG.columns(signatures(FEW, 1))) == {"goldberg", POSITIVE, REST, PLACES, CLASSES}

    @pytest.mark.parametrize("count", [FEW - 1, FEW])
    def test_either_way_the_family_finds_the_same(self, count: int) -> None:
        rows = signatures(count, 2)
        assert_search_is_exact(GOLDBERG, rows[[3, 4]], rows, limit=10)


class TestColumns:
    def test_a_value_is_p_minus_2n_plus_r(self) -> None:
        whole = values(150, 1)
        made = columns.build(pack_independent(whole))
        places = made[PLACES]

        spans = columns.blocks(150)
        reader = Columns(made, 150)
        for span, positive, (negative, raised) in zip(
            spans, columns.read_positive(reader, spans), columns.read_rest(reader, spans), strict=True
        ):
            p, n, r = (bits_of(plane) for plane in (positive, negative, raised))
            assert (p - 2 * n + r).tolist() == whole[places[slice(*span)]].tolist()

    def test_rows_of_a_class_stand_together_in_their_order(self) -> None:
        whole = values(500, 2)
        made = columns.build(pack_independent(whole))
        places = made[PLACES].astype(np.int64)
        sizes = np.stack([(whole != 0).sum(axis=1), (np.abs(whole) == 2).sum(axis=1)], axis=1)[places]

        assert sorted(places.tolist()) == list(range(500))
        assert np.lexsort((places, sizes[:, 1], sizes[:, 0])).tolist() == list(range(500))
        assert np.repeat(made[CLASSES][:, :2], made[CLASSES][:, 2], axis=0).tolist() == sizes.tolist()

    def test_the_same_rows_make_the_same_bytes(self) -> None:
        rows = signatures(300, 3)
        once, again = columns.build(rows), columns.build(rows.copy())

        assert {name: array.tobytes() for name, array in once.items()} == {
            name: array.tobytes() for name, array in again.items()
        }

    def test_they_take_106_bytes_a_row(self) -> None:
        made = columns.build(signatures(1000, 4))
        assert sum(array.nbytes for name, array in made.items() if name != CLASSES) == 106 * 1000

    def test_no_rows_make_empty_columns(self) -> None:
        assert {len(array) for array in columns.build(signatures(0, 5)).values()} == {0}


def bits_of(plane: Plane) -> NDArray[np.int64]:
    """(n, 272) int64, 0 or 1."""
    stored = np.concatenate(
        [np.ascontiguousarray(plane.words.T).view(np.uint8), plane.tail[:, None].copy().view(np.uint8)], axis=1
    )
    return np.unpackbits(stored, axis=1, bitorder="little").astype(np.int64)


class TestBounds:
    @settings(max_examples=scaled(60), deadline=None)
    @given(st.integers(0, 2**32), st.booleans())
    def test_a_row_has_what_its_own_score_needs(self, seed: int, negated: bool) -> None:
        rows, query = signatures(40, seed), signatures(1, seed + 1)
        asked = Asked.of(query[0])
        reader = searchable(rows)
        classes = Classes.read(reader)
        against = GOLDBERG.invert(query[0]) if negated else query[0]
        ((positive,), ((negative, raised),)) = (
            columns.read_positive(reader, [(0, 40)]),
            columns.read_rest(reader, [(0, 40)]),
        )
        p, n, r = (matched_weights([asked], plane)[0].astype(np.int64) for plane in (positive, negative, raised))
        if negated:
            p, n, r = asked.weight - p, asked.weight - n, asked.weight - r

        scores = GOLDBERG.score(against, rows[reader.column(PLACES)])

        for place, score in enumerate(scores):
            need = needs(asked, classes, float(score), negated=negated)
            own = classes.at(np.array([place]))[0]
            assert p[place] >= need.matched[own]
            assert p[place] - n[place] >= need.difference[own]
            assert p[place] - 2 * n[place] + r[place] == need.dot[own]
