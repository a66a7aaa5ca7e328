"""Resharding: more shards, and the segments of fewer split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index, Key, QueryError
from shards.families import DEFAULT, family
from shards.table.format import names
from shards.table.format.manifest import INLINE_DEAD, Manifest, Segment
from shards.table.format.records import Records
from shards.table.maintain import merge, reshard
from shards.table.maintain.reshard import FAN_OUT, Resharded, grow, splits
from shards.table.maintain.verify import verify
from tests.shards.search.test_plan import rows_of
from tests.shards.table.counting import CountingStore
from tests.shards.table.folder import NOW_MS, Folder
from tests.shards.table.synthetic import delete, make_store, make_table, many, put, read, records
from tests.tiers import scaled
from tests.world import FakeWorld


def segment(n: int, shard: int, modulus: int, rows: int) -> Segment:
    return Segment(f"{names.shard_prefix(shard)}{n:032x}-{n:016x}.npz", shard, rows, rows, {}, modulus=modulus)


def manifest(shards: int, *segments: Segment) -> Manifest:
    of = [tuple(one for one in segments if one.shard == shard) for shard in range(shards)]
    made = Manifest(1, "", 0, tuple(of))
    made.check()
    return made


def grown(before: Manifest, shards: int) -> Manifest:
    change = grow(before, shards, now_ms=NOW_MS, commit_id="c0ffee")
    assert change is not None
    assert not change.objects
    change.manifest.check()
    return change.manifest


class TestGrowing:
    def test_the_segments_stay_where_they_are_and_are_wide(self) -> None:
        one, two = segment(1, 0, 2, 10), segment(2, 1, 2, 10)
        after = grown(manifest(2, one, two), 8)
        assert after.version == 2
        assert after.segments == ((one,), (two,), (), (), (), (), (), ())
        assert after.wide == [one, two]
        assert Manifest.from_bytes(after.to_bytes(), names.manifest(2)) == after

    def test_in_a_manifest_of_as_many_shards_nothing_is_said_of_a_segments_modulus(self) -> None:
        """So manifests of before there was resharding are what they were, and read as they always were."""
        before = manifest(2, segment(1, 0, 2, 10))
        assert b"modulus" not in before.to_bytes()
        assert b'"modulus":2' in grown(before, 4).to_bytes()

    def test_as_many_as_there_are_is_no_commit(self) -> None:
        assert grow(manifest(4), 4, now_ms=NOW_MS, commit_id="") is None

    @pytest.mark.parametrize(
        ("before", "shards", "advice"),
        [
            (4, 12, "shards is 12, the index has 4: give that doubled, once or several times, up to 65,536: 8, 16, 32"),
            (4, 6, "8, 16, 32"),
            (4, 2, "8, 16, 32"),
            (4, 0, "8, 16, 32"),
            (4, -8, "8, 16, 32"),
            (4, 1 << 17, "8, 16, 32"),
            (3, 8, "6, 12, 24"),
            (30_000, 120_000, "up to 65,536: 60000$"),
            (40_000, 80_000, "the index has 40000: that cannot be doubled: 65,536 is the most"),
        ],
    )
    def test_other_numbers_are_refused_with_the_reason(self, before: int, shards: int, advice: str) -> None:
        with pytest.raises(QueryError, match=advice):
            grow(manifest(before), shards, now_ms=NOW_MS, commit_id="")


class TestWhatIsToBeSplit:
    def test_wide_segments_and_no_others(self) -> None:
        wide, narrow = segment(1, 1, 2, 10), segment(2, 1, 4, 10)
        (split,) = splits(manifest(4, wide, narrow), 100)
        assert split.segments == [wide]
        assert split.into == [(1, 4), (3, 4)]
        assert splits(manifest(4, narrow), 100) == []

    def test_small_ones_of_one_residue_go_together_and_others_do_not(self) -> None:
        sizes = [60, 200, 40, 30]
        found = splits(manifest(4, *(segment(n, 0, 2, rows) for n, rows in enumerate(sizes)), segment(9, 0, 1, 5)), 100)
        assert [[one.rows for one in split.segments] for split in found] == [[30, 40], [60], [200], [5]]
        assert [split.into for split in found] == [[(0, 4), (2, 4)]] * 3 + [[(0, 4), (1, 4), (2, 4), (3, 4)]]

    def test_a_segment_becomes_a_few_at_a_time(self) -> None:
        (split,) = splits(manifest(1024, segment(1, 1, 2, 10)), 100)
        assert split.into == [(n, 2 * FAN_OUT) for n in range(1, 2 * FAN_OUT, 2)]


class TestSplitting:
    @given(
        st.lists(
            st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.booleans()), min_size=1, max_size=30),
            min_size=1,
            max_size=5,
        ),
        st.sampled_from([(1, 2), (1, 16), (3, 6), (2, 32)]),
        st.sampled_from([5, 1000]),
    )
    @settings(max_examples=scaled(40))
    def test_every_record_goes_into_the_segment_of_its_shard(
        self, batches: list[list[tuple[int, int, bool]]], shards: tuple[int, int], segment_rows: int
    ) -> None:
        folder = Folder(shards[0], segment_rows)
        for batch in batches:
            made = [
                delete(f"key {n}", time) if deleted else put(f"key {n}", time, 10 * n + time)
                for n, time, deleted in batch
            ]
            folder.fold(*made)
        before = folder.shown()
        rows = sum(folder.rows())
        folder.manifest = grown(folder.manifest, shards[1])
        assert folder.shown() == before
        folder.fold(put("key 1", 20, 99), delete("key 2", 20))
        before |= {"key 1": 99}
        before.pop("key 2", None)
        assert folder.shown() == before, "laid over wide segments too"
        while todo := splits(folder.manifest, segment_rows):
            split_up(folder, todo[0].segments, todo[0].into)
            assert folder.shown() == before
        assert sum(folder.rows()) <= rows + 2
        for one in folder.manifest:
            hashes = folder.reader(one).column("key_hash")
            assert one.modulus == shards[1]
            assert set((hashes % np.uint64(shards[1])).tolist()) == {one.shard}

    def test_the_parts_are_what_would_have_been_written_with_so_many_shards(self) -> None:
        made = many([f"key {n}" for n in range(300)], 1)
        folder, at_once = Folder(1), Folder(4)
        folder.apply(folder.change({}, made))
        at_once.apply(at_once.change({}, made))
        folder.manifest = grown(folder.manifest, 4)
        (todo,) = splits(folder.manifest, 1000)
        split_up(folder, todo.segments, todo.into)
        ours, theirs = ([bytes(each.store.get(one.name)) for one in each.manifest] for each in (folder, at_once))
        assert ours == theirs

    def test_rows_that_died_meanwhile_are_dead_in_the_parts(self) -> None:
        folder = Folder(1, segment_rows=10_000)
        keys = [f"key {n}" for n in range(6 * INLINE_DEAD)]
        folder.apply(folder.change({}, many(keys, 1)))
        folder.manifest = grown(folder.manifest, 2)
        (todo,) = splits(folder.manifest, 10_000)
        parts = folder.merge(todo.segments, into=todo.into)
        folder.apply(folder.change({}, many(keys[:-9], 2, deleted=True)))
        change = folder.replaced(parts)
        assert change is not None
        folder.apply(change)
        assert sorted(folder.shown()) == sorted(keys[-9:])
        assert folder.manifest.live == 9
        assert [one.dead_object is not None for one in folder.manifest if one.tombstones == 0] == [True, True]

    def test_merges_keep_to_segments_of_one_residue(self) -> None:
        found = merge.due(manifest(2, *(segment(n, 0, 1 + n % 2, 10) for n in range(6))), 1000, everything=True)
        assert [[one.modulus for one in segments] for segments in found] == [[1] * 3, [2] * 3]

    def test_a_merge_of_wide_segments_is_wide(self) -> None:
        folder = Folder(1)
        folder.fold(put("a", 1, 1), put("b", 1, 2))
        folder.fold(put("c", 1, 3))
        merged = folder.merge(list(folder.manifest))
        folder.manifest = grown(folder.manifest, 4)
        change = folder.replaced(merged)
        assert change is not None
        folder.apply(change)
        assert [one.residue for one in folder.manifest.wide] == [(0, 1)]
        assert folder.shown() == {"a": 1, "b": 2, "c": 3}


def split_up(folder: Folder, segments: Sequence[Segment], into: Sequence[tuple[int, int]]) -> None:
    change = folder.replaced(folder.merge(segments, into=into))
    assert change is not None
    folder.apply(change)


class TestTable:
    def test_it_says_what_it_did_and_how_far_it_is(self) -> None:
        world = FakeWorld()
        table = make_table(make_store(world), world, segment_rows=100)
        table.write(many([f"key {n}" for n in range(250)], 1))
        told: list[tuple[int, int]] = []
        assert table.reshard(4, lambda *done: told.append(done)) == Resharded(1, 4, 3, 12, 5)
        assert [done for done, _ in told][::3] == [0, 250]
        assert sorted(told) == told
        assert {total for _, total in told} == {250}
        assert table.reshard(4) == Resharded(4, 4, 0, 0, 5)
        assert len(read(table)) == 250

    def test_an_index_that_has_folded_nothing_grows_too(self) -> None:
        world = FakeWorld()
        table = make_table(make_store(world), world)
        table.append(records(put("a", 1, 1)))
        assert table.reshard(16) == Resharded(1, 16, 0, 0, 1)
        table.compact()
        assert table.snapshot().manifest.shards == 16
        assert read(table) == {"a": 1}

    def test_a_refusal_changes_nothing(self) -> None:
        world = FakeWorld()
        table = make_table(make_store(world), world, shards=2)
        with pytest.raises(QueryError, match="shards is 5"):
            table.reshard(5)
        assert table.snapshot().manifest.version == 0

    def test_interrupted_it_answers_and_goes_on_where_it_was(self) -> None:
        world = FakeWorld()
        store = make_store(world)
        table = make_table(store, world, segment_rows=50)
        table.write(many([f"key {n}" for n in range(200)], 1))
        before = read(table)

        def interrupt(done: int, total: int) -> None:
            if done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            table.reshard(2, interrupt)
        half = table.snapshot().manifest
        assert len(half.wide) == 3
        assert read(table) == before
        assert verify(table).problems == ()
        again = make_table(store, world, segment_rows=50)
        assert again.reshard(2) == Resharded(2, 2, 3, 6, half.version + 3)
        assert read(table) == before
        assert verify(table).problems == ()

    def test_a_split_reads_each_column_no_more_than_once_where_it_is_kept(self) -> None:
        world = FakeWorld()
        store = CountingStore(make_store(world))
        make_table(store, world).write(many([f"key {n}" for n in range(20_000)], 1))
        table = make_table(store, world)
        (whole,) = table.snapshot().manifest
        store.reset()
        table.reshard(8)
        assert store.bytes_read < 1.1 * whole.size + 100_000

    def test_what_was_split_is_not_kept_open(self) -> None:
        """A folder's maps are limited, and an index may have thousands of segments."""
        world = FakeWorld()
        table = make_table(make_store(world), world, segment_rows=10)
        table.write(many([f"key {n}" for n in range(100)], 1))
        assert table.reshard(2).split == 10
        assert table._readers == {}

    def test_verify_knows_what_a_segment_was_made_for(self) -> None:
        """Older manifests, which are kept for a while, have fewer shards."""
        world = FakeWorld()
        store = make_store(world)
        table = make_table(store, world, shards=2)
        table.write(many([f"key {n}" for n in range(50)], 1))
        table.reshard(8)
        report = verify(table)
        assert report.problems == ()
        assert report.images == 50


@pytest.mark.parametrize("name", [*DEFAULT, "pdq"])
def test_every_answer_before_is_the_answer_after(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds for every family, and in each state in between."""
    monkeypatch.setattr(reshard, "FAN_OUT", 2)
    world = FakeWorld()
    index = Index.create(make_store(world), families=[name], segment_rows=40, effects=world)
    rows = rows_of(family(name), 120, 5)
    for start in range(0, 120, 30):
        keys = [f"{n}.jpg" for n in range(start, start + 30)]
        order = np.array([index.next_order() for _ in keys], np.uint64)
        index.write_bulk(Records.build(keys=keys, order=order, rows={name: rows[start : start + 30]}))
    index.remove(["7.jpg", "60.jpg"])

    def answers() -> list[object]:
        hits = [index.search(Key(f"{n}.jpg"), limit=50).hits for n in (0, 17, 41, 119)]
        return [hits, index.duplicates(min_score=90).groups, list(index.list()), index.count()]

    before = answers()
    seen: list[tuple[int, int]] = []

    def compare(done: int, total: int) -> None:
        seen.append((done, total))
        assert answers() == before

    assert index.reshard(8, compare).shards == 8
    assert len(seen) > 8, "twice or three times split: by two at a time"
    assert index.stats().wide == 0
    assert answers() == before
