# ruff: noqa: S101, ARG005 - these are tests
"""The contract of a family of signatures, as a test class.

A family's tests begin with

    class TestHaar(FamilyTests):
        @pytest.fixture
        def family(self) -> Family:
            return Haar()

where the fixture may be parametrised to run everything here over several families.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards import families
from shards.errors import QueryError, SignatureError
from shards.families.base import BLOCK, QUESTION_ROWS, Family, Row, Rows
from shards.families.overlap import Overlap
from shards.pictures.decoding import Picture
from shards.table.format import dtypes
from shards.testing.samples import EDGE_PICTURES, samples, scene, segment, segment_of_many, single


class FamilyTests:
    """The tests that every family passes. Rows are compared by their bytes, since those are stored."""

    @pytest.fixture
    def family(self) -> Family:
        raise NotImplementedError("a subclass gives its family")

    @pytest.fixture
    def signatures(self, family: Family) -> Rows:
        return samples(family).signatures

    @pytest.fixture
    def many(self, family: Family) -> Rows:
        return samples(family).many

    # what it is

    def test_it_is_registered_under_its_name(self, family: Family) -> None:
        registered = families.family(family.name)

        assert type(registered) is type(family)
        assert (registered.name, registered.version) == (family.name, family.version)
        assert registered.dtype == family.dtype

    def test_its_name_can_stand_in_a_column_and_a_url(self, family: Family) -> None:
        assert re.fullmatch("[a-z][a-z0-9_]*", family.name)

    def test_its_version_is_a_number_from_1_on(self, family: Family) -> None:
        assert isinstance(family.version, int)
        assert family.version >= 1

    def test_its_rows_are_packed_little_endian_and_hold_no_objects(self, family: Family) -> None:
        fields = family.dtype.fields
        assert fields is not None
        assert not family.dtype.hasobject
        described = json.dumps(np.lib.format.dtype_to_descr(family.dtype))
        assert dtypes.from_json(json.loads(described)) == family.dtype, "an index could not read its own rows"
        assert family.dtype.newbyteorder("<") == family.dtype
        assert family.dtype.itemsize == sum(field[0].itemsize for field in fields.values())

    def test_its_match_score_is_a_score(self, family: Family) -> None:
        assert 0 < family.match_score <= family.duplicate_score <= 100

    def test_it_has_a_unit_where_it_has_distances(self, family: Family) -> None:
        assert (family.unit is None) == (family.distance_at(100.0) is None)

    # computing

    def test_computing_twice_gives_the_same_row(self, family: Family) -> None:
        assert family.compute(scene(1)).tobytes() == family.compute(scene(1)).tobytes()

    def test_a_row_has_the_familys_dtype(self, family: Family) -> None:
        row = family.compute(scene(1))

        assert isinstance(row, np.void)
        assert row.dtype == family.dtype

    def test_different_scenes_have_different_rows(self, signatures: Rows) -> None:
        assert len({row.tobytes() for row in signatures}) == len(signatures)

    @pytest.mark.parametrize("layout", ["fortran", "strided", "reversed", "channels first"])
    def test_a_row_depends_on_the_pixels_not_on_how_they_lie_in_memory(self, family: Family, layout: str) -> None:
        rgb = scene(3).rgb
        laid_out = {
            "fortran": np.asfortranarray(rgb),
            "strided": rgb.repeat(2, axis=0).repeat(2, axis=1)[::2, ::2],
            "reversed": np.ascontiguousarray(rgb[::-1, ::-1])[::-1, ::-1],
            "channels first": np.ascontiguousarray(rgb.transpose(2, 0, 1)).transpose(1, 2, 0),
        }[layout]

        assert np.array_equal(laid_out, rgb)
        assert family.compute(Picture(laid_out)).tobytes() == family.compute(scene(3)).tobytes()

    def test_computing_leaves_the_picture_alone(self, family: Family) -> None:
        rgb = scene(4).rgb
        rgb.flags.writeable = False

        family.compute(Picture(rgb))

        assert np.array_equal(rgb, scene(4).rgb)

    @pytest.mark.parametrize("kind", EDGE_PICTURES)
    def test_every_picture_has_a_signature_that_survives_its_text(self, family: Family, kind: str) -> None:
        row = family.compute(EDGE_PICTURES[kind])

        assert family.parse(family.format(row)).tobytes() == row.tobytes()
        assert np.isfinite(family.score_asked(family.asked(single(row)), single(row))).all()

    # questions

    def test_rows_of_questions_are_packed_little_endian_and_hold_no_objects(self, family: Family) -> None:
        fields = family.question_dtype.fields
        assert fields is not None
        assert not family.question_dtype.hasobject
        assert family.question_dtype.newbyteorder("<") == family.question_dtype
        assert family.question_dtype.itemsize == sum(field[0].itemsize for field in fields.values())

    @pytest.mark.parametrize("kind", [None, *EDGE_PICTURES])
    def test_a_picture_has_rows_to_ask_for_it_which_the_family_takes_for_such(
        self, family: Family, kind: str | None
    ) -> None:
        picture = scene(1) if kind is None else EDGE_PICTURES[kind]
        rows = family.questions(picture)

        assert rows.dtype == family.question_dtype
        assert 1 <= len(rows) <= QUESTION_ROWS
        assert family.questions(picture).tobytes() == rows.tobytes()
        for row in rows:
            family.check_question(row)

    def test_what_is_no_question_is_refused_as_no_signature_or_can_be_scored(
        self, family: Family, signatures: Rows
    ) -> None:
        size = family.question_dtype.itemsize
        for data in (bytes(size), b"\xff" * size, np.random.default_rng(3).bytes(size)):
            (row,) = np.frombuffer(data, family.question_dtype)
            with suppress(SignatureError):
                family.check_question(row)
                assert family.score(row, signatures).shape == (len(signatures),)

    def test_the_row_and_its_questions_are_the_same_computed_together(self, family: Family) -> None:
        row, rows = family.compute_both(scene(1))

        assert row.tobytes() == family.compute(scene(1)).tobytes()
        assert rows.tobytes() == family.questions(scene(1)).tobytes()
        assert family.asks_as_it_stores <= (rows.tobytes() == row.tobytes())

    def test_a_stored_row_is_asked_for_itself(self, family: Family, signatures: Rows) -> None:
        for row in signatures:
            rows = family.asked(single(row))
            assert rows.dtype == family.question_dtype
            assert 1 <= len(rows) <= QUESTION_ROWS
            assert family.score_asked(rows, single(row)).tolist() == [100.0]
            for asked in rows:
                family.check_question(asked)

    def test_a_question_about_any_common_part_is_the_same_question(self, family: Family, signatures: Rows) -> None:
        rows = family.questions(scene(2))
        anything, much = family.with_min_share(rows, 0.0), family.with_min_share(rows, 0.9)

        assert anything.dtype == much.dtype == family.question_dtype
        assert len(anything) == len(much) == len(rows)
        assert (family.score_asked(much, signatures) <= family.score_asked(anything, signatures)).all()
        assert family.with_min_share(rows, 0.9).tobytes() == much.tobytes()

    def test_the_common_part_of_a_picture_and_itself_is_most_of_it_where_one_is_known(self, family: Family) -> None:
        row, rows = family.compute_both(scene(1))
        parts = [part for part in (family.overlap(question, row) for question in rows) if part is not None]

        for part in parts:
            assert isinstance(part, Overlap)
            assert 0 < part.share <= 1
            assert 0 <= part.rotation < 360
            assert part.scale > 0
            assert part.agreeing > 0
            numbers = [number for corners in (part.stored, part.question) for corner in corners for number in corner]
            assert len(numbers) == 16
            assert all(-1 <= number <= 2 for number in numbers)
        if parts:
            assert max(part.share for part in parts) > 0.5

    # text

    def test_text_gives_the_row_back(self, family: Family, signatures: Rows) -> None:
        for row in signatures:
            parsed = family.parse(family.format(row))
            assert parsed.dtype == family.dtype
            assert parsed.tobytes() == row.tobytes()

    def test_text_is_one_printable_line(self, family: Family, signatures: Rows) -> None:
        assert all(re.fullmatch("[!-~]+", family.format(row)) for row in signatures)

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda text: "", id="empty"),
            pytest.param(lambda text: " ", id="a space"),
            pytest.param(lambda text: "not a signature", id="words"),
            pytest.param(lambda text: "null", id="null"),
            pytest.param(lambda text: "[]", id="an empty list"),
            pytest.param(lambda text: '{"a": 1}', id="an object"),
            pytest.param(lambda text: text[:-1], id="a digit short"),
            pytest.param(lambda text: text + "0", id="a digit long"),
            pytest.param(lambda text: text[:-1] + "g", id="no hex digit"),
            pytest.param(lambda text: text[:-2] + " " + text[-1:], id="a space inside"),
            pytest.param(lambda text: text[:-2] + "_" + text[-1:], id="an underscore inside"),
            pytest.param(lambda text: text[:-1] + "\u0663", id="a digit of another script"),
            pytest.param(lambda text: text[:-1] + "\0", id="a zero byte"),
            pytest.param(lambda text: text[:-1] + "\ud800", id="half a surrogate pair"),
            pytest.param(lambda text: text * 5000, id="a flood"),
            pytest.param(lambda text: "[" * 100_000, id="brackets without end"),
            pytest.param(lambda text: "9" * 100_000, id="a number without end"),
        ],
    )
    def test_text_that_is_no_signature_is_refused_with_a_reason(
        self, family: Family, signatures: Rows, spoil: Any
    ) -> None:
        with pytest.raises(SignatureError) as refusal:
            family.parse(spoil(family.format(signatures[0])))

        assert 10 < len(str(refusal.value)) < 500

    # scoring

    def test_a_picture_scores_100_against_itself(self, family: Family, signatures: Rows) -> None:
        for row in signatures:
            assert scores(family, row, single(row)).tolist() == [100.0]

    def test_another_scene_scores_less(self, family: Family, signatures: Rows) -> None:
        found = scores(family, signatures[0], signatures)

        assert found.shape == (len(signatures),)
        assert found.dtype == np.float64
        assert found[1:].max() < 100

    def test_a_score_does_not_depend_on_the_rows_beside_it(self, family: Family, signatures: Rows) -> None:
        query = family.asked(signatures[2:3])[0]
        together = family.score(query, signatures)
        alone = np.concatenate([family.score(query, single(row)) for row in signatures])

        assert together.tobytes() == alone.tobytes()
        assert together[::-1].tobytes() == family.score(query, signatures[::-1]).tobytes()
        assert together[1::3].tobytes() == family.score(query, signatures[1::3]).tobytes()

    def test_pairs_score_what_each_scores_alone(self, family: Family, signatures: Rows) -> None:
        rng = np.random.default_rng(5)
        first, second = rng.integers(0, len(signatures), (2, 300))
        edges = np.array([family.compute(picture) for picture in EDGE_PICTURES.values()], family.dtype)
        rows = np.concatenate([signatures, edges])
        first, second = (np.concatenate([side, rng.integers(0, len(rows), 300)]) for side in (first, second))

        together = family.score_pairs(rows[first], rows[second])
        alone = np.array(
            [scores(family, rows[one], rows[[other]])[0] for one, other in zip(first, second, strict=True)]
        )
        if not family.is_symmetric:
            back = [scores(family, rows[other], rows[[one]])[0] for one, other in zip(first, second, strict=True)]
            alone = np.maximum(alone, back)

        assert together.tobytes() == alone.tobytes()
        assert family.score_pairs(rows[:0], rows[:0]).shape == (0,)

    def test_no_rows_have_no_scores(self, family: Family, signatures: Rows) -> None:
        assert scores(family, signatures[0], signatures[:0]).shape == (0,)

    def test_scenes_are_not_flat(self, family: Family, signatures: Rows) -> None:
        flat_rows = family.is_flat(signatures)

        assert flat_rows.dtype == bool
        assert flat_rows.tolist() == [False] * len(signatures)

    def test_a_question_for_a_stored_row_is_flat_where_the_row_is(self, family: Family, signatures: Rows) -> None:
        for row in (*signatures[:3], *(family.compute(picture) for picture in EDGE_PICTURES.values())):
            flat = family.is_flat(family.asked(single(row)))
            assert flat.dtype == bool
            assert flat.all() == family.is_flat(single(row))[0]

    def test_inverting_twice_changes_nothing(self, family: Family, signatures: Rows) -> None:
        for row in signatures:
            inverted = family.invert(row)
            if inverted is None:
                continue
            assert inverted.dtype == family.dtype
            assert inverted.tobytes() != row.tobytes()
            back = family.invert(inverted)
            assert back is not None
            assert back.tobytes() == row.tobytes()

    def test_a_higher_score_is_never_a_higher_false_rate(self, family: Family) -> None:
        rates = [family.false_rate(score) for score in np.linspace(-50, 100, 301)]

        assert all(0 < rate <= 1 for rate in rates)
        assert rates == sorted(rates, reverse=True)

    def test_scores_and_distances_say_the_same(self, family: Family) -> None:
        if family.distance_at(100.0) is None:
            with pytest.raises(QueryError):
                family.score_at(1.0)
            return
        known = [0.0, 12.5, 50.0, family.match_score, 99.0, 100.0]
        distances = [family.distance_at(score) for score in known]

        assert all(distance is not None and distance >= 0 for distance in distances)
        assert distances[-1] == 0
        assert [family.score_at(distance) for distance in distances if distance is not None] == pytest.approx(known)

    # how pairs are found

    def test_its_word_is_a_hash_of_64_bits_of_every_row(self, family: Family, signatures: Rows) -> None:
        words = family.word(signatures)

        assert (words is None) == (family.word(signatures[:0]) is None)
        if words is not None:
            assert words.dtype == np.uint64
            assert words.shape == (len(signatures),)
            again = family.word(signatures[::-1])
            assert again is not None
            assert again.tolist() == words[::-1].tolist()

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
    def test_every_pair_that_scores_enough_is_near_in_one_of_its_words(
        self, family: Family, signatures: Rows, share: float
    ) -> None:
        first, second = np.triu_indices(len(signatures), 1)
        found = family.score_pairs(signatures[first], signatures[second])
        min_score = float(np.quantile(found, share, method="nearest"))
        by = family.pair_words(signatures, min_score)
        if by is None:
            return

        assert 0 < by.bits <= 64
        assert all(word.dtype == np.uint64 and word.shape == (len(signatures),) for word in by.words)
        assert all(int(np.bitwise_or.reduce(word)) < 1 << by.bits for word in by.words)
        is_near = np.any([np.bitwise_count(word[first] ^ word[second]) <= by.radius for word in by.words], axis=0)
        assert not np.any((found >= min_score) & ~is_near)
        if by.decides:
            assert is_near.tolist() == (found >= min_score).tolist()

    @pytest.mark.parametrize("share", [0.0, 0.9, 1.0])
    def test_every_pair_that_scores_enough_is_among_its_near_pairs(
        self, family: Family, signatures: Rows, share: float
    ) -> None:
        first, second = np.triu_indices(len(signatures), 1)
        found = family.score_pairs(signatures[first], signatures[second])
        min_score = float(np.quantile(found, share, method="nearest"))
        parts = family.near_pairs(signatures, min_score)
        if parts is None:
            return

        pairs = [pair for one, other in parts for pair in zip(one.tolist(), other.tolist(), strict=True)]

        assert len(pairs) == len(set(pairs))
        assert all(one < other for one, other in pairs)
        enough = found >= min_score
        assert set(zip(first[enough].tolist(), second[enough].tolist(), strict=True)) <= set(pairs)

    # what is stored, and searched

    def test_its_columns_hold_its_rows_under_its_name(self, family: Family, signatures: Rows) -> None:
        columns = family.columns(signatures)

        assert columns[family.name].tobytes() == signatures.tobytes()
        assert all(name.split(".")[0] == family.name for name in columns)
        assert not any(array.dtype.hasobject for array in columns.values())

    @pytest.mark.parametrize("limit", [1, 3, 50])
    def test_search_finds_what_scoring_every_row_finds(self, family: Family, many: Rows, limit: int) -> None:
        assert_search_is_exact(family, many[[11]], many, limit=limit)

    def test_search_returns_every_row_that_ties_with_the_last(self, family: Family, many: Rows) -> None:
        query = family.asked(many[[0]])
        equal = np.flatnonzero(many == many[0])

        found = family.search(query, segment(family, many), limit=5)

        assert len(equal) > 5
        assert set(equal) <= set(found.rows.tolist())

    def test_search_leaves_dead_rows_out(self, family: Family, many: Rows) -> None:
        alive = family.search(family.asked(many[[11]]), segment(family, many), limit=4).rows
        dead = np.unique(np.concatenate([alive[:2], [0, BLOCK - 1, BLOCK, len(many) - 1]])).astype(np.uint32)

        found = assert_search_is_exact(family, many[[11]], many, limit=4, dead=dead)

        assert not set(found) & set(dead.tolist())

    def test_search_over_dead_rows_only_finds_nothing(self, family: Family, signatures: Rows) -> None:
        dead = np.arange(len(signatures), dtype=np.uint32)
        assert assert_search_is_exact(family, signatures[:1], signatures, limit=4, dead=dead) == []

    def test_search_leaves_out_what_scores_below_the_minimum(self, family: Family, many: Rows) -> None:
        found_scores = np.unique(scores(family, many[11], many))
        # a score that occurs, and can be found: the minimum itself is good enough
        minimum = float(found_scores[found_scores >= family.least_score][-3:][0])

        found = assert_search_is_exact(family, many[[11]], many, limit=len(many), min_score=minimum)

        assert 0 < len(found) < len(many)

    def test_search_by_several_queries_takes_each_rows_best(self, family: Family, many: Rows) -> None:
        found = assert_search_is_exact(family, many[[11, BLOCK + 1, len(many) - 1, 11]], many, limit=9)

        assert {11, BLOCK + 1, len(many) - 1} <= set(found)

    def test_many_questions_are_answered_like_each_alone(self, family: Family, signatures: Rows, many: Rows) -> None:
        ranked = np.sort(scores(family, signatures[0], signatures))

        @settings(max_examples=max(1, settings().max_examples // 25))
        @given(
            asked=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3)), max_size=3),
            limit=st.sampled_from([1, 4, 300]),
            rank=st.one_of(st.none(), st.integers(0, 23)),
            with_dead=st.booleans(),
        )
        def check(asked: list[tuple[int, int]], limit: int, rank: int | None, with_dead: bool) -> None:
            questions = [asked_for(family, signatures[first : first + count]) for first, count in asked]
            min_score = None if rank is None else float(ranked[rank])
            dead = np.arange(0, len(many), 3, dtype=np.uint32) if with_dead else None
            reader = segment_of_many(family.name)

            together = family.search_many(questions, reader, limit=limit, min_score=min_score, dead=dead)

            assert len(together) == len(questions)
            for found, question in zip(together, questions, strict=True):
                alone = family.search(question, reader, limit=limit, min_score=min_score, dead=dead)
                assert found.rows.tolist() == alone.rows.tolist()
                assert found.scores.tobytes() == alone.scores.tobytes()
                assert found.queries.tolist() == alone.queries.tolist()

        check()

    @pytest.mark.parametrize("rows", [0, 1, 3])
    def test_search_may_find_fewer_than_asked_for(self, family: Family, signatures: Rows, rows: int) -> None:
        can_be_found = scores(family, signatures[0], signatures[:rows]) >= family.least_score

        found = assert_search_is_exact(family, signatures[:1], signatures[:rows], limit=10)

        assert len(found) == np.count_nonzero(can_be_found)

    @pytest.mark.parametrize("rows", [BLOCK - 1, BLOCK, BLOCK + 1])
    def test_search_sees_the_last_row_of_a_block(self, family: Family, many: Rows, rows: int) -> None:
        some = many[:rows].copy()
        some[-1] = many[-1]

        assert rows - 1 in assert_search_is_exact(family, many[[-1]], some, limit=1)


def asked_for(family: Family, rows: Rows) -> Rows:
    """Return the question that asks for each of these stored rows."""
    return np.concatenate([family.asked(rows[n : n + 1]) for n in range(len(rows))])


def scores(family: Family, query: Row, rows: Rows) -> NDArray[np.float64]:
    """Return (rows,) float64: the scores of rows against a stored row as the question."""
    return family.score_asked(family.asked(single(query)), rows)


def assert_search_is_exact(
    family: Family,
    queries: Rows,
    rows: Rows,
    *,
    limit: int,
    min_score: float | None = None,
    dead: NDArray[np.uint32] | None = None,
) -> list[int]:
    """Assert that search finds what sorting all scores finds, and return the rows, best first.

    `queries`: stored rows that are asked for.
    """
    queries = asked_for(family, queries)
    matches = family.search(queries, segment(family, rows), limit=limit, min_score=min_score, dead=dead)

    by_query = np.stack([family.score(query, rows) for query in queries])
    best = by_query.max(axis=0)
    ranked = np.lexsort((np.arange(len(rows)), -best))
    if dead is not None:
        ranked = ranked[~np.isin(ranked, dead)]
    least = family.least_score if min_score is None else max(min_score, family.least_score)
    ranked = ranked[best[ranked] >= least]
    if len(ranked) > limit:
        ranked = ranked[best[ranked] >= best[ranked[limit - 1]]]

    assert matches.rows.tolist() == ranked.tolist()
    assert matches.scores.tobytes() == best[ranked].tobytes()
    assert matches.queries.tolist() == by_query.argmax(axis=0)[ranked].tolist()
    return [int(row) for row in matches.rows]
