"""Folding: fresh records over a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.table.format import names
from shards.table.format.manifest import INLINE_DEAD, read_dead
from shards.table.format.records import Record
from shards.table.write.fold import LOG_AGE_MS
from tests.shards.table.folder import NOW_MS, Folder
from tests.shards.table.synthetic import delete, many, put, records
from tests.tiers import scaled


def colliding(stored: Iterable[bytes]) -> NDArray[np.uint64]:
    """Two key hashes for all keys: of two shards each has one."""
    return np.array([key[0] % 2 for key in stored], np.uint64)


batches = st.lists(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20), st.booleans()), min_size=1, max_size=8),
    min_size=1,
    max_size=8,
)


@given(batches, st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 1000]), st.booleans())
@settings(max_examples=scaled(60))
def test_for_each_key_the_highest_order_wins(
    given: list[list[tuple[str, int, bool]]], shards: int, segment_rows: int, collide: bool
) -> None:
    folder = Folder(shards, segment_rows)
    newest: dict[str, Record] = {}
    numbers = count(1)
    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(names, "key_hashes", colliding)
        for batch in given:
            made = []
            for key, time, deleted in batch:
                number = next(numbers)  # as a tie-break, so that no two events are one
                made.append(delete(key, time, tie=number) if deleted else put(key, time, number, tie=number))
            folder.fold(*made)
            for record in made:
                if record.key not in newest or record.order > newest[record.key].order:
                    newest[record.key] = record
        expected = {key: record.width for key, record in newest.items() if not record.deleted}
        assert folder.shown() == expected
    assert folder.manifest.live == len(expected)
    assert folder.manifest.version == len(given)
    for segment in folder.manifest:
        assert 1 <= segment.rows <= segment_rows


def test_the_same_event_twice_is_one() -> None:
    folder = Folder()
    folder.fold(put("a", 1, 1), put("b", 1, 2))
    folder.fold(put("a", 1, 1))
    assert [segment.rows for segment in folder.manifest] == [2]
    assert folder.manifest.version == 2


def test_it_is_a_pure_function() -> None:
    folder = Folder(shards=2)
    folder.fold(*(put(key, 1, 1) for key in "abcdefgh"))
    first, second = (folder.change({}, records(put("a", 2, 2), delete("b", 2))) for _ in range(2))
    assert first.manifest.to_bytes() == second.manifest.to_bytes()
    assert {name: bytes(data) for name, data in first.objects.items()} == {
        name: bytes(data) for name, data in second.objects.items()
    }


def test_the_order_in_which_log_objects_are_given_does_not_matter() -> None:
    one, two = records(put("a", 1, 1), put("b", 1, 2)), records(put("a", 2, 3))
    change = Folder().change({"log/1": one, "log/2": two})
    turned = Folder().change({"log/2": two, "log/1": one})
    assert change.manifest.to_bytes() == turned.manifest.to_bytes()


class TestFoldedNames:
    def test_every_folded_log_object_is_named(self) -> None:
        folder = Folder()
        folder.apply(folder.change({"log/1": records(put("a", 1)), "log/2": records(put("b", 1))}))
        assert folder.manifest.folded == {"log/1": NOW_MS, "log/2": NOW_MS}

    def test_one_that_is_folded_already_is_left_out(self) -> None:
        folder = Folder()
        folder.apply(folder.change({"log/1": records(put("a", 1, 1))}))
        folder.apply(folder.change({"log/1": records(put("a", 2, 2)), "log/2": records(put("b", 1, 3))}))
        assert folder.shown() == {"a": 1, "b": 3}

    @pytest.mark.parametrize(
        ("age_ms", "listed", "is_kept"),
        [(0, False, True), (LOG_AGE_MS - 1, False, True), (LOG_AGE_MS, False, False), (LOG_AGE_MS * 9, True, True)],
    )
    def test_a_name_is_forgotten_when_it_is_old_and_its_object_is_gone(
        self, age_ms: int, listed: bool, is_kept: bool
    ) -> None:
        folder = Folder()
        folder.apply(folder.change({"log/1": records(put("a", 1))}))
        later = folder.change({"log/2": records(put("b", 1))}, listed=["log/1"] * listed, now_ms=NOW_MS + age_ms)
        assert ("log/1" in later.manifest.folded) == is_kept
        assert "log/2" in later.manifest.folded


class TestDeadRows:
    def test_few_are_listed_in_the_manifest_and_many_in_an_object(self) -> None:
        keys = [f"{n:04}" for n in range(2 * INLINE_DEAD)]
        folder = Folder()
        folder.apply(folder.change({}, many(keys, 1)))
        folder.apply(folder.change({}, many(keys[:INLINE_DEAD], 2, first=1000)))
        first = next(iter(folder.manifest))
        assert (len(first.dead), first.dead_object) == (INLINE_DEAD, None)
        folder.fold(delete(keys[-1], 3))
        first = next(iter(folder.manifest))
        assert first.dead == ()
        assert first.dead_object is not None
        assert len(read_dead(folder.store, first)) == INLINE_DEAD + 1
        expected = dict(
            zip(keys, [*range(1000, 1000 + INLINE_DEAD), *range(INLINE_DEAD, 2 * INLINE_DEAD)], strict=True)
        )
        del expected[keys[-1]]
        assert folder.shown() == expected

    def test_segments_in_which_nothing_dies_stay_as_they_are(self) -> None:
        folder = Folder(shards=4)
        folder.apply(folder.change({}, many([f"{n:04}" for n in range(2000)], 1)))
        before = set(folder.manifest)
        folder.fold(delete("0001", 2))
        assert len(before & set(folder.manifest)) == 3, "those of the other shards"


@pytest.fixture(scope="module")
def large() -> dict[int, Folder]:
    """Indexes of one segment of so many rows."""
    made = {}
    for rows in (50_000, 200_000):
        made[rows] = Folder(segment_rows=1 << 20)
        made[rows].apply(made[rows].change({}, many([f"images/{n:06}.jpg" for n in range(rows)], 1)))
    return made


def bytes_read(index: Folder, batch: Sequence[str]) -> int:
    """By a fold of these keys."""
    index.store.reset()
    index.change({}, many(batch, 2))
    return index.store.bytes_read


class TestWhatAFoldReads:
    """It grows with the batch, not with the index."""

    def test_ten_new_keys_in_200_000_read_a_few_hundred_kilobytes(self, large: dict[int, Folder]) -> None:
        index = large[200_000]
        size = sum(segment.size for segment in index.manifest)
        read = bytes_read(index, [f"new {n}" for n in range(10)])
        assert read < 500_000 < size / 20
        assert index.store.requests == 1

    def test_ten_overwrites_read_a_few_blocks_more(self, large: dict[int, Folder]) -> None:
        index = large[200_000]
        assert bytes_read(index, [f"images/{n:06}.jpg" for n in range(0, 200_000, 20_000)]) < 1_200_000
        assert index.store.requests <= 5

    def test_four_times_the_index_is_read_at_most_twice_as_much(self, large: dict[int, Folder]) -> None:
        batch = [f"images/{n:06}.jpg" for n in range(5)]
        assert bytes_read(large[200_000], batch) < 2 * bytes_read(large[50_000], batch)

    def test_half_the_batch_reads_about_half(self, large: dict[int, Folder]) -> None:
        index = large[200_000]
        few, more = (bytes_read(index, [f"images/{i:06}.jpg" for i in range(n)]) for n in (4, 8))
        assert 1.5 < more / few < 2.5
