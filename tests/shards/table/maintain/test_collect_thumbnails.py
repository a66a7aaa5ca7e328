"""Collecting thumbnails: part by part, with the same result, whatever the parts are and whenever it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.collecting import GARBAGE, held
from shards.storage.base import Entry, Store
from shards.storage.delegating import DelegatingStore
from shards.table.format import names
from shards.table.maintain import collect_thumbnails as collecting
from shards.table.maintain.collect import NAMED, ORPHAN_SECONDS, Collected
from shards.table.maintain.collect_thumbnails import collect_thumbnails
from shards.table.maintain.committing import CommittingTable
from shards.table.read.snapshot import Snapshot
from tests.shards.table.synthetic import delete, make_store, make_table, put, records
from tests.tiers import scaled
from tests.world import FakeWorld

DIGESTS = st.binary(min_size=32, max_size=32).filter(any)


class Far(DelegatingStore):
    """A store that is far away. `met`: something that happens once, at a listing of a part."""

    mapped = False  # type: ignore[assignment]

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.listed: list[str] = []

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        self.listed.append(prefix)
        yield from super().list(prefix, after=after, limit=limit)


def far_table(world: FakeWorld) -> tuple[CommittingTable, Far]:
    store = Far(make_store(world))
    return make_table(store, world), store  # type: ignore[arg-type]


def add(table: CommittingTable, digests: Sequence[bytes], *, folded: bool, first: int = 0) -> None:
    for number, digest in enumerate(digests, first):
        table.append(records(replace(put(f"{digest.hex()}-{number}", 1.0, 1), sha256=digest)))
    if folded and digests:
        table.compact()


def draw(store: Store, digests: Sequence[bytes]) -> None:
    for digest in digests:
        store.create(names.thumbnail(digest), b"a thumbnail")


def kept(store: Store) -> set[bytes]:
    return {names.thumbnail_sha256(entry.name) or b"" for entry in store.list(names.THUMBNAILS)}


@settings(max_examples=scaled(40), deadline=None)
@given(
    folded=st.lists(DIGESTS, max_size=8, unique=True),
    tail=st.lists(DIGESTS, max_size=4, unique=True),
    unused=st.lists(DIGESTS, max_size=12, unique=True),
    young=st.lists(DIGESTS, max_size=3, unique=True),
    place=st.floats(0, 1, exclude_max=True),
    is_many=st.booleans(),
)
def test_what_no_image_has_goes_and_all_else_stays(
    folded: list[bytes], tail: list[bytes], unused: list[bytes], young: list[bytes], place: float, is_many: bool
) -> None:
    world = FakeWorld()
    with pytest.MonkeyPatch.context() as monkeypatch:
        if is_many:
            # parts and slices, as with many thumbnails
            for name, value in {"FEW": 0, "PARTS": 16, "LISTED": 2, "HELD": 1, "CHUNK": 2, "ROWS": 2}.items():
                monkeypatch.setattr(collecting, name, value)
        table, store = far_table(world)
        add(table, folded, folded=True)
        add(table, tail, folded=False, first=len(folded))
        draw(store, [*folded, *tail, *unused])
        world.pass_seconds(ORPHAN_SECONDS + 10)
        old = kept(store)
        draw(store, young)
        done = collect_thumbnails(table, place=place)
        needed = {*folded, *tail, *(one for one in young if one not in old)}
        assert kept(store) == needed
        assert set(done.objects) == {names.thumbnail(digest) for digest in old - needed}
        assert (done.covered, done.next) == (1.0, None)
        assert done.size == len(b"a thumbnail") * done.count


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "FEW", 0)
    monkeypatch.setattr(collecting, "PARTS", 64 * 4)


UNUSED = [bytes([number]) * 32 for number in range(1, 256)]


def test_a_collector_whose_time_is_over_says_where_to_go_on(many: None, world: FakeWorld) -> None:
    table, store = far_table(world)
    draw(store, UNUSED)
    world.pass_seconds(ORPHAN_SECONDS + 10)
    place, calls, covered = 0.3, 0, 0.0
    while True:
        calls += 1
        asked = iter([False] * 3)
        done = collect_thumbnails(table, place=place, is_over=lambda asked=asked: next(asked, True))  # type: ignore[misc]
        covered += done.covered
        if done.next is None or covered >= 1:
            break
        assert done.covered == 3 * 16 / 256
        place = done.next
    assert kept(store) == set()
    assert calls == 6


def test_an_image_that_is_added_again_meanwhile_keeps_its_thumbnail(many: None, world: FakeWorld) -> None:
    table, store = far_table(world)
    draw(store, UNUSED)
    add(table, UNUSED[:1], folded=True)
    world.pass_seconds(ORPHAN_SECONDS + 10)
    asked: list[bool] = []

    def added_meanwhile() -> bool:
        # the digests of all images were looked at, and nothing was listed yet
        if not asked:
            add(table, UNUSED[1:2], folded=False, first=1)
            add(table, UNUSED[2:3], folded=True, first=2)
        asked.append(True)
        return False

    collect_thumbnails(table, is_over=added_meanwhile)
    assert kept(store) == set(UNUSED[:3])


def test_two_digests_that_begin_alike_are_both_kept_where_one_is_used(world: FakeWorld) -> None:
    table, store = far_table(world)
    used, other = b"12345678" + bytes(24), b"12345678" + b"x" * 24
    add(table, [used], folded=True)
    draw(store, [used, other])
    world.pass_seconds(ORPHAN_SECONDS + 10)
    assert collect_thumbnails(table).count == 0
    assert kept(store) == {used, other}


def test_few_thumbnails_are_listed_at_once_and_none_costs_one_request(world: FakeWorld) -> None:
    table, store = far_table(world)
    collect_thumbnails(table)
    assert store.listed.count(names.THUMBNAILS) == 1
    draw(store, UNUSED)
    collect_thumbnails(table)
    assert {one for one in store.listed if one.startswith(names.THUMBNAILS)} == {names.THUMBNAILS}


def test_an_index_whose_images_are_all_gone_loses_its_thumbnails(many: None, world: FakeWorld) -> None:
    table, store = far_table(world)
    add(table, UNUSED[:3], folded=True)
    table.append(records(*(delete(f"{digest.hex()}-{n}", 2.0) for n, digest in enumerate(UNUSED[:3]))))
    table.compact(everything=True)
    draw(store, UNUSED)
    world.pass_seconds(ORPHAN_SECONDS + 10)
    assert collect_thumbnails(table).count == 255
    assert table.read(Snapshot.live.fget) == 0  # type: ignore[attr-defined]


def test_of_very_many_deleted_objects_not_all_names_are_kept() -> None:
    one = Collected(("a",) * (NAMED - 1), 7)
    both = one + one
    assert (len(both.objects), both.count, both.size) == (NAMED, 2 * NAMED - 2, 14)


def test_memory_does_not_grow_with_the_names_of_thumbnails() -> None:
    size, table = held(60_000)
    assert table.store.deleted == 60_000 / GARBAGE
    # what is at work at a time, 8 bytes of each digest and as many while they are put together
    assert size < 12e6 + 24 * 60_000


@pytest.mark.long
def test_a_million_thumbnails_take_forty_bytes_each() -> None:
    size, table = held(1_000_000)
    assert table.store.deleted == 1_000_000 / GARBAGE
    assert size < 40 * 1_000_000
