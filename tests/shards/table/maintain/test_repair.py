"""Repairing: what a damaged index is made whole from, and what is said to be gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from shards.families.hashes import hamming
from shards.storage.base import Store
from shards.storage.local import LocalStore
from shards.storage.memory import MemoryStore
from shards.table.format import names, settings
from shards.table.format.columns import CHECK_BLOCK
from shards.table.format.manifest import Segment
from shards.table.format.records import Records
from shards.table.maintain.collect import collect
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.repair import repair
from shards.table.maintain.repaired import Repaired
from shards.table.maintain.verify import DAMAGED, Report, verify
from shards.table.read.newest import newest
from shards.table.write.commit import KEPT_MANIFESTS
from shards.table.write.draft import Draft
from tests.shards.table.synthetic import delete, make_store, make_table, many, put, read, records
from tests.world import FakeWorld

KEYS = [f"k{n:05}" for n in range(4000)]


class Place:
    """An index of 4,000 images, of which 1,000 were replaced and 400 removed; and a tail."""

    def __init__(self, folder: Path | None = None) -> None:
        self.world = world = FakeWorld()
        self.root: Store = make_store(world) if folder is None else LocalStore(folder, lambda: world.now_ns() / 1e9)
        self.table: CommittingTable = make_table(self.root, self.world, shards=2)
        self.table.write(many(KEYS, 1))
        self.table.write(many(KEYS[:1000], 2, first=10_000))
        self.table.write(many(KEYS[3600:], 3, deleted=True))
        self.table.append(records(put("tail", 4, 7), delete(KEYS[5], 4)))
        self.before = self.read()

    def read(self) -> dict[str, int]:
        """Return the number of each living key, as a process sees it that has just come."""
        return read(make_again(self))

    @property
    def store(self) -> Store:
        return self.table.store

    def largest(self, kind: str) -> str:
        """Return the name of an object of this kind: of manifests the newest, else the largest."""
        if kind == names.MANIFEST:
            return next(iter(self.store.list(kind))).name
        return max(self.store.list(kind), key=lambda entry: entry.size).name

    def described(self) -> dict[str, tuple[str, str | None]]:
        """Return the SHA-256 of each living key, and the key that its metadata holds."""
        images = make_again(self).read(lambda snapshot: snapshot.images([*map(str, read(make_again(self)))]))
        return {key: (image.sha256, image.meta.get("key")) for key, image in images.items()}

    def segments(self) -> list[Segment]:
        return sorted(newest(self.store, 2, index=self.table.settings.id).manifest, key=lambda s: -s.rows)

    def change(self, name: str, change: Callable[[bytearray], object]) -> None:
        body = bytearray(self.store.get(name))
        change(body)
        self.store.delete([name])
        self.store.create(name, bytes(body))

    def verify(self) -> Report:
        return verify(make_again(self))

    def repair(self) -> Repaired:
        planned = repair(make_again(self), self.verify(), dry_run=True)
        done = repair(make_again(self), self.verify())
        assert (planned.gone, planned.unknown, planned.revived) == (done.gone, done.unknown, done.revived)
        assert self.verify().is_clean, self.verify().problems
        return done

    def set_aside(self) -> list[str]:
        return [entry.name for entry in self.store.list(DAMAGED)]


def make_again(place: Place) -> CommittingTable:
    return CommittingTable(place.root, place.table.settings, effects=place.world)


@pytest.fixture
def place() -> Place:
    return Place()


def described(numbers: range) -> Records:
    """Records of images with metadata and a SHA-256, which is some number above 0 here."""
    made = many([f"d{n:05}" for n in numbers], 1, first=numbers.start)
    digests = np.repeat(np.arange(len(numbers), dtype=np.uint8)[:, None] % 251 + 1, 32, axis=1)
    return Records({**made.fixed, "sha256": digests}, made.texts, made.rows)


def flip(at: int) -> Callable[[bytearray], None]:
    def change(body: bytearray) -> None:
        body[at] ^= 1

    return change


def test_an_index_in_good_order_is_left_alone(place: Place) -> None:
    version = newest(place.store, 2, index=place.table.settings.id).manifest.version
    done = place.repair()
    assert done == Repaired((), 0, (), 0, 0, None)
    assert newest(place.store, 2, index=place.table.settings.id).manifest.version == version


def test_a_plan_changes_nothing(place: Place) -> None:
    (segment, *_) = place.segments()
    place.change(segment.name, flip(segment.columns["dhash"].offset))
    before = {entry.name: bytes(place.store.get(entry.name)) for entry in place.store.list()}
    assert repair(make_again(place), place.verify(), dry_run=True).actions
    assert {entry.name: bytes(place.store.get(entry.name)) for entry in place.store.list()} == before


@pytest.mark.parametrize("kind", [names.DEAD])
def test_a_list_of_dead_rows_is_made_anew(place: Place, kind: str) -> None:
    for name in [entry.name for entry in place.store.list(kind)]:
        place.change(name, flip(200))
    done = place.repair()
    assert place.read() == place.before
    assert (done.gone, done.unknown, done.revived) == ((), 0, 0)
    assert all(name.startswith(DAMAGED + kind) for name in place.set_aside())


def test_a_missing_list_of_dead_rows_is_made_anew(place: Place) -> None:
    place.store.delete([entry.name for entry in place.store.list(names.DEAD)])
    done = place.repair()
    assert place.read() == place.before
    assert done.revived == 0


def test_damaged_search_columns_are_made_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "INDEXED", 500)
    place.table.compact(everything=True)
    segment = place.segments()[0]
    place.change(segment.name, flip(segment.columns["dhash.buckets"].offset + 9))
    done = place.repair()
    assert place.read() == place.before
    assert (done.gone, done.unknown) == ((), 0)
    assert "dhash.buckets" in place.segments()[0].columns


def test_of_a_damaged_block_only_the_rows_in_it_are_gone_and_they_are_named(place: Place) -> None:
    place.table.compact(everything=True)
    age(place)
    segment = place.segments()[0]
    column = segment.columns["order"]
    place.change(segment.name, flip(column.offset + CHECK_BLOCK + 5))
    done = place.repair()
    per_block = CHECK_BLOCK // 16
    assert 0 < len(done.gone) <= per_block
    assert (done.unknown, done.reduced) == (0, ())
    assert place.read() == {key: number for key, number in place.before.items() if key not in done.gone}


@pytest.mark.parametrize("column", ["sha256", "meta.data", "meta.offsets"])
def test_images_of_which_only_the_description_is_damaged_come_back_without(place: Place, column: str) -> None:
    place.table.write(described(range(2000)))
    place.before = place.read()
    place.table.compact(everything=True)
    age(place)
    before = place.described()
    segment = place.segments()[0]
    place.change(segment.name, flip(segment.columns[column].offset + 5))
    done = place.repair()
    assert (done.gone, done.unknown) == ((), 0)
    assert place.read() == place.before
    after = place.described()
    changed = {key for key in before if after[key] != before[key]}
    assert changed <= set(done.reduced)
    assert 0 < len(changed) < len(before) / 2, "one block"
    assert {after[key][column != "sha256"] for key in done.reduced} == {"" if column == "sha256" else None}
    assert {after[key][column == "sha256"] for key in changed} == {
        before[key][column == "sha256"] for key in changed
    }, "what can be read is there"


def test_of_images_whose_description_is_damaged_the_older_objects_are_asked_first(place: Place) -> None:
    place.table.write(described(range(2000)))
    place.before = place.read()
    place.table.compact(everything=True)
    before = place.described()
    segment = place.segments()[0]
    place.change(segment.name, flip(segment.columns["meta.data"].offset + 5))
    done = place.repair()
    assert (done.gone, done.reduced) == ((), ())
    assert place.described() == before


def test_rows_whose_keys_cannot_be_read_are_counted(place: Place) -> None:
    place.table.compact(everything=True)
    age(place)
    segment = place.segments()[0]
    place.change(segment.name, flip(segment.columns["key.data"].offset))
    done = place.repair()
    assert done.unknown > 0
    assert done.gone == ()
    assert len(place.before) - len(place.read()) == done.unknown


def test_what_older_segments_still_hold_comes_back(place: Place) -> None:
    place.table.compact(everything=True)
    for segment in place.segments():
        place.store.delete([segment.name])
    done = place.repair()
    assert place.read() == place.before
    assert done.gone == ()


def test_many_damaged_segments_are_made_anew_one_after_the_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds the records of one of them, however many there are."""
    held: list[int] = []
    fold_into = CommittingTable.fold_into

    def folding(self: CommittingTable, draft: Draft, parts: Sequence[Records]) -> None:
        held.append(sum(map(len, parts)))
        fold_into(self, draft, parts)

    age(place)
    place.table.reshard(16)
    age(place)
    for segment in place.segments():
        place.change(segment.name, lambda body: body.append(0))
    monkeypatch.setattr(CommittingTable, "fold_into", folding)
    done = place.repair()
    assert place.read() == place.before
    assert (done.restored, done.gone, done.unknown) == (len(place.before), (), 0)
    assert len(held) >= 16
    assert max(held) < len(place.before) / 8


def test_a_segment_cut_short_gives_its_keys(place: Place) -> None:
    place.table.compact(everything=True)
    age(place)
    segment = place.segments()[0]
    end = segment.columns["meta.offsets"].offset
    place.change(segment.name, lambda body: body.__delitem__(slice(end, None)))
    done = place.repair()
    assert len(done.gone) == segment.live
    assert place.read() == {key: number for key, number in place.before.items() if key not in done.gone}


def test_a_damaged_log_object_is_set_aside(place: Place) -> None:
    (name,) = [entry.name for entry in place.store.list(names.LOG)]
    body = bytes(place.store.get(name))
    place.change(name, flip(100))
    done = place.repair()
    assert place.set_aside() == [DAMAGED + name]
    assert bytes(place.store.get(DAMAGED + name)) == flipped(body, 100)
    assert [action.name for action in done.actions] == [name]
    assert place.read().keys() ^ place.before.keys() == {"tail", KEYS[5]}
    # the keys can be read: one of an image, and one of an image that was removed and is there again
    assert (done.gone, done.unknown) == (("tail",), 0)
    assert done.revived >= 1


@pytest.mark.parametrize("damage", [lambda body: body.append(0), lambda body: body.pop()], ids=["longer", "shorter"])
def test_a_log_object_whose_columns_are_whole_comes_back(damage: Callable[[bytearray], object], place: Place) -> None:
    (name,) = [entry.name for entry in place.store.list(names.LOG)]
    place.change(name, damage)
    done = place.repair()
    assert place.read() == place.before
    assert (done.restored, done.gone, done.unknown) == (1, (), 0)
    assert place.set_aside() == [DAMAGED + name]


def test_a_log_object_without_its_metadata_comes_back_without(place: Place) -> None:
    name = place.table.append(records(put("other", 5, 9, meta={"a": 1}), delete(KEYS[7], 5)))
    body = bytes(place.store.get(name))
    place.change(name, flip(body.index(b'{"meta"')))
    done = place.repair()
    assert (done.restored, done.gone, done.unknown, done.reduced) == (1, (), 0, ("other",))
    left = {key: number for key, number in place.before.items() if key != KEYS[7]}
    assert place.read() == {**left, "other": 9}
    assert place.described()["other"] == (f"{9:02x}" * 32, None)


def test_a_log_object_of_which_nothing_can_be_read_counts_as_what_it_can_have_held(place: Place) -> None:
    (name,) = [entry.name for entry in place.store.list(names.LOG)]
    place.change(name, lambda body: body.__setitem__(slice(0, None), bytes(len(body))))
    done = place.repair()
    assert done.gone == ()
    assert done.unknown >= 2
    assert done.revived >= 1


@pytest.mark.parametrize("hours", [0, 2])
@pytest.mark.parametrize("how_many", [1, 2, 8])
def test_where_the_newest_manifests_cannot_be_read_nothing_is_lost(place: Place, how_many: int, hours: int) -> None:
    """Also once their segments are old enough to be orphans."""
    place.world.pass_seconds(hours * 3600)
    manifests = [entry.name for entry in place.store.list(names.MANIFEST)]
    for name in manifests[:how_many]:
        place.change(name, flip(60))
    place.repair()
    assert place.read() == place.before


def test_an_index_without_any_manifest_comes_back_from_its_segments(place: Place) -> None:
    place.store.delete([entry.name for entry in place.store.list(names.MANIFEST)])
    assert place.verify().is_clean, "a first commit may be at work"
    place.world.pass_seconds(2 * 3600)
    (said,) = [problem for problem in place.verify().problems if not problem.is_harmless]
    assert said.problem == f"there is no manifest, but {len(list(place.store.list(names.SEGMENTS)))} segments"
    place.repair()
    assert place.read() == place.before
    place.world.pass_seconds(2 * 3600)
    place.table.write(records(put("later", 9)))
    collect(make_again(place))
    assert place.read() == {**place.before, "later": 0}


def test_an_index_of_which_nothing_is_left_is_neither_clean_nor_repaired(world: FakeWorld) -> None:
    root = MemoryStore()
    chosen = settings.IndexSettings(("dhash",), id=settings.new_id(world))
    settings.create(root, chosen, world)
    table = CommittingTable(root, chosen, effects=world)
    assert verify(table).is_clean
    table.store.delete([entry.name for entry in table.store.list()])
    assert [problem.problem for problem in verify(table).problems] == [f"of the index {chosen.id} nothing is there"]
    done = repair(table, verify(table))
    assert (done.restored, done.left) == (0, (names.MANIFEST,))


def test_an_older_state_that_was_put_back_under_a_commit_is_what_comes_back(place: Place) -> None:
    """Its process died before it looked: what its manifest builds on is gone."""
    snapshot = {entry.name: bytes(place.store.get(entry.name)) for entry in place.store.list()}
    before = place.read()
    for n in range(5):
        place.table.write(many(KEYS[:2000], 10 + n, first=20_000))
    place.table.compact(everything=True)
    late = place.largest(names.MANIFEST)
    body = bytes(place.store.get(late))
    place.store.delete([entry.name for entry in place.store.list()])
    for name, data in {**snapshot, late: body}.items():
        place.store.create(name, data)
    assert place.verify().is_damaged
    place.repair()
    assert place.read() == before


@pytest.mark.parametrize("gone", [True, False])
def test_a_number_between_others_is_not_set_free_too_early(place: Place, gone: bool) -> None:
    older = [entry.name for entry in place.store.list(names.MANIFEST)][1]
    if gone:
        place.store.delete([older])
    else:
        place.change(older, flip(60))
    before = newest(place.store, 2, index=place.table.settings.id).manifest.version
    done = place.repair()
    assert done.version == before + KEPT_MANIFESTS
    assert place.read() == place.before


def test_a_damaged_thumbnail_is_set_aside(place: Place) -> None:
    name = names.thumbnail(bytes(32))
    place.store.create(name, b"no thumbnail at all")
    place.repair()
    # harmless damage is left to who wants it
    assert place.read() == place.before


def test_a_damaged_note_of_an_import_is_set_aside(place: Place) -> None:
    name = names.imported("0" * 32, is_done=True)
    place.store.create(name, b"no note at all")
    done = place.repair()
    assert [action.name for action in done.actions] == [name]
    assert [entry.name for entry in place.store.list(names.IMPORTS)] == []
    assert place.read() == place.before


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.symlink_to(path.name)


def endless(path: Path) -> None:
    """Make a file of 4 TiB that takes no room: who reads it, or copies it, does not come back."""
    path.touch()
    os.truncate(path, 1 << 42)


@pytest.mark.parametrize("odd", [pipe, link, endless])
@pytest.mark.parametrize("kind", [names.MANIFEST, names.SEGMENTS, names.LOG, names.DEAD, names.THUMBNAILS])
def test_what_is_no_object_is_moved_out_of_the_place_of_one(
    kind: str, odd: Callable[[Path], None], tmp_path: Path
) -> None:
    place = Place(tmp_path)
    if kind == names.THUMBNAILS:
        place.store.create(f"{names.THUMBNAILS}{'0' * 64}.webp", b"")
    name = place.largest(kind)
    path = tmp_path / place.table.settings.id / name
    path.unlink()
    odd(path)
    done = place.repair()
    assert done.left == ()
    assert place.set_aside() == [DAMAGED + name]
    if kind in (names.MANIFEST, names.DEAD, names.THUMBNAILS):
        assert place.read() == place.before
    else:
        assert done.gone or done.unknown


def test_others_may_write_while_it_is_repaired(place: Place) -> None:
    segment = place.segments()[0]
    place.change(segment.name, flip(segment.columns["order"].offset))
    report = place.verify()
    make_again(place).append(records(put("meanwhile", 9, 3)))
    done = repair(make_again(place), report)
    assert place.verify().is_clean
    left = {key: number for key, number in place.before.items() if key not in done.gone}
    assert place.read() == {**left, "meanwhile": 3}


def flipped(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    changed[at] ^= 1
    return bytes(changed)


def age(place: Place) -> None:
    """Let so much time and so many commits pass that only the newest state is left."""
    for n in range(9):
        place.table.write(records(put(f"filler{n}", 5, n)))
        place.before[f"filler{n}"] = n
    place.table.compact(everything=True)
    for n in range(9):
        place.table.write(records(put(f"filler{n}", 6 + n, n)))
    place.world.pass_seconds(100_000)
    keep = {name for s in place.segments() for name in (s.name, s.dead_object) if name}
    kinds: Iterable[str] = (names.SEGMENTS, names.DEAD)
    place.store.delete([e.name for kind in kinds for e in place.store.list(kind) if e.name not in keep])
    manifests = [entry.name for entry in place.store.list(names.MANIFEST)]
    place.store.delete(manifests[1:])
    assert np.array_equal(sorted(place.read()), sorted(place.before))
