"""Groups of images that look alike: by star, the same whichever way the pairs are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards import Index, Records
from shards.families import Rows
from shards.families.hashes import ImageHash
from shards.families.hashes.join import pairs_within, plan
from shards.search import stars
from shards.search.duplicates import Duplicates

DHASH = ImageHash("dhash")


def rows_of(hashes: NDArray[np.uint64], family: ImageHash = DHASH) -> Rows:
    rows = np.zeros(len(hashes), family.dtype)
    rows["hash"][:, 0] = hashes
    return rows


def clustered(seed: int, count: int, clusters: int, flips: int, bits: int = 64) -> NDArray[np.uint64]:
    """Hashes around some centres, at most `flips` bits from theirs; many of them equal where flips are few."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 1 << bits, clusters, np.uint64)[rng.integers(0, clusters, count)]
    for _ in range(flips):
        hashes ^= rng.integers(0, 2, count, np.uint64) << rng.integers(0, bits, count, np.uint64)
    return hashes


def grouped(found: Duplicates) -> list[tuple[str, list[tuple[str, float | None]]]]:
    return [(group.head.key, [(copy.image.key, copy.distance) for copy in group.copies]) for group in found.groups]


def index_of(hashes: NDArray[np.uint64], width: NDArray[np.uint32] | None = None, shards: int = 1) -> Index:
    index = Index.create("memory://", families=["dhash"], shards=shards)
    keys = [f"image {n}" for n in range(len(hashes))]
    order = np.array([index.next_order() for _ in keys], np.uint64)
    size = np.full(len(hashes), 10, np.uint32) if width is None else width
    index.write_bulk(
        Records.build(
            keys=keys, order=order, rows={"dhash": rows_of(hashes)}, width=size, height=np.full_like(size, 10)
        )
    )
    return index


# pairs


@settings(max_examples=60, deadline=None)
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
    how = plan(len(hashes), bits, radius)
    if how is None:
        # so few that comparing them all is cheaper: any plan must do
        how = plan(10**6, bits, radius)
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
    how = plan(len(hashes), 64, 2)
    assert how is not None

    found = sum(len(part.first) for part in pairs_within(hashes, 2, how))

    assert found == int(np.triu(np.bitwise_count(hashes[:, None] ^ hashes) <= 2, 1).sum())


@pytest.mark.parametrize(("count", "radius"), [(0, 3), (10, 30), (1_000_000, -1), (1_000_000, 31)])
def test_nothing_is_joined_where_comparing_all_pairs_is_cheaper(count: int, radius: int) -> None:
    assert plan(count, 64, radius) is None


def test_a_million_within_3_bits_take_10_sorts() -> None:
    how = plan(1_000_000, 64, 3)

    assert how is not None
    assert (len(how.blocks), how.intact, how.sorts) == (5, 2, 10)
    assert int(np.bitwise_or.reduce(how.blocks)) == 2**64 - 1


# stars


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 300),
    clusters=st.integers(1, 20),
    flips=st.integers(0, 9),
    radius=st.integers(0, 6),
)
def test_joining_makes_the_stars_that_scoring_makes(
    seed: int, count: int, clusters: int, flips: int, radius: int
) -> None:
    rows = rows_of(clustered(seed, count, clusters, flips))
    order = np.random.default_rng(seed).permutation(count)
    place = np.argsort(order)
    how = plan(10**6, 64, radius)
    assert how is not None

    joined = stars.stars_by_joining(DHASH, rows, radius, how, lambda some: some[np.argsort(place[some])])
    scored = stars.stars_by_scoring(DHASH, rows, order, DHASH.score_at(radius))

    assert shown(joined) == shown(scored)


def shown(found: object) -> list[tuple[int, list[tuple[int, float]]]]:
    assert hasattr(found, "__iter__")
    return sorted((star.head, sorted(zip(star.members.tolist(), star.scores.tolist(), strict=True))) for star in found)


def test_a_chain_is_cut_into_stars() -> None:
    # each is 2 bits from the next one: one connected component, but only the middle three are within 2 of a head
    chain = np.array([0xF0F0 ^ ((1 << 2 * n) - 1) for n in range(5)], np.uint64)
    order = np.array([2, 0, 1, 3, 4])
    how = plan(10**6, 64, 2)
    assert how is not None

    found = shown(stars.stars_by_joining(DHASH, rows_of(chain), 2, how, lambda some: order[np.isin(order, some)]))

    assert [(head, [member for member, _ in members]) for head, members in found] == [(2, [1, 3])]


def test_ten_thousand_copies_are_one_group() -> None:
    rows = rows_of(np.full(10_000, 0x0123456789ABCDEF, np.uint64))
    how = plan(len(rows), 64, 3)
    assert how is not None

    (star,) = stars.stars_by_joining(DHASH, rows, 3, how, lambda some: some)

    assert star.head == 0
    assert star.members.tolist() == list(range(1, 10_000))
    assert set(star.scores.tolist()) == {100.0}


# the whole question


@pytest.mark.parametrize("radius", [0, 3, 10, 40])
def test_groups_are_those_of_comparing_every_pair(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = clustered(1, 700, 90, 6)
    index = index_of(hashes, np.random.default_rng(2).integers(10, 14, 700).astype(np.uint32), shards=3)
    found = grouped(index.duplicates(max_distance=radius))
    monkeypatch.setattr("shards.search.duplicates.plan", lambda *_: None)

    assert found == grouped(index.duplicates(max_distance=radius))
    assert found


def test_the_head_has_the_most_pixels_then_the_smallest_key() -> None:
    hashes = np.array([0x0F0F0F0F0F0F0F0F] * 3 + [0x00FF00FF00FF00FF] * 2, np.uint64)
    width = np.array([10, 12, 12, 7, 7], np.uint32)

    found = grouped(index_of(hashes, width).duplicates())

    assert found == [("image 1", [("image 0", 0.0), ("image 2", 0.0)]), ("image 3", [("image 4", 0.0)])]


def test_removed_images_are_in_no_group() -> None:
    index = index_of(np.full(3, 0x0F0F0F0F0F0F0F0F, np.uint64))
    index.compact()
    index.remove(["image 0"])

    assert grouped(index.duplicates()) == [("image 1", [("image 2", 0.0)])]


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    index_of(clustered(3, 50, 50, 0)).duplicates(max_distance=3, progress=lambda *step: told.append(step))

    assert told[-1][0] == told[-1][1] > 0


@pytest.mark.parametrize("index", [Index.create("memory://", families=["dhash"]), index_of(clustered(4, 1, 1, 0))])
def test_an_index_of_one_image_or_none_has_no_duplicates(index: Index) -> None:
    assert index.duplicates() == Duplicates((), ())
