"""Verifying: what is a problem, and what is none. Damaged bytes are the subject of tests.torture.corruption."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.columns import encode
from shards.table.format.manifest import INLINE_DEAD
from shards.table.format.records import Records
from shards.table.format.segment import pack_records
from shards.table.maintain.collect import ORPHAN_SECONDS
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.verify import REPAIR_FIRST, RESTORE, Report, verify
from shards.table.read.newest import newest
from shards.table.write.commit import KEPT_MANIFESTS
from tests.shards.table.synthetic import FAMILIES, delete, make_store, make_table, many, put, records
from tests.simulation.interleaving import InterleavedStore
from tests.world import FakeWorld

MARK = "0123456789abcdef"


class Place:
    def __init__(self) -> None:
        self.world = FakeWorld()
        self.store: MemoryStore = make_store(self.world)
        self.table: CommittingTable = make_table(self.store, self.world, shards=2)

    def verify(self) -> Report:
        return verify(self.table)

    def problems(self) -> list[tuple[str, str]]:
        return [(problem.name, problem.problem) for problem in self.verify().problems]

    def commit(self, made: Records, *, shard: int | None = None) -> str:
        """Make a segment of these records as they are, whatever the others say; its name."""
        before = newest(self.store, 2).manifest
        into = int(made.fixed["key_hash"][0] % 2) if shard is None else shard
        segment, objects = pack_records(into, made, FAMILIES, MARK, modulus=2)
        for name, data in objects.items():
            self.store.create(name, data)
        shards = list(before.segments)
        shards[into] = (*shards[into], segment)
        after = replace(before, version=before.version + 1, commit_id=MARK, segments=tuple(shards))
        self.store.create(names.manifest(after.version), after.to_bytes())
        return segment.name


@pytest.fixture
def place() -> Place:
    return Place()


def test_an_index_with_everything_in_it_is_clean(place: Place) -> None:
    keys = [str(n) for n in range(3 * INLINE_DEAD)]
    place.table.write(many(keys, 1))
    place.table.write(many(keys[: 2 * INLINE_DEAD], 2, deleted=True))
    place.table.append(records(put("tail", 1, meta={"a": 1}), delete("0", 3)))
    place.table.compact()
    place.table.append(records(put("more", 1)))
    report = place.verify()
    assert report.problems == ()
    assert report.is_clean
    assert report.images == INLINE_DEAD + 1
    assert report.objects == len(list(place.store.list()))
    assert report.size == sum(entry.size for entry in place.store.list())


def test_a_new_index_is_clean(place: Place) -> None:
    assert place.verify() == Report(1, place.store.size(names.SETTINGS), 0, ())


def test_progress_goes_up_to_all_bytes(place: Place) -> None:
    place.table.write(many([str(n) for n in range(100)], 1))
    told: list[tuple[int, int]] = []
    report = verify(place.table, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (report.size, report.size)
    assert told == sorted(told)


def test_a_missing_segment_is_named(place: Place) -> None:
    place.table.write(records(put("a", 1)))
    (gone,) = [entry.name for entry in place.store.list(names.SEGMENTS)]
    place.store.delete([gone])
    assert place.problems() == [(gone, "is named by the newest manifest and missing")]
    assert not place.verify().is_clean


def test_a_missing_list_of_dead_rows_is_named(place: Place) -> None:
    keys = [str(n) for n in range(2000)]
    place.table.write(many(keys, 1))
    place.table.write(many(keys, 2, first=5000))
    gone = [entry.name for entry in place.store.list(names.DEAD)]
    place.store.delete(gone[:1])
    assert (gone[0], "is named by the newest manifest and missing") in place.problems()


def test_what_a_damaged_manifest_named_is_not_to_be_collected(place: Place) -> None:
    for n in range(KEPT_MANIFESTS + 1):
        place.table.write(records(put("a", n)))
    place.world.pass_seconds(ORPHAN_SECONDS + 1)
    latest, older, *_, oldest = (entry.name for entry in place.store.list(names.MANIFEST))
    for name in (latest, older, oldest):
        body = bytearray(place.store.get(name))
        body[60] ^= 1
        place.store.delete([name])
        place.store.create(name, bytes(body))
    advice = {problem.name: problem.advice for problem in place.verify().problems}
    assert (advice[latest], advice[older]) == (RESTORE, RESTORE)
    assert advice[oldest] == "delete it: newer manifests do not need it"
    assert {advice[name] for name in advice if name.startswith(names.SEGMENTS)} == {REPAIR_FIRST}


def test_a_gap_in_the_last_versions_is_a_problem(place: Place) -> None:
    for n in range(5):
        place.table.write(records(put("a", n)))
    place.store.delete([names.manifest(3)])
    assert place.problems() == [(names.MANIFEST, "versions [5, 4, 2, 1] are not consecutive")]


def test_an_old_orphan_is_reported_and_harmless(place: Place) -> None:
    place.table.write(records(put("a", 1)))
    orphan = names.segment(0, b"nobody's", MARK)
    place.store.create(orphan, b"nobody's")
    assert place.problems() == [], "it may belong to a commit under way"
    place.world.pass_seconds(ORPHAN_SECONDS + 1)
    report = place.verify()
    assert [(problem.name, problem.is_harmless) for problem in report.problems] == [(orphan, True)]
    assert report.is_clean


def test_what_is_no_object_of_an_index_is_reported_and_harmless(place: Place) -> None:
    place.store.create("notes.txt", b"mine")
    report = place.verify()
    assert [(problem.name, problem.problem) for problem in report.problems] == [
        ("notes.txt", "is no object of an index")
    ]
    assert report.is_clean


def test_a_key_that_lives_twice_is_a_problem(place: Place) -> None:
    place.table.write(records(put("a", 1, 1)))
    place.commit(records(put("a", 2, 2)))
    assert place.problems() == [(names.MANIFEST, "key 'a' lives 2 times")]


def test_two_keys_of_one_hash_are_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def collide(stored: Iterable[bytes]) -> NDArray[np.uint64]:
        return np.full(len(list(stored)), 6, np.uint64)

    monkeypatch.setattr(names, "key_hashes", collide)
    place.table.write(records(put("a", 1, 1), put("b", 1, 2)))
    place.table.write(records(put("c", 1, 3)))
    assert place.problems() == []


def unsorted(made: Records) -> Records:
    return made.take(np.argsort(made.fixed["key_hash"])[::-1])


def rehashed(made: Records) -> Records:
    """The same records with other key hashes, of the same shards."""
    return replace(made, fixed={**made.fixed, "key_hash": made.fixed["key_hash"] ^ np.uint64(2)})


class TestSegmentsThatContradictThemselves:
    """Whole, and named as they should be, but written by something broken."""

    def test_rows_that_are_not_sorted(self, place: Place) -> None:
        same_shard = [key for key in map(str, range(20)) if names.key_hash(key.encode()) % 2 == 0]
        name = place.commit(unsorted(records(*(put(key, 1) for key in same_shard))))
        assert place.problems() == [(name, "its rows are not sorted by key hash")]

    def test_keys_of_another_shard(self, place: Place) -> None:
        made = records(put("a", 1))
        shard = 1 - int(made.fixed["key_hash"][0] % 2)
        name = place.commit(made, shard=shard)
        assert place.problems() == [(name, f"has keys that are not of shard {shard} of 2")]

    def test_a_key_beside_another_keys_hash(self, place: Place) -> None:
        made = rehashed(records(put("a", 1)))
        name = place.commit(made)
        assert place.problems() == [(name, "a key does not have the hash that stands beside it")]

    def test_metadata_that_is_no_json(self, place: Place) -> None:
        good = records(put("a", 1))
        made = Records.build(keys=["a"], order=good.fixed["order"], rows=good.rows, meta=[b"{"])
        name = place.commit(made)
        ((named, problem),) = place.problems()
        assert named == name
        assert problem.startswith("metadata is not JSON")

    def test_a_tombstone_that_counts_as_an_image(self, place: Place) -> None:
        place.table.write(records(put("a", 1), delete("b", 1)))
        before = newest(place.store, 2).manifest
        shards = tuple(tuple(replace(segment, dead=(), dead_rows=0) for segment in shard) for shard in before.segments)
        after = replace(before, version=2, segments=shards)
        place.store.create(names.manifest(2), after.to_bytes())
        assert [problem for _, problem in place.problems()] == ["its tombstones are not all dead rows"]


def test_a_log_object_whose_keys_have_other_hashes(place: Place) -> None:
    made = rehashed(records(put("a", 1)))
    body = encode(made.columns())
    name = names.log(5, body)
    place.store.create(name, body)
    assert place.problems() == [(name, "a key does not have the hash that stands beside it")]


def test_what_is_folded_merged_and_collected_meanwhile_is_no_problem(place: Place) -> None:
    for n in range(4):
        place.table.write(records(put("a", n), put(f"b{n}", 1)))
    place.table.append(records(put("tail", 1)))
    way = InterleavedStore(place.store)

    def others() -> None:
        place.table.compact(everything=True)
        place.store.delete([entry.name for entry in place.store.list(names.LOG)])

    way.after("list", "", others, nth=2)
    report = verify(CommittingTable(way, place.table.settings, effects=place.world))
    assert way.all_happened
    assert report.problems == ()


def test_an_unreadable_manifest_is_a_problem_if_it_is_the_newest(place: Place) -> None:
    for n in range(2):
        place.table.write(records(put("a", n)))
    place.store.delete([names.manifest(2)])
    place.store.create(names.manifest(2), b"no manifest")
    report = place.verify()
    assert not report.is_clean
    assert report.problems[0].name == names.manifest(2)
