"""Merging: small segments into a larger one."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import chain, count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.table.format import names
from shards.table.format.manifest import INLINE_DEAD, Manifest, Segment, read_dead
from shards.table.format.records import Record
from shards.table.maintain.merge import DEAD_SHARE, FACTOR, TOMBSTONE_NS, due
from tests.shards.table.folder import NOW_MS, Folder
from tests.shards.table.synthetic import delete, many, put, records
from tests.tiers import scaled

DAY_MS = 24 * 3600 * 1000

keys = st.sampled_from("abcdefgh")


def planned(*rows: int, dead: int = 0, tombstones: int = 0) -> Manifest:
    """A manifest of one shard with segments of so many rows, `dead` rows dead in each."""
    segments = tuple(
        Segment(
            f"{names.shard_prefix(0)}{n:032x}-{n:016x}.npz",
            0,
            size,
            size,
            {},
            tombstones=tombstones,
            dead_rows=dead,
            dead_object=f"dead/{n}",
        )
        for n, size in enumerate(rows)
    )
    return Manifest(1, "", 0, (segments,))


def sizes(merges: list[list[Segment]]) -> list[list[int]]:
    return [[segment.rows for segment in segments] for segments in merges]


class TestWhatIsDue:
    def test_nothing_before_a_tier_is_full(self) -> None:
        assert due(planned(*[1] * (FACTOR - 1)), 1000) == []
        assert due(planned(*[1] * (FACTOR - 1), *[10] * (FACTOR - 1)), 1000) == []

    def test_a_full_tier_becomes_one_segment(self) -> None:
        assert sizes(due(planned(*[1] * FACTOR), 1000)) == [[1] * FACTOR]
        assert sizes(due(planned(500, *[9] * FACTOR, 1), 1000)) == [[9] * FACTOR]

    def test_a_merge_takes_the_smallest_that_fit_in_a_segment(self) -> None:
        assert sizes(due(planned(60, 10, 63, 11, 12, 61, 13, 62), 130)) == [[10, 11, 12, 13, 60]]

    def test_a_segment_of_over_half_the_limit_stays_as_it_is(self) -> None:
        assert due(planned(*[501] * 20), 1000) == []

    def test_a_segment_is_rewritten_when_more_than_its_share_is_dead(self) -> None:
        limit = int(100 * DEAD_SHARE)
        assert due(planned(100, dead=limit), 1000) == []
        assert sizes(due(planned(100, dead=limit + 1), 1000)) == [[100]]

    def test_tombstones_are_not_counted_since_they_may_be_too_young_to_go(self) -> None:
        assert due(planned(100, dead=90, tombstones=60), 1000) == []
        assert sizes(due(planned(100, dead=95, tombstones=60), 1000)) == [[100]]

    def test_everything_becomes_as_few_segments_as_can_be(self) -> None:
        assert sizes(due(planned(5, 1, 30, 2), 1000, everything=True)) == [[1, 2, 5, 30]]
        assert due(planned(7), 1000, everything=True) == []
        assert sizes(due(planned(7, dead=1), 1000, everything=True)) == [[7]]

    def test_shards_are_never_mixed(self) -> None:
        folder = Folder(shards=4)
        folder.apply(folder.change({}, many([str(n) for n in range(100)], 1)))
        folder.apply(folder.change({}, many([f"x{n}" for n in range(100)], 1)))
        for segments in due(folder.manifest, 1000, everything=True):
            assert len(segments) == 2
            assert len({segment.shard for segment in segments}) == 1

    @given(
        st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60), st.booleans()), min_size=1, max_size=25),
        st.sampled_from([1, 20, 300]),
        st.integers(1, 3),
    )
    @settings(max_examples=scaled(8))
    def test_merging_comes_to_an_end(
        self, batches: list[tuple[int, int, bool]], segment_rows: int, shards: int
    ) -> None:
        folder = Folder(shards, segment_rows)
        for time, (size, first, deleted) in enumerate(batches):
            keys = [str(n) for n in range(first, first + size)]
            folder.apply(folder.change({}, many(keys, time, first=time, deleted=deleted)))
        before = folder.shown()
        rounds = 0
        while folder.merge_due():
            rounds += 1
            assert rounds <= len(batches)
        assert folder.shown() == before
        for shard in folder.manifest.segments:
            small = [segment for segment in shard if segment.rows <= segment_rows // 2]
            assert len(small) < FACTOR * 8
            assert all(segment.removable <= DEAD_SHARE * segment.rows for segment in shard)


class TestMerging:
    @given(
        st.lists(
            st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30), st.booleans()), min_size=1, max_size=9),
            min_size=2,
            max_size=7,
        ),
        st.booleans(),
    )
    @settings(max_examples=scaled(40))
    def test_the_living_rows_and_the_tombstones_go_in_sorted_and_whole(
        self, batches: list[list[tuple[str, int, bool]]], expire: bool
    ) -> None:
        folder = Folder()
        numbers = count(1)
        newest: dict[str, Record] = {}
        for batch in batches:
            made = [
                delete(key, time, tie=n) if deleted else put(key, time, n, tie=n, meta={"n": n, "pad": "x" * (n % 5)})
                for (key, time, deleted), n in zip(batch, numbers, strict=False)
            ]
            folder.fold(*made)
            for record in made:
                if record.key not in newest or record.order > newest[record.key].order:
                    newest[record.key] = record
        now_ms = NOW_MS + (16 * DAY_MS if expire else 0)
        merged = folder.merge(list(folder.manifest), now_ms=now_ms)
        living = {key for key, record in newest.items() if not record.deleted}
        if not merged.segments:
            assert not living
            return
        (made,) = merged.segments
        tombstones = read_dead(folder.store, made).tolist()
        with np.load(io.BytesIO(folder.store.get(made.name))) as stored:
            hashes = stored["key_hash"].tolist()
            kinds = stored["kind"].tolist()
            widths = stored["width"].tolist()
        assert hashes == sorted(hashes)
        rows = {(h, width) for h, kind, width in zip(hashes, kinds, widths, strict=True) if kind == 0}
        assert rows == {(names.key_hash(key.encode()), newest[key].width) for key in living}
        assert tombstones == np.flatnonzero(kinds).tolist()
        if expire:
            assert not tombstones
        else:
            gone = {names.key_hash(key.encode()) for key in set(newest) - living}
            assert {hashes[row] for row in tombstones} >= gone
        change = folder.replaced(merged)
        assert change is not None
        folder.apply(change)
        assert folder.shown() == {key: newest[key].width for key in living}

    def test_tombstones_live_fifteen_days(self) -> None:
        folder = Folder()
        folder.fold(put("a", 0), put("b", 0))
        folder.fold(delete("a", 0, tie=1))
        young = folder.merge(list(folder.manifest), now_ms=NOW_MS + TOMBSTONE_NS // 10**6 - 1)
        assert [segment.tombstones for segment in young.segments] == [1]
        old = folder.merge(list(folder.manifest), now_ms=NOW_MS + TOMBSTONE_NS // 10**6)
        assert [(segment.rows, segment.tombstones) for segment in old.segments] == [(1, 0)]

    def test_where_nothing_is_left_there_is_no_segment(self) -> None:
        folder = Folder()
        folder.fold(put("a", 0))
        folder.fold(delete("a", 1))
        folder.merge_due(everything=True, now_ms=NOW_MS + 16 * DAY_MS)
        assert folder.rows() == []
        assert folder.manifest.version == 3

    @pytest.mark.parametrize("tombstones", [INLINE_DEAD, INLINE_DEAD + 1, 4 * INLINE_DEAD])
    def test_any_number_of_young_tombstones_is_kept(self, tombstones: int) -> None:
        folder = Folder(segment_rows=10_000)
        keys = [str(n) for n in range(tombstones)]
        folder.apply(folder.change({}, many([*keys, "last"], 1)))
        folder.apply(folder.change({}, many(keys, 2, deleted=True)))
        folder.merge_due(everything=True)
        (segment,) = folder.manifest
        assert (segment.rows, segment.tombstones, segment.live) == (tombstones + 1, tombstones, 1)
        assert len(read_dead(folder.store, segment)) == tombstones
        assert folder.shown() == {"last": tombstones}

    def test_the_same_merge_gives_the_same_bytes(self) -> None:
        folder = Folder()
        for n in range(3):
            folder.fold(put(f"a{n}", 0, n), put("b", n, n))
        (first,), (second,) = (folder.merge(list(folder.manifest)).segments for _ in range(2))
        assert bytes(folder.store.get(first.name)) == bytes(folder.store.get(second.name))
        assert first.name != second.name, "nobody relies on what another has uploaded"
        assert replace(first, name=second.name) == second

    def test_it_equals_a_segment_of_the_same_records_packed_at_once(self) -> None:
        folder, at_once = Folder(), Folder()
        made = [put(f"key {n}", 1, n, meta={"n": n}) for n in range(50)]
        folder.fold(*made[:20])
        folder.fold(*made[20:])
        at_once.fold(*made)
        folder.merge_due(everything=True)
        (a,), (b,) = folder.manifest, at_once.manifest
        assert bytes(folder.store.get(a.name)) == bytes(at_once.store.get(b.name))


class TestReplacing:
    """Putting the merged segment in the place of the others, in a manifest that may have gone on."""

    def test_rows_that_died_meanwhile_are_dead_in_it(self) -> None:
        folder = Folder()
        folder.fold(put("a", 0, 1), put("b", 0, 2))
        folder.fold(put("c", 0, 3))
        merged = folder.merge(list(folder.manifest))
        folder.fold(put("a", 1, 4), delete("c", 1))
        change = folder.replaced(merged)
        assert change is not None
        folder.apply(change)
        assert folder.shown() == {"a": 4, "b": 2}
        assert folder.manifest.live == 2

    def test_many_that_died_meanwhile_too(self) -> None:
        folder = Folder(segment_rows=10_000)
        keys = [str(n) for n in range(3 * INLINE_DEAD)]
        folder.apply(folder.change({}, many(keys, 0)))
        folder.fold(put("other", 0, 5))
        merged = folder.merge(list(folder.manifest))
        folder.apply(folder.change({}, many(keys[: 2 * INLINE_DEAD], 1, deleted=True)))
        change = folder.replaced(merged)
        assert change is not None
        folder.apply(change)
        assert len(folder.shown()) == INLINE_DEAD + 1

    def test_segments_written_meanwhile_stay_beside_it(self) -> None:
        folder = Folder()
        folder.fold(put("a", 0, 1))
        folder.fold(put("b", 0, 2))
        merged = folder.merge(list(folder.manifest))
        folder.fold(put("c", 0, 3))
        change = folder.replaced(merged)
        assert change is not None
        folder.apply(change)
        assert sorted(folder.rows()) == [1, 2]
        assert folder.shown() == {"a": 1, "b": 2, "c": 3}

    def test_if_one_of_them_is_gone_there_is_nothing_to_replace(self) -> None:
        folder = Folder()
        folder.fold(put("a", 0, 1))
        folder.fold(put("b", 0, 2))
        merged = folder.merge(list(folder.manifest))
        folder.merge_due(everything=True)
        assert folder.replaced(merged) is None

    def test_rows_of_keys_whose_hashes_collide_are_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One is dead when the merge reads it, another, of the same order, dies later, and a third lives on."""
        monkeypatch.setattr(names, "key_hashes", lambda keys: np.full(len(list(keys)), 7, np.uint64))
        folder = Folder()
        folder.fold(put("a", 0, 1), put("b", 0, 2), put("c", 0, 3))
        folder.fold(put("a", 1, 4))
        merged = folder.merge(list(folder.manifest))
        folder.fold(put("b", 1, 5))
        change = folder.replaced(merged)
        assert change is not None
        folder.apply(change)
        assert folder.shown() == {"a": 4, "b": 5, "c": 3}

    @given(
        st.lists(st.lists(st.tuples(keys, st.integers(0, 9), st.booleans()), min_size=1, max_size=12), max_size=5),
        st.lists(st.lists(st.tuples(keys, st.integers(0, 9), st.booleans()), min_size=1, max_size=12), max_size=5),
        st.booleans(),
    )
    @settings(max_examples=scaled(60))
    def test_whatever_happens_meanwhile_is_as_if_the_merge_had_come_last(
        self,
        before: list[list[tuple[str, int, bool]]],
        meanwhile: list[list[tuple[str, int, bool]]],
        folding: bool,
    ) -> None:
        """Folded in manifests of their own, or in the one that the merge comes in with."""
        folder = Folder(shards=2)
        numbers = count(1)

        def made(events: list[tuple[str, int, bool]]) -> list[Record]:
            return [
                delete(key, time, tie=n) if deleted else put(key, time, n, tie=n)
                for (key, time, deleted), n in zip(events, numbers, strict=False)
            ]

        happened = [made(events) for events in before]
        for those in happened:
            folder.fold(*those)
        merges = [folder.merge(segments) for segments in due(folder.manifest, 1000, everything=True)]
        late = [made(events) for events in meanwhile]
        last = late.pop() if folding and late else None
        for those in late:
            folder.fold(*those)
        draft = folder.draft()
        assert all([folder.put(draft, merged) for merged in merges])  # noqa: C419
        if last is not None:
            folder.fold_into(draft, {}, records(*last))
            late.append(last)
        folder.apply(draft.change())
        newest: dict[str, Record] = {}
        for record in chain.from_iterable([*happened, *late]):
            if record.key not in newest or record.order > newest[record.key].order:
                newest[record.key] = record
        assert folder.shown() == {key: record.width for key, record in newest.items() if not record.deleted}
        folder.manifest.check()
