"""Searching Haar signatures by their inverted index: the same answers as scoring every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.families.base import Rows, search_plainly
from shards.families.haar import Haar, colours, inverted, scoring, search
from shards.families.haar.bitsliced import Adder, at_least, cut_of, rows_of
from shards.families.haar.buckets import PER_CHANNEL, bucket_sizes, query_buckets
from shards.families.haar.gaps import add_at, encode
from shards.families.haar.row import ROW, is_grey, question
from shards.families.matches import Matches
from shards.testing.samples import Columns
from tests.tiers import scaled

HAAR = Haar()

WHITE = 255 / 256
"""The average of Y in a white picture: none is higher."""


def crowd(seed: int, count: int, *, kinds: int = 0) -> Rows:
    """Rows whose coefficients are common and rare ones, a tenth grey; of `kinds` different signatures, or all."""
    rng = np.random.default_rng(seed)
    different = min(kinds or count, count)
    # of 300 coefficients the first are in most rows and the last in few, as it is in pictures
    keys = rng.random((different, 3, 300)) ** (0.05 + (np.arange(300) / 40) ** 3)
    chosen = 1 + np.argsort(-keys, axis=2)[:, :, :40] * 50
    rows = np.empty(different, ROW)
    rows["sig"] = np.sort(np.where(rng.random(chosen.shape) < 0.7, chosen, -chosen), axis=2)
    spread = np.where(rng.random((different, 1)) < 0.1, [0.5, 0.001, 0.001], [0.5, 0.1, 0.06])
    rows["avgl"] = [0.5, 0, 0] + (rng.random((different, 3)) - 0.5) * 2 * spread
    return rows if different == count else rows[rng.integers(0, different, count)]


def ask(rows: Rows, *, luma_of_greys: bool = True) -> Rows:
    """Questions for these rows."""
    return question(rows, luma_of_greys=luma_of_greys)


def indexed(rows: Rows) -> Columns:
    """A segment with its index, however small it is."""
    return Columns({HAAR.name: rows, **inverted.build(rows)}, len(rows))


def near(row: Any, rng: np.random.Generator, changed: int = 6) -> Rows:
    """A query of its own: the row with some coefficients and the colours changed."""
    query = np.array([row], row.dtype)
    for channel in query["sig"][0]:
        others = np.setdiff1d(np.arange(1, 16384), np.abs(channel))
        channel[rng.integers(0, 40, changed)] = rng.choice(others, changed, replace=False)
        channel.sort()
    query["avgl"] += rng.normal(0, 0.01, 3)
    return query


def assert_same(found: Matches, wanted: Matches) -> None:
    assert found.rows.tolist() == wanted.rows.tolist()
    assert found.scores.tobytes() == wanted.scores.tobytes()
    assert found.queries.tolist() == wanted.queries.tolist()


def plainly(
    queries: Rows,
    rows: Rows,
    *,
    limit: int,
    min_score: float | None = None,
    dead: NDArray[np.uint32] | None = None,
) -> Matches:
    reader = Columns({HAAR.name: rows}, len(rows))
    return search_plainly(HAAR.score, HAAR.name, queries, reader, limit=limit, min_score=min_score, dead=dead)


@dataclass
class Counting:
    """A reader that notes what was read, a call at a time: (column, ranges, bytes)."""

    inner: Columns
    calls: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.inner.rows

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self._note(name, [self.inner.column(name, start, stop)])[0]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        return self._note(name, self.inner.ranges(name, ranges))

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        return self.inner.cold(name, ranges)

    def length(self, name: str) -> int | None:
        return self.inner.length(name)

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        return self.inner.form(name)

    def damaged(self, name: str, problem: str) -> CorruptObject:
        return self.inner.damaged(name, problem)

    def _note(self, name: str, found: list[NDArray[Any]]) -> list[NDArray[Any]]:
        self.calls.append((name, len(found), sum(array.nbytes for array in found)))
        return found


def forbid_plain_scans(patch: pytest.MonkeyPatch) -> None:
    """Small segments go through the filters too, and never back to scoring every row."""

    def refuse(*args: object, **kwargs: object) -> Matches:
        raise AssertionError("every row was scored")

    patch.setattr(search, "search_plainly", refuse)
    patch.setattr(search, "PLAIN_FROM", 1)
    patch.setattr(search, "MIN_SEEDS", 1)


@pytest.fixture
def no_plain_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_plain_scans(monkeypatch)


@st.composite
def segments(draw: st.DrawFn) -> Rows:
    """Rows of a segment: 1 to some thousand, all different, of a few signatures only, or all equal."""
    count = draw(st.one_of(st.integers(2, 140), st.sampled_from([512, 1000, 4095, 4097])))
    kinds = draw(st.sampled_from([0, 0, 1, 7]))
    return crowd(draw(st.integers(0, 1000)), count, kinds=kinds)


class TestSearch:
    @settings(max_examples=scaled(60), deadline=None)
    @given(rows=segments(), data=st.data())
    def test_it_finds_what_scoring_every_row_finds(self, rows: Rows, data: st.DataObject) -> None:
        with pytest.MonkeyPatch.context() as patch:
            forbid_plain_scans(patch)
            rng = np.random.default_rng(len(rows))
            chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=3))
            signatures = np.concatenate([rows[[row]] if row % 2 else near(rows[row], rng) for row in chosen])
            queries = ask(signatures, luma_of_greys=data.draw(st.booleans()))
            limit = data.draw(st.integers(1, min(len(rows) - 1, 20)))
            min_score = data.draw(st.sampled_from([None, -20.0, 35.0, 60.0, 100.0]))
            dead = data.draw(
                st.sampled_from([None, 0.0, 0.3, 1.0]).map(
                    lambda share: None if share is None else np.flatnonzero(rng.random(len(rows)) < share)
                )
            )
            asked: dict[str, Any] = {"limit": limit, "min_score": min_score}
            asked["dead"] = None if dead is None else dead.astype(np.uint32)

            found = search.search(HAAR.name, queries, indexed(rows), **asked)

            assert_same(found, plainly(queries, rows, **asked))

    @pytest.mark.parametrize("grey", [False, True])
    def test_a_large_segment_is_searched_without_scoring_every_row(
        self, monkeypatch: pytest.MonkeyPatch, grey: bool
    ) -> None:
        rows = crowd(3, search.SEARCH_FROM + 63)
        query = ask(near(rows[4711], np.random.default_rng(1)))
        query["avgl"][:, 1:] *= 0.001 if grey else 1
        wanted = plainly(query, rows, limit=3)
        reader = Columns(HAAR.columns(rows), len(rows))
        monkeypatch.setattr(search, "search_plainly", lambda *args, **kwargs: pytest.fail("every row was scored"))

        assert_same(HAAR.search(query, reader, limit=3), wanted)

    @pytest.mark.parametrize("luma_of_greys", [False, True])
    def test_a_cold_query_makes_few_rounds_of_requests(self, luma_of_greys: bool) -> None:
        rows = crowd(5, search.SEARCH_FROM)
        reader = Counting(Columns(HAAR.columns(rows), len(rows)))

        HAAR.search(ask(near(rows[99], np.random.default_rng(2)), luma_of_greys=luma_of_greys), reader, limit=5)

        names = [name for name, _, _ in reader.calls]
        assert names == ["haar.buckets", "haar.inverted", "haar"]
        # few signatures are read besides the answers'
        assert sum(ranges for name, ranges, _ in reader.calls if name == "haar") < 30
        assert sum(size for _, _, size in reader.calls) < 40 * len(rows)

    @pytest.mark.parametrize("share", [0.4, 1.0])
    def test_among_many_greys_a_question_in_colour_reads_few_signatures(
        self, monkeypatch: pytest.MonkeyPatch, share: float
    ) -> None:
        rows = crowd(13, search.SEARCH_FROM)
        rows["avgl"][: int(share * len(rows)), 1:] *= 0.001
        query = ask(near(crowd(13, search.SEARCH_FROM)[77], np.random.default_rng(3)))
        wanted = plainly(query, rows, limit=5)
        reader = Counting(Columns(HAAR.columns(rows), len(rows)))
        monkeypatch.setattr(search, "search_plainly", lambda *args, **kwargs: pytest.fail("every row was scored"))

        assert_same(HAAR.search(query, reader, limit=5), wanted)

        assert wanted.rows[0] == 77
        assert sum(ranges for name, ranges, _ in reader.calls if name == "haar") < 120

    def test_ties_across_the_cut_are_all_found(self, no_plain_scan: None) -> None:
        rows = crowd(8, 3000)
        rows[[5, 77, 1500, 2999]] = rows[5]

        found = search.search(HAAR.name, ask(rows[[5]]), indexed(rows), limit=2, min_score=None, dead=None)

        assert found.rows.tolist() == [5, 77, 1500, 2999]

    @pytest.mark.parametrize("luma_of_greys", [False, True])
    def test_a_grey_row_shares_no_chroma_with_a_coloured_query(self, no_plain_scan: None, luma_of_greys: bool) -> None:
        rows = crowd(9, 500)
        rows["avgl"][:250, 1:] = 0.001
        rows["avgl"][250:, 1:] = 0.1

        query = ask(rows[[300]], luma_of_greys=luma_of_greys)

        found = search.search(HAAR.name, query, indexed(rows), limit=499, min_score=None, dead=None)

        assert_same(found, plainly(query, rows, limit=499))

    @pytest.mark.parametrize("average", [(0.0, 0.0, 0.0), (1.0, 0.6, 0.53), (0.0, -0.6, -0.53), (9.0, -9.0, 9.0)])
    def test_colours_at_the_ends_of_the_scale_and_beyond(
        self, no_plain_scan: None, average: tuple[float, float, float]
    ) -> None:
        rows = crowd(10, 400)
        rows["avgl"][::7] = average
        query = ask(rows[[7]])

        found = search.search(HAAR.name, query, indexed(rows), limit=60, min_score=None, dead=None)

        assert_same(found, plainly(query, rows, limit=60))

    def test_too_many_equal_rows_are_scored_one_after_the_other(self) -> None:
        rows = crowd(11, search.SEARCH_FROM, kinds=3)

        found = HAAR.search(ask(rows[[0]]), Columns(HAAR.columns(rows), len(rows)), limit=10)

        assert_same(found, plainly(ask(rows[[0]]), rows, limit=10))
        assert len(found.rows) > search.SEARCH_FROM // 5


class TestFilters:
    @settings(max_examples=scaled(30), deadline=None)
    @given(rows=segments(), luma_of_greys=st.booleans(), data=st.data())
    def test_every_score_lies_within_its_bounds(self, rows: Rows, luma_of_greys: bool, data: st.DataObject) -> None:
        signature = near(rows[data.draw(st.integers(0, len(rows) - 1))], np.random.default_rng(4), changed=20)
        query = ask(signature, luma_of_greys=luma_of_greys)[0]
        prepared = search.Prepared.of(query, indexed(rows))
        everyone = np.arange(len(rows))
        scores = HAAR.score(query, rows)

        least, greatest = search.score_bounds(prepared, everyone)
        first, *of_greys = search.first_filters(prepared, numbered(everyone, len(rows)))
        bounds = numbers(first.planes)[: len(rows)]

        assert (least - search.EPSILON <= scores).all()
        assert (scores <= greatest + search.EPSILON).all()
        # the second filter leaves a step of each colour open, and nothing of the coefficients; a colour brighter than
        # any picture's has no bound on one side, which excludes nothing
        bounded = np.isfinite(least)
        assert bounded.all() or rows["avgl"][:, 0].max() > WHITE or query["avgl"][0] > WHITE
        if not of_greys:
            step = prepared.line.scores(np.array(float(sum(colours.UNITS)))) - prepared.line.scores(np.array(0.0))
            assert ((greatest - least)[bounded] <= step + search.EPSILON).all()
        for row, score in enumerate(scores.tolist()):
            cuts = [each.cut(score) for each in [first, *of_greys] if row in rows_of(each.rows)]
            assert bounds[row] >= min(cuts)

    def test_grey_rows_are_known_by_their_colours(self) -> None:
        rows = crowd(12, 900)
        rows["avgl"][:40, 1:] = np.random.default_rng(1).uniform(-0.006, 0.006, (40, 2))
        rows["avgl"][40:48, 1] = [0.0, 0.00599, -0.00599, 0.0, 0.0, 0.003, -0.003, -0.0]
        rows["avgl"][40:48, 2] = [0.0, 0.0, 0.0, 0.00599, -0.00599, 0.00299, -0.00299, -0.0]
        query = ask(rows[[500]])[0]

        near_grey = search.Prepared.of(query, indexed(rows)).near_grey

        assert near_grey is not None
        found = set(rows_of(near_grey).tolist())
        assert set(np.flatnonzero(is_grey(rows)).tolist()) <= found
        assert len(found) < 3 * is_grey(rows).sum()

    def test_coefficients_without_a_row_are_no_bucket(self) -> None:
        rows = crowd(1, 50)
        query = rows[[0]].copy()
        query["sig"] = np.arange(16000, 16040)

        prepared = search.Prepared.of(ask(query)[0], indexed(rows))

        assert prepared.read.bitmaps == []
        assert prepared.read.lists == []


class TestIndex:
    @settings(max_examples=scaled(25), deadline=None)
    @given(rows=segments())
    def test_each_bucket_holds_the_rows_that_have_its_coefficient(self, rows: Rows) -> None:
        reader = indexed(rows)
        grey = np.abs(rows["avgl"][:, 1:]).sum(axis=1) < 0.006
        for channel in range(3):
            for coefficient in np.unique(rows["sig"][:, channel])[::29].tolist():
                has = (rows["sig"][:, channel] == coefficient).any(axis=1) & ~(grey & (channel > 0))
                bucket = np.array([channel * PER_CHANNEL + coefficient % PER_CHANNEL])
                read = inverted.read(reader, bucket, [1], 3)
                listed = np.zeros(len(rows), np.int16)
                for units, weight in read.lists:
                    add_at(listed, units, weight, np.empty(len(units), np.int64))
                for bitmap, _ in read.bitmaps:
                    listed[rows_of(bitmap)] = 1
                assert len(read.lists) + len(read.bitmaps) == has.any()
                assert listed.tolist() == has.tolist()

    def test_common_buckets_are_bitmaps_and_rare_ones_are_gaps_of_either_size(self) -> None:
        numbers, _, lengths = inverted.build(crowd(2, 30_000))[inverted.BUCKETS]

        forms = numbers % 4
        assert set(forms.tolist()) == {inverted.BITMAP, inverted.GAPS_8, inverted.GAPS_16}
        assert (lengths[forms == inverted.BITMAP] == inverted.padded(30_000) // 8).all()

    def test_the_fullest_buckets_lie_together_at_the_front(self) -> None:
        rows = crowd(2, 5000)
        numbers, starts, _ = inverted.build(rows)[inverted.BUCKETS]
        sizes = bucket_sizes(rows).ravel()[numbers // 4]
        for form in (inverted.BITMAP, inverted.GAPS_8, inverted.GAPS_16):
            of_form = numbers % 4 == form
            assert (np.diff(sizes[of_form][np.argsort(starts[of_form])]) <= 0).all()

    def test_the_same_rows_give_the_same_bytes(self) -> None:
        rows = crowd(6, 9000)
        one, other = inverted.build(rows), inverted.build(rows.copy())

        assert [*one] == [inverted.BUCKETS, inverted.INVERTED]
        assert all(one[name].tobytes() == other[name].tobytes() for name in one)

    def test_however_postings_are_batched_the_bytes_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = crowd(6, 3000)
        whole = inverted.build(rows)[inverted.INVERTED].tobytes()
        monkeypatch.setattr(inverted, "BATCH", 1000)

        assert inverted.build(rows)[inverted.INVERTED].tobytes() == whole

    def test_small_segments_and_segments_of_deletes_have_none(self) -> None:
        assert [*HAAR.columns(crowd(1, search.SEARCH_FROM - 1))] == ["haar"]
        assert [*HAAR.columns(np.zeros(search.SEARCH_FROM, ROW))] == ["haar"]

    def test_deletes_are_in_no_bucket(self) -> None:
        rows = crowd(1, 200)
        rows[::2] = np.zeros(1, ROW)

        assert bucket_sizes(rows)[:, 0].tolist() == [0, 0, 0]
        assert bucket_sizes(rows)[0].sum() == 100 * 40

    def test_a_query_has_the_weights_of_the_formula(self) -> None:
        query = crowd(1, 1)[0]
        buckets, weights = query_buckets(query, 3)

        assert len(buckets) == 120
        assert weights.sum() == scoring.QueryTables.of(ask(crowd(1, 1))[0]).line.scale


class TestGaps:
    @settings(max_examples=scaled(60))
    @given(
        lists=st.lists(st.sets(st.integers(0, 200_000), min_size=1, max_size=30), max_size=5),
        unit=st.sampled_from(["u1", "<u2"]),
    )
    def test_lists_come_back(self, lists: list[set[int]], unit: str) -> None:
        rising = [sorted(each) for each in lists]
        differences = np.array([gap for each in rising for gap in np.diff(each, prepend=0)], np.int64)

        units, ends = encode(differences, np.dtype(unit))

        assert len(ends) == len(differences)
        start = 0
        for each, stop in zip(rising, ends[np.cumsum([len(each) for each in rising]).astype(int) - 1], strict=True):
            part = units[start:stop]
            found = np.zeros(200_001, np.int16)
            add_at(found, part, 3, np.empty(len(part), np.int64))
            assert np.flatnonzero(found).tolist() == each
            assert found.sum() == 3 * len(each)
            start = stop

    @pytest.mark.parametrize("gap", [0, 254, 255, 256, 510, 65_534, 65_535, 65_536, 131_070])
    @pytest.mark.parametrize("unit", ["u1", "<u2"])
    def test_gaps_as_long_as_a_unit_go_on_in_the_next(self, gap: int, unit: str) -> None:
        units, (end,) = encode(np.array([gap]), np.dtype(unit))
        found = np.zeros(gap + 1, np.int16)

        add_at(found, units, 1, np.empty(len(units), np.int64))

        assert end == len(units) == gap // np.iinfo(unit).max + 1
        assert np.flatnonzero(found).tolist() == [gap]


def numbered(rows: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
    """The bitmap of these rows, of `count`."""
    bits = np.zeros(inverted.padded(count), np.uint8)
    bits[rows] = 1
    return np.packbits(bits).view(np.uint64)


def numbers(planes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """What bit planes say, row by row."""
    bits = np.unpackbits(planes.view(np.uint8), axis=1).astype(np.int64)
    return np.asarray((bits << np.arange(len(planes))[:, None]).sum(axis=0))


class TestBitSliced:
    @settings(max_examples=scaled(60))
    @given(weights=st.lists(st.integers(0, 9), max_size=25), seed=st.integers(0, 99))
    def test_sums_are_sums(self, weights: list[int], seed: int) -> None:
        bits = np.random.default_rng(seed).integers(0, 2, (len(weights), 192), np.uint8)
        adder = Adder(3, max(sum(weights).bit_length(), 1))
        for row, weight in zip(bits, weights, strict=True):
            adder.add(np.packbits(row).view(np.uint64), weight)
        planes = np.empty((max(sum(weights).bit_length(), 1), 3), np.uint64)

        adder.total(planes)

        assert numbers(planes).tolist() == (bits.T.astype(int) @ np.array(weights, int)).tolist()

    @settings(max_examples=scaled(60))
    @given(
        values=st.lists(st.integers(0, 31), min_size=64, max_size=64),
        least=st.integers(-2, 70),
        count=st.integers(1, 70),
    )
    def test_rows_above_a_number_and_the_number_that_so_many_reach(
        self, values: list[int], least: int, count: int
    ) -> None:
        planes = np.array([np.packbits([value >> bit & 1 for value in values]).view(np.uint64)[0] for bit in range(5)])[
            :, None
        ]
        among = np.packbits(np.arange(64) % 3 > 0).view(np.uint64)
        left = [value for row, value in enumerate(values) if row % 3]

        found = rows_of(at_least(planes, least, among))
        cut = cut_of(planes, count, among)

        assert found.tolist() == [row for row, value in enumerate(values) if row % 3 and value >= least]
        assert cut == (sorted(left)[-count] if count <= len(left) else 0)


class TestColours:
    @settings(max_examples=scaled(80))
    @given(
        averages=st.lists(st.floats(-0.7, 1.2), min_size=1, max_size=64),
        query=st.floats(-0.7, 1.2),
        channel=st.integers(0, 2),
        dropped=st.integers(0, 2),
    )
    def test_distances_of_codes_bound_those_of_averages(
        self, averages: list[float], query: float, channel: int, dropped: int
    ) -> None:
        rows = np.zeros(len(averages), ROW)
        rows["avgl"][:, channel] = averages
        padded = np.zeros(64, np.uint16)
        padded[: len(rows)] = colours.codes(rows, channel)
        planes = np.array([np.packbits(padded >> bit & 1).view(np.uint64) for bit in range(colours.PLANES[channel])])
        colour = colours.Colour.of(np.full(3, query), channel)
        unit = colours.UNITS[channel] << dropped
        distances = np.abs(rows["avgl"][:, channel] - query) * float(scoring.WEIGHTS[channel, 0])

        nearness = numbers(np.array(colour.nearness(planes, unit)))[: len(rows)]
        coarse = (colour.ceiling(unit) - nearness) * unit
        nearest, farthest = colour.bounds(planes, np.arange(len(rows)))

        assert (coarse <= distances + colour.slack(unit) + 1e-9).all()
        assert (nearest <= distances + 1e-9).all()
        assert (distances <= farthest + 1e-9).all()

    def test_no_colour_of_a_picture_lies_at_the_ends_of_the_scale(self) -> None:
        for channel, extremes in enumerate([(0.0, 1.0), (-0.6, 0.6), (-0.53, 0.53)]):
            rows = np.zeros(2, ROW)
            rows["avgl"][:, channel] = extremes
            low, high = colours.codes(rows, channel).tolist()
            assert 0 < low < high < (1 << colours.PLANES[channel]) - 1
