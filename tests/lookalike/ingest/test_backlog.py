"""The backlog of a bucket: added in batches, in any order with what happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index, PictureSettings
from lookalike.ingest.backlog import Added, Busy, Coverage, Unfinished, add, count
from lookalike.ingest.backpressure import BACKPRESSURE, Backpressure
from lookalike.ingest.changes import missing
from lookalike.ingest.original import Content, Original, OriginalArchived
from lookalike.ingest.outcome import Failure
from lookalike.ingest.reading import RecordReader
from shards.errors import StorageError, Undecided
from shards.table.format.records import Record
from tests.lookalike.cli.drawing import png
from tests.tiers import scaled
from tests.world import FakeWorld

SECOND = 10**9
START = 1_700_000_000 * SECOND


@dataclass
class Bucket:
    """Objects in a dict. `tick_ns` passes with each put; their times are cut to seconds, as S3 does."""

    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    reads: list[str] = field(default_factory=list)
    meta: dict[str, dict[str, Any]] = field(default_factory=dict)
    now_ns: int = START
    tick_ns: int = SECOND

    def put(self, *names: str, seed: int = 0) -> None:
        for number, name in enumerate(names, seed):
            self.put_bytes(name, png(number))

    def put_bytes(self, name: str, data: bytes) -> None:
        self.objects[name] = data, self.now_ns // SECOND * SECOND
        self.now_ns += self.tick_ns

    def listing(self) -> list[Original]:
        return [Original(key, f"s3://b/{key}", len(data), at) for key, (data, at) in sorted(self.objects.items())]

    def read(self, key: str, max_bytes: int) -> Content | None:
        self.reads.append(key)
        if key in self.broken:
            raise Undecided(f"{key}: try again")
        if key in self.archived:
            raise OriginalArchived(key)
        if key not in self.objects:
            return None
        data, modified_ns = self.objects[key]
        original = Original(key, f"s3://b/{key}", len(data), modified_ns)
        return Content(original, data if len(data) <= max_bytes else None, self.meta.get(key, {}))


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def index() -> Index:
    return new_index()


def new_index(shards: int = 1) -> Index:
    return Index.create(
        "memory://", families=("dhash",), shards=shards, thumbnails=0, pictures=PictureSettings(max_bytes=50_000),
        effects=FakeWorld(),
    )  # fmt: skip


def reader(index: Index, bucket: Bucket, readers: int = 4) -> RecordReader:
    return RecordReader(bucket, index.sign, index.settings.pictures.max_bytes, readers)


def added(
    index: Index, bucket: Bucket, objects: Sequence[Original] | None = None, limits: Backpressure = BACKPRESSURE
) -> Added:
    objects = bucket.listing() if objects is None else objects
    return add(index, objects, reader(index, bucket), lambda: False, limits)


def contents(index: Index) -> dict[str, str]:
    return {image.key: image.sha256 for image in index.list()}


def digests(bucket: Bucket) -> dict[str, str]:
    return {key: sha256(data).hexdigest() for key, (data, _) in bucket.objects.items()}


def after(calls: int) -> Callable[[], bool]:
    """Return what says that the time is over, but not the first so many times."""
    asked = [*repeat(False, calls)]
    return lambda: not asked or asked.pop()


class TestAdding:
    def test_a_batch_is_one_log_object(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "zoo/ü %2B+.PNG", "c.webp")
        assert added(index, bucket) == Added(3, 0, 0, 0, 0, ())
        assert contents(index) == digests(bucket)
        assert index.stats().tail == 1
        one = index.get("zoo/ü %2B+.PNG").image
        assert one.source == {
            "path": "s3://b/zoo/ü %2B+.PNG",
            "size": len(bucket.objects[one.key][0]),
            "mtime_ns": START + SECOND,
        }
        assert one.added == START + SECOND

    def test_what_was_uploaded_with_a_picture_is_kept_with_it(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        bucket.meta["a.png"] = {"album": "zoo"}
        added(index, bucket)
        assert index.get("a.png").image.meta == {"album": "zoo"}

    def test_an_object_that_changed_since_it_was_listed_is_added_as_it_is(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        listing = bucket.listing()
        bucket.put("a.png", seed=4)
        added(index, bucket, listing)
        assert contents(index) == digests(bucket)
        assert missing(index, bucket.listing()) == []

    def test_what_is_in_the_index_is_not_read_again(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png")
        added(index, bucket)
        index.compact()
        bucket.put("b.png", "c.png", seed=7)
        bucket.reads.clear()
        assert added(index, bucket) == Added(2, 1, 0, 0, 0, ())
        assert sorted(bucket.reads) == ["b.png", "c.png"]
        assert contents(index) == digests(bucket)
        assert added(index, bucket) == Added(0, 3, 0, 0, 0, ())

    def test_a_batch_of_which_all_is_in_writes_nothing(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        added(index, bucket)
        added(index, bucket)
        assert index.stats().tail == 1

    def test_an_object_of_another_size_is_read_again_though_its_second_is_the_same(self, index: Index) -> None:
        # as `lookalike add` has it, on a machine whose clock is behind
        index.write([record(index, "a.png", order=(START - 1, 0), size=1)])
        assert missing(index, [Original("a.png", "s3://b/a.png", 2, START)]) != []
        assert missing(index, [Original("a.png", "s3://b/a.png", 1, START)]) == []

    def test_what_would_lose_against_the_index_is_not_read(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        index.add("a.png", png(5))
        assert added(index, bucket) == Added(0, 1, 0, 0, 0, ())
        assert bucket.reads == []

    def test_folders_and_what_is_no_picture_by_its_name_are_skipped(self, index: Index, bucket: Bucket) -> None:
        for name in ("zoo/", "zoo.png/", "readme", "a.txt", ".png"):
            bucket.put_bytes(name, b"")
        assert added(index, bucket) == Added(0, 0, 5, 0, 0, ())
        assert bucket.reads == []

    def test_an_object_that_was_deleted_since_it_was_listed_is_gone(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png")
        listing = bucket.listing()
        del bucket.objects["a.png"]
        assert added(index, bucket, listing) == Added(1, 0, 0, 1, 0, ())
        assert contents(index) == digests(bucket)

    def test_a_delete_that_was_told_before_wins(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        listing = bucket.listing()
        index.write([Record("a.png", (START + 1, 9), deleted=True)])
        added(index, bucket, listing)
        index.compact()
        assert contents(index) == {}

    def test_failures_are_named_and_stop_nothing(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png")
        bucket.put_bytes("cut.png", png(3, 200)[:100])
        bucket.put_bytes("huge.png", bytes(50_001))
        bucket.put_bytes("text.png", b"what is this?")
        bucket.broken = {"b.png"}
        done = added(index, bucket)
        assert (done.added, done.failed) == (1, 4)
        assert [(one.key, one.reason) for one in done.failures] == [
            ("b.png", "unreadable"),
            ("cut.png", "truncated"),
            ("huge.png", "too_large_bytes"),
            ("text.png", "not_an_image"),
        ]
        bucket.broken = set()
        again = added(index, bucket)
        assert (again.added, again.unchanged, again.failed) == (1, 1, 3)

    def test_when_nothing_can_be_read_the_objects_are_not_to_blame(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png")
        bucket.broken = {"a.png", "b.png"}
        with pytest.raises(StorageError, match="try again"):
            added(index, bucket)

    def test_when_the_time_is_over_what_was_signed_is_safe_and_the_next_call_goes_on(
        self, index: Index, bucket: Bucket
    ) -> None:
        bucket.put("a.png", "b.png", "c.png", "d.png")
        with pytest.raises(Unfinished, match="2 of 4 pictures to go"):
            add(index, bucket.listing(), reader(index, bucket, readers=1), lambda: len(bucket.reads) > 2)
        assert len(contents(index)) == 2
        assert added(index, bucket) == Added(2, 2, 0, 0, 0, ())
        assert contents(index) == digests(bucket)

    def test_archived_objects_are_counted_and_not_read(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png", "c.png")
        added(index, bucket, bucket.listing()[:1])
        bucket.reads.clear()
        # a lifecycle rule has moved both; the first is in the index already
        moved = [replace(one, is_archived=one.key != "c.png") for one in bucket.listing()]
        done = added(index, bucket, moved)
        assert done == Added(1, 1, 0, 0, 0, (), archived=1)
        assert bucket.reads == ["c.png"]
        assert "have them restored" in done.document()["help"]
        assert "help" not in Added(1, 0, 0, 0, 0, ()).document()
        counted = count(index, [moved], Coverage(), lambda: False)
        assert counted == Coverage(3, 2, 0, (), None, archived=1)

    def test_what_turns_out_to_be_archived_when_it_is_read_is_counted_too(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png")
        bucket.archived.add("a.png")
        assert added(index, bucket) == Added(1, 0, 0, 0, 0, (), archived=1)

    def test_without_any_time_nothing_is_read(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        with pytest.raises(Unfinished):
            add(index, bucket.listing(), reader(index, bucket), lambda: True)
        assert bucket.reads == []
        assert index.stats().tail == 0

    def test_it_waits_while_there_is_much_to_fold(self, index: Index, bucket: Bucket) -> None:
        limits = Backpressure(max_objects=1)
        bucket.put("a.png", "b.png")
        for original in bucket.listing():
            added(index, bucket, [original], limits)
        bucket.put("c.png")
        with pytest.raises(Busy, match=r"2 log objects .* compact it, then go on"):
            added(index, bucket, limits=limits)
        assert bucket.reads == ["a.png", "b.png"]
        index.compact()
        assert added(index, bucket, limits=limits).added == 1

    def test_a_batch_of_which_all_is_in_waits_for_nothing(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png")
        added(index, bucket)
        assert added(index, bucket, limits=Backpressure(max_objects=0)).unchanged == 1


def record(index: Index, key: str, order: tuple[int, int], size: int) -> Record:
    signed = index.sign(key, png(0), source={"path": f"s3://b/{key}", "size": size, "mtime_ns": START})
    return Record(key, order, sha256=signed.sha256, source=signed.source, rows=signed.rows)


def test_an_answer_has_room_for_so_many_failures_and_counts_all() -> None:
    failures = tuple(Failure(f"{n:04}" + "ü" * 500, "damaged", "x" * 300) for n in range(500))
    document = Added(0, 0, 0, 0, 500, failures).document()
    assert len(json.dumps(document)) < 1 << 18
    assert document["failed"] == 500
    assert 40 < len(document["failures"]) < 500
    assert document["failures"][0]["key"] == failures[0].key
    assert len(Added(0, 0, 0, 0, 3, failures[:3]).document()["failures"]) == 3


class TestCounting:
    def test_pictures_are_counted_page_by_page(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png", "d.png")
        bucket.put_bytes("c.txt", b"")
        added(index, bucket)
        bucket.put("b.png", "e.png", seed=8)
        listing = bucket.listing()
        pages = [listing[:2], listing[2:]]
        assert count(index, pages, Coverage(), lambda: False) == Coverage(4, 2, 2, ("b.png", "e.png"), None)

    def test_it_stops_when_the_time_is_over_and_goes_on_from_there(self, index: Index, bucket: Bucket) -> None:
        bucket.put("a.png", "b.png", "c.png")
        added(index, bucket, bucket.listing()[:2])
        pages = [[one] for one in bucket.listing()]
        so_far = count(index, pages, Coverage(), after(1))
        assert so_far == Coverage(2, 2, 0, (), "b.png")
        assert count(index, pages[2:], so_far, lambda: False) == Coverage(3, 2, 1, ("c.png",), None)

    def test_an_empty_bucket_is_counted(self, index: Index) -> None:
        assert count(index, [[]], Coverage(), lambda: False) == Coverage()

    def test_it_names_a_few_of_what_is_missing(self, index: Index) -> None:
        page = [Original(f"{n}.png", f"s3://b/{n}.png", 1, START) for n in range(50)]
        counted = count(index, [page, page], Coverage(), lambda: False)
        assert (counted.missing, counted.examples) == (100, tuple(f"{n}.png" for n in range(20)))


KEYS = ("a.png", "b.png")

STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.integers(0, 9)),
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.just(0)),
    st.tuples(st.just("deliver"), st.just(""), st.integers(0, 9)),
    st.tuples(st.just("list"), st.just(""), st.just(0)),
    st.tuples(st.just("backfill"), st.just(""), st.integers(0, 3)),
    st.tuples(st.just("compact"), st.just(""), st.just(0)),
)


@settings(max_examples=scaled(150), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 9)), max_size=4), st.lists(STEPS, max_size=25))
def test_whatever_happens_meanwhile_the_index_becomes_the_bucket(
    before: list[tuple[str, int]], steps: list[tuple[str, str, int]]
) -> None:
    """Events are delivered late and in any order, listings are old when they are worked off, seconds are shared."""
    bucket, index = Bucket(tick_ns=SECOND // 10), new_index(shards=2)
    for key, seed in before:
        bucket.put_bytes(key, png(seed))
    listings = [bucket.listing()]
    events: list[tuple[str, tuple[int, int]]] = []

    def deliver(number: int) -> None:
        key, order = events.pop(number % len(events))
        if key in bucket.objects:
            index.write([record_of(index, key, bucket.objects[key][0], order)])
        else:
            index.write([Record(key, order, deleted=True)])

    for verb, key, number in steps:
        if verb == "put":
            bucket.put_bytes(key, png(number))
        elif verb == "delete":
            bucket.objects.pop(key, None)
            bucket.now_ns += bucket.tick_ns
        if verb in ("put", "delete"):
            # the time of an event is that of the request's end
            events.append((key, (bucket.now_ns - 1, len(events))))
        elif verb == "deliver" and events:
            deliver(number)
        elif verb == "list":
            listings.append(bucket.listing())
        elif verb == "backfill":
            added(index, bucket, listings[number % len(listings)])
        elif verb == "compact":
            index.compact()
    added(index, bucket, listings[0])
    while events:
        deliver(0)
    assert contents(index) == digests(bucket)
    assert missing(index, bucket.listing()) == []


def record_of(index: Index, key: str, data: bytes, order: tuple[int, int]) -> Record:
    signed = index.sign(key, data)
    return Record(key, order, sha256=signed.sha256, rows=signed.rows)
