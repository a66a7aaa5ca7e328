"""Duplicates of a whole index: its groups, and the method by which they were found."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike import Index, QueryError, Records
from lookalike.duplicates import find
from lookalike.duplicates.find import Duplicates, Method
from shards.families import Rows
from shards.families.haar import Haar
from shards.families.hashes import Pdq
from shards.search.grouping import Grouping
from tests.shards.families.crops_rows import copies, strangers
from tests.shards.search.clusters import DHASH, GROUPINGS, clustered, long_hashes, rows_of, wanted
from tests.shards.table.counting import CountingStore
from tests.tiers import scaled


def grouped(found: Duplicates) -> list[tuple[str, list[tuple[str, float | None]]]]:
    return [(group.head.key, [(copy.image.key, copy.distance) for copy in group.copies]) for group in found.groups]


def index_of(
    rows: Mapping[str, Rows], width: NDArray[np.uint32] | None = None, shards: int = 1, tail: int = 0
) -> Index:
    """Images `image 0`, `image 1`, … with these signatures, the last `tail` of them not folded yet."""
    count = len(next(iter(rows.values())))
    index = Index.create("memory://", families=list(rows), shards=shards)
    size = np.full(count, 10, np.uint32) if width is None else width

    def records(first: int, stop: int) -> Records:
        order = np.array([index.next_order() for _ in range(first, stop)], np.uint64).reshape(-1, 2)
        return Records.build(
            keys=[f"image {n}" for n in range(first, stop)],
            order=order,
            rows={name: some[first:stop] for name, some in rows.items()},
            width=size[first:stop],
            height=np.full(stop - first, 10, np.uint32),
        )

    if count > tail:
        index.write_bulk(records(0, count - tail))
    if tail:
        index._table.append(records(count - tail, count))
    return index


def hashes_index(hashes: NDArray[np.uint64], width: NDArray[np.uint32] | None = None, shards: int = 1) -> Index:
    return index_of({"dhash": rows_of(hashes)}, width, shards)


@settings(max_examples=scaled(30))
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 60),
    clusters=st.integers(1, 12),
    radius=st.sampled_from([0, 2, 5, 30]),
    grouping=st.sampled_from(GROUPINGS),
    shards=st.sampled_from([1, 3]),
    tail=st.integers(0, 5),
)
def test_an_index_has_the_groups_of_its_living_images_with_content(
    seed: int, count: int, clusters: int, radius: int, grouping: Grouping, shards: int, tail: int
) -> None:
    rng = np.random.default_rng(seed)
    hashes = clustered(seed, count, clusters, 6)
    hashes[rng.random(count) < 0.1] = rng.integers(0, 3, dtype=np.uint64)
    width = rng.integers(10, 13, count).astype(np.uint32)
    rows = rows_of(hashes)
    index = index_of({"dhash": rows}, width, shards, min(tail, count))
    removed = set(np.flatnonzero(rng.random(count) < 0.2).tolist())
    index.remove([f"image {n}" for n in removed])
    if seed % 2:
        index.compact()

    found = index.duplicates(max_distance=radius, grouping=grouping)

    is_flat = DHASH.is_flat(rows)
    living = [n for n in range(count) if n not in removed and not is_flat[n]]
    order = np.array(sorted(living, key=lambda n: (-int(width[n]), f"image {n}")), np.int64)
    groups = wanted(grouping, order, DHASH, rows, DHASH.score_at(radius))
    assert {group.head.key: sorted(copy.image.key for copy in group.copies) for group in found.groups} == {
        f"image {head}": sorted(f"image {n}" for n in members) for head, members in groups.items()
    }
    for group in found.groups:
        head = int(group.head.key.removeprefix("image "))
        for copy in group.copies:
            assert copy.distance == np.bitwise_count(hashes[head] ^ hashes[int(copy.image.key.removeprefix("image "))])
    assert {image.key for image in found.flat} == {f"image {n}" for n in np.flatnonzero(is_flat)} - {
        f"image {n}" for n in removed
    }


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("radius", [0, 3, 10, 40])
def test_groups_are_those_of_comparing_every_pair(radius: int, grouping: Grouping) -> None:
    hashes = clustered(1, 700, 90, 6)
    index = hashes_index(hashes, np.random.default_rng(2).integers(10, 14, 700).astype(np.uint32), shards=3)
    found = index.duplicates(max_distance=radius, grouping=grouping)
    compared = index.duplicates(max_distance=radius, grouping=grouping, exhaustive=True)

    assert grouped(found) == grouped(compared)
    assert found.groups
    assert compared.method == Method("exhaustive")
    assert found.method == Method("exhaustive" if radius == 40 else "sorting")


def test_the_head_has_the_most_pixels_then_the_smallest_key() -> None:
    hashes = np.array([0x0F0F0F0F0F0F0F0F] * 3 + [0x00FF00FF00FF00FF] * 2, np.uint64)
    width = np.array([10, 12, 12, 7, 7], np.uint32)

    found = grouped(hashes_index(hashes, width).duplicates())

    assert found == [("image 1", [("image 0", 0.0), ("image 2", 0.0)]), ("image 3", [("image 4", 0.0)])]


def test_what_is_flat_to_a_witness_is_in_no_group_of_another_family() -> None:
    hashes = rows_of(np.full(4, 0x0F0F0F0F0F0F0F0F, np.uint64))
    edges = np.zeros(4, Pdq.dtype)
    edges["hash"], edges["quality"] = 1, [100, 49, 90, 0]

    found = index_of({"dhash": hashes, "pdq": edges}, tail=2).duplicates(family="dhash")

    assert grouped(found) == [("image 0", [("image 2", 0.0)])]
    assert [image.key for image in found.flat] == ["image 1", "image 3"]


@pytest.mark.parametrize("family", ["dhash", "goldberg"])
def test_flat_images_of_the_same_bytes_are_a_group(family: str) -> None:
    index = Index.create("memory://", families=["dhash", "goldberg"])
    for key, colour in (("white", 255), ("white again", 255), ("black", 0), ("a third white", 255)):
        index.add(key, png(colour))

    found = index.duplicates(family=family)

    (group,) = found.groups
    assert group.head.key == "a third white"
    assert [(copy.image.key, copy.score, copy.distance) for copy in group.copies] == [
        ("white", 100.0, 0.0),
        ("white again", 100.0, 0.0),
    ]
    assert [image.key for image in found.flat] == ["black"]


def png(grey: int) -> bytes:
    out = BytesIO()
    Image.new("L", (40, 30), grey).save(out, "PNG")
    return out.getvalue()


def test_removed_images_are_in_no_group() -> None:
    index = hashes_index(np.full(3, 0x0F0F0F0F0F0F0F0F, np.uint64))
    index.compact()
    index.remove(["image 0"])

    assert grouped(index.duplicates()) == [("image 1", [("image 2", 0.0)])]


def test_segments_of_one_row_are_compared_like_any_other() -> None:
    index = Index.create("memory://", families=["dhash"], shards=1)
    for n in range(4):
        order = np.array([index.next_order()], np.uint64)
        size = np.array([10 + n], np.uint32)
        rows = rows_of(np.array([0x0F0F0F0F0F0F0F0F ^ n // 3], np.uint64))
        index.write_bulk(Records.build(keys=[f"image {n}"], order=order, rows={"dhash": rows}, width=size, height=size))

    assert index.stats().segments == 4
    assert grouped(index.duplicates(max_distance=0)) == [("image 2", [("image 0", 0.0), ("image 1", 0.0)])]


def far_copies(count: int) -> Mapping[str, Rows]:
    """Pairs that are equal to haar; every other of them is 30 bits apart to dhash, and both are to phash."""
    rng = np.random.default_rng(3)
    haar = np.zeros(2 * count, Haar.dtype)
    haar["sig"] = np.sort(np.argsort(rng.random((count, 3, 2000)))[:, :, :40] + 1).repeat(2, axis=0)
    haar["avgl"][:, 0] = 0.5
    hashes = rng.integers(0, 1 << 64, count, np.uint64).repeat(2)
    hashes[3::4] ^= np.uint64((1 << 30) - 1)
    return {"haar": haar, "dhash": rows_of(hashes), "phash": rows_of(rng.integers(0, 1 << 64, 2 * count, np.uint64))}


def test_candidates_miss_what_no_hash_has_near_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "FEW", 100)
    index = index_of(far_copies(100), shards=2)
    suggested = index.duplicates(family="haar", min_score=90)
    compared = index.duplicates(family="haar", min_score=90, exhaustive=True)

    assert len(compared.groups) == 100
    assert (compared.method, compared.method.is_exact) == (Method("exhaustive"), True)
    assert grouped(suggested) == [group for group in grouped(compared) if int(group[0].split()[1]) % 4 == 0]
    assert suggested.method == Method("candidates", ("dhash", "phash"), 10)
    assert not suggested.method.is_exact


def test_few_images_are_all_compared_and_so_are_those_without_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = far_copies(60)
    assert index_of(rows).duplicates(family="haar").method == Method("exhaustive")
    monkeypatch.setattr(find, "FEW", 100)
    assert index_of(rows).duplicates(family="haar").method.name == "candidates"
    assert index_of({"haar": rows["haar"]}).duplicates(family="haar").method == Method("exhaustive")
    assert index_of(dict(list(rows.items())[::2])).duplicates(family="haar").method.hashes == ("phash",)


def test_any_family_with_a_64_bit_hash_suggests_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "FEW", 100)
    rows = far_copies(60)
    assert index_of(rows).duplicates(family="haar").method.hashes == ("dhash", "phash")
    monkeypatch.setattr(find, "CANDIDATES_BY", ("phash",))
    assert index_of(rows).duplicates(family="haar").method.hashes == ("phash", "dhash")


def test_a_store_that_is_far_away_has_the_same_groups() -> None:
    near = index_of({"dhash": rows_of(clustered(5, 300, 40, 4))}, shards=4, tail=20)
    near.remove(["image 7", "image 290"])
    far = Index.open(CountingStore(near._table.root), memory=0)
    assert near.duplicates(max_distance=4).groups
    assert far.duplicates(max_distance=4) == near.duplicates(max_distance=4)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_long_hashes_are_sorted_piece_by_piece(grouping: Grouping) -> None:
    index = index_of({"pdq": long_hashes(Pdq(), 9, 500, 60, 40)}, shards=2)
    found = index.duplicates(max_distance=31, grouping=grouping)

    assert found.method == Method("sorting")
    assert found.groups
    assert grouped(found) == grouped(index.duplicates(max_distance=31, grouping=grouping, exhaustive=True))


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_a_family_that_finds_its_own_pairs_has_the_groups_of_comparing_every_pair(grouping: Grouping) -> None:
    originals = strangers(1, 15)
    rows = np.concatenate([originals, copies(originals, 2, 30), copies(originals[:5], 3, 9), originals[:4]])
    index = index_of({"crops": rows}, shards=2)
    found = index.duplicates(grouping=grouping)

    assert found.method == Method("sorting")
    assert len(found.groups) >= 10
    assert grouped(found) == grouped(index.duplicates(grouping=grouping, exhaustive=True))


@pytest.mark.parametrize("options", [{}, {"exhaustive": True}, {"grouping": "components"}])
def test_progress_is_told_up_to_the_end(options: dict[str, bool]) -> None:
    told: list[tuple[int, int]] = []
    index = hashes_index(clustered(3, 50, 50, 0))
    index.duplicates(max_distance=3, progress=lambda *step: told.append(step), **options)  # type: ignore[arg-type]

    assert told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("count", [0, 1])
def test_an_index_of_one_image_or_none_has_no_duplicates(count: int) -> None:
    found = hashes_index(clustered(4, count, 1, 0)).duplicates()

    assert found == Duplicates((), (), Method("exhaustive"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": 90, "max_distance": 3}, "not both"),
        ({"min_score": 100.5}, "a score is at most 100"),
        ({"min_score": float("nan")}, "a score is at most 100"),
        ({"grouping": "cluster"}, "'star' or 'components', not by 'cluster'"),
        ({"family": "haar"}, "no signatures of haar"),
    ],
)
def test_what_cannot_be_asked_says_why(options: dict[str, object], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        hashes_index(clustered(4, 3, 1, 0)).duplicates(**options)  # type: ignore[arg-type]
