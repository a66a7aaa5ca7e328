"""Pairs that are alike, and the groups they make: the same whichever way the pairs are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families import Family, Rows, family
from shards.families.haar import Haar
from shards.families.hashes import ImageHash, Pdq, join
from shards.families.hashes.join import pairs_within, plan_join
from shards.search import candidate_filters, pairs
from shards.search.candidate_filters import CandidateFilter, filters_of
from shards.search.grouping import Grouping
from shards.testing.samples import samples
from tests.shards.search.clusters import DHASH, GROUPINGS, clustered, groups_of, long_hashes, rows_of, wanted
from tests.shards.search.oracle import components_of, stars_of
from tests.tiers import scaled

# pairs


@settings(max_examples=scaled(60), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 400),
    clusters=st.integers(1, 30),
    bits=st.sampled_from([9, 49, 64]),
    radius=st.integers(0, 6),
)
def test_joining_finds_each_pair_within_the_radius_once(
    seed: int, count: int, clusters: int, bits: int, radius: int
) -> None:
    hashes = np.unique(clustered(seed, count, clusters, 4, bits))
    how = plan_join(len(hashes), bits, radius)
    if how is None:
        # so few that comparing them all is cheaper: any plan must do
        how = plan_join(10**6, bits, radius)
    if how is None:
        return
    found = [
        pair
        for part in pairs_within(hashes, radius, how)
        for pair in zip(part.first.tolist(), part.second.tolist(), part.distances.tolist(), strict=True)
    ]
    distances = np.bitwise_count(hashes[:, None] ^ hashes)
    first, second = np.nonzero(np.triu(distances <= radius, 1))

    assert sorted(found) == list(zip(first.tolist(), second.tolist(), distances[first, second].tolist(), strict=True))


def test_a_run_too_long_to_compare_at_once_is_compared_whole() -> None:
    # the low 14 bits only: every sort but the last few sees runs of thousands
    hashes = np.arange(3000, dtype=np.uint64)
    how = plan_join(len(hashes), 64, 2)
    assert how is not None

    found = sum(len(part.first) for part in pairs_within(hashes, 2, how))

    assert found == int(np.triu(np.bitwise_count(hashes[:, None] ^ hashes) <= 2, 1).sum())


@pytest.mark.parametrize(("count", "radius"), [(0, 3), (10, 30), (1_000_000, -1), (1_000_000, 31)])
def test_nothing_is_joined_where_comparing_all_pairs_is_cheaper(count: int, radius: int) -> None:
    assert plan_join(count, 64, radius) is None


def test_a_million_within_3_bits_take_10_sorts() -> None:
    how = plan_join(1_000_000, 64, 3)

    assert how is not None
    assert (len(how.blocks), how.intact, how.sorts) == (5, 2, 10)
    assert int(np.bitwise_or.reduce(how.blocks)) == 2**64 - 1


def test_pairs_are_handed_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.unique(clustered(7, 400, 12, 4))
    how = plan_join(10**6, 64, 4)
    assert how is not None
    whole = [pair for part in pairs_within(hashes, 4, how) for pair in zip(part.first, part.second, strict=True)]
    monkeypatch.setattr(join, "PART", 50)
    parts = list(pairs_within(hashes, 4, how))

    assert len(parts) > how.sorts
    assert sorted(whole) == sorted(pair for part in parts for pair in zip(part.first, part.second, strict=True))


# candidates


@settings(max_examples=scaled(40))
@given(seed=st.integers(0, 2**32), count=st.integers(0, 150), clusters=st.integers(1, 20), radius=st.integers(0, 6))
def test_candidates_are_the_pairs_that_some_filter_lets_through_each_once(
    seed: int, count: int, clusters: int, radius: int
) -> None:
    how = plan_join(10**6, 64, radius)
    assert how is not None
    words = [clustered(seed + n, count, clusters, 3) for n in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate_filters, "PAIRS", 37)
        parts = list(candidate_filters.candidates([CandidateFilter(one, radius, how) for one in words]))

    passes = np.any([np.bitwise_count(one[:, None] ^ one) <= radius for one in words], axis=0)
    first, second = np.nonzero(np.triu(passes, 1))
    assert all(len(low) <= 37 for low, _ in parts)
    assert sorted((int(low), int(high)) for part in parts for low, high in zip(*part, strict=True)) == list(
        zip(first.tolist(), second.tolist(), strict=True)
    )


def pieces(hashed: Pdq | ImageHash, rows: Rows, radius: int) -> list[CandidateFilter]:
    words = hashed.pair_words(rows, hashed.score_at(radius))
    return filters_of(words.words, words.bits, words.radius)


@pytest.mark.parametrize("hashed", [Pdq(), ImageHash("dhash", 16), ImageHash("phash", 10), ImageHash("whash_db4")])
@pytest.mark.parametrize("radius", [0, 4, 13])
def test_the_pieces_of_a_long_hash_let_every_near_pair_through(hashed: Pdq | ImageHash, radius: int) -> None:
    rows = long_hashes(hashed, 5, 300, 40, radius + 2)
    through = pieces(hashed, rows, radius)
    found = {
        pair
        for part in candidate_filters.candidates(through)
        for pair in zip(*(side.tolist() for side in part), strict=True)
    }
    near = np.stack([hashed.distances(row, rows) for row in rows]) <= radius
    first, second = np.nonzero(np.triu(near, 1))

    assert through
    assert len(first) > 20
    assert set(zip(first.tolist(), second.tolist(), strict=True)) <= found


# groups


@pytest.mark.parametrize("grouping", GROUPINGS)
@settings(max_examples=scaled(60))
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 300),
    clusters=st.integers(1, 20),
    flips=st.integers(0, 9),
    radius=st.integers(0, 6),
)
def test_sorting_and_comparing_make_the_groups_of_the_definition(
    grouping: Grouping, seed: int, count: int, clusters: int, flips: int, radius: int
) -> None:
    rows = rows_of(clustered(seed, count, clusters, flips))
    order = np.random.default_rng(seed).permutation(count)
    place = np.argsort(order)
    how = plan_join(10**6, 64, radius)
    assert how is not None
    min_score = DHASH.score_at(radius)

    by_formula = wanted(grouping, order, DHASH, rows, min_score)
    joined = pairs.by_sorting(rows["hash"][:, 0], radius, how, lambda some: some[np.argsort(place[some])], grouping)
    compared = pairs.by_comparing(DHASH, rows, order, min_score, grouping)

    assert groups_of(joined) == by_formula
    assert groups_of(compared) == by_formula


@pytest.mark.parametrize("grouping", GROUPINGS)
@settings(max_examples=scaled(30))
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 120),
    clusters=st.integers(1, 20),
    radius=st.integers(0, 20),
    kind=st.sampled_from(["pdq", "dhash16", "whash_db4"]),
)
def test_pieces_of_long_hashes_make_the_groups_of_the_definition(
    grouping: Grouping, seed: int, count: int, clusters: int, radius: int, kind: str
) -> None:
    hashed = family(kind)
    assert isinstance(hashed, Pdq | ImageHash)
    rows = long_hashes(hashed, seed, count, clusters, 12)
    order = np.random.default_rng(seed).permutation(count)
    with pytest.MonkeyPatch.context() as patch:
        # so few that comparing them all is cheaper: any plan must do
        patch.setattr(candidate_filters, "plan_join", lambda _count, bits, radius: plan_join(10**6, bits, radius))
        through = pieces(hashed, rows, radius)
    found = pairs.by_candidates(hashed, rows, through, order, hashed.score_at(radius), grouping)

    assert through
    assert groups_of(found) == wanted(grouping, order, hashed, rows, hashed.score_at(radius))


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("kind", ["haar", "goldberg"])
@settings(max_examples=scaled(25))
@given(seed=st.integers(0, 2**32), count=st.integers(1, 80), min_score=st.sampled_from([5.0, 30.0, 60.0, 100.0]))
def test_candidates_of_a_hash_make_the_groups_of_the_pairs_it_suggests(
    grouping: Grouping, kind: str, seed: int, count: int, min_score: float
) -> None:
    signed = family(kind)
    rows = related(signed, seed, count)
    words = clustered(seed, count, 6, 9)
    order = np.random.default_rng(seed).permutation(count)
    how = plan_join(10**6, 64, 5)
    assert how is not None
    found = pairs.by_candidates(signed, rows, [CandidateFilter(words, 5, how)], order, min_score, grouping)
    scores = np.stack([signed.score_asked(signed.asked(rows[n : n + 1]), rows) for n in range(count)])
    near = np.bitwise_count(words[:, None] ^ words) <= 5

    make = stars_of if grouping == "star" else components_of
    suggested = make(order.tolist(), lambda one, other: bool(near[one, other] and scores[one, other] >= min_score))

    assert groups_of(found) == suggested


def related(signed: Family, seed: int, count: int) -> Rows:
    """Signatures of scenes; a third of each is that of another scene, and some are equal."""
    rng = np.random.default_rng(seed)
    some = samples(signed).signatures
    rows = some[rng.integers(0, len(some), count)]
    others = some[rng.integers(0, 4, count)]
    part = "sig" if signed.name == "haar" else "planes"
    mixed = rng.random(count) < 0.7
    rows[part][mixed, 0] = others[part][mixed, 0]
    if signed.name == "haar":
        rows["avgl"][rng.random(count) < 0.2, 1:] = 0.001
    else:
        # no value is positive and negative, or 0 and yet ±2
        positive, negative, twice = (rows["planes"][:, plane] for plane in range(3))
        negative &= ~positive
        twice &= positive | negative
    return rows


def test_a_chain_is_cut_into_stars_and_is_one_component() -> None:
    # each is 2 bits from the next one, and only the middle three are within 2 of a head
    chain = np.array([0xF0F0 ^ ((1 << 2 * n) - 1) for n in range(5)], np.uint64)
    order = np.array([2, 0, 1, 3, 4])
    how = plan_join(10**6, 64, 2)
    assert how is not None

    def joined(grouping: Grouping) -> dict[int, list[int]]:
        return groups_of(pairs.by_sorting(chain, 2, how, lambda some: order[np.isin(order, some)], grouping))

    assert joined("star") == {2: [1, 3]}
    assert joined("components") == {2: [0, 1, 3, 4]}


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_ten_thousand_copies_are_one_group(grouping: Grouping) -> None:
    rows = rows_of(np.full(10_000, 0x0123456789ABCDEF, np.uint64))
    how = plan_join(len(rows), 64, 3)
    assert how is not None

    found = pairs.by_sorting(rows["hash"][:, 0], 3, how, np.copy, grouping)

    assert groups_of(found) == {0: list(range(1, 10_000))}
    assert set(found.scores(DHASH, rows).tolist()) == {100.0}


def test_copies_are_candidates_once_and_not_each_with_each() -> None:
    haar = CountingHaar()
    rows = samples(haar).signatures[np.arange(3000) % 3]
    how = plan_join(10**6, 64, 3)
    assert how is not None
    found = pairs.by_candidates(
        haar, rows, [CandidateFilter(np.zeros(3000, np.uint64), 3, how)], np.arange(3000), 100.0, "components"
    )

    assert groups_of(found) == {n: list(range(n + 3, 3000, 3)) for n in range(3)}
    assert haar.pairs == 3


class CountingHaar(Haar):
    pairs = 0

    def score_pairs(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        self.pairs += len(first)
        return super().score_pairs(first, second)
