"""Reading originals: several at once, their signatures one after another, and no failure stops another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from lookalike.ingest.original import Content, Original, OriginalArchived
from lookalike.ingest.outcome import Failure
from lookalike.ingest.reading import RecordReader
from shards.errors import PictureError, StorageError
from shards.table.format.records import Order, Record
from tests.patience import PATIENCE

MTIME = 1_700_000_000 * 10**9
ORDER = (MTIME + 5, 7)


@dataclass
class Bucket:
    """Originals that contain their names; those in `errors` cannot be read. `together` reads wait for each other."""

    errors: Mapping[str, Exception] = field(default_factory=dict)
    together: int = 1

    def __post_init__(self) -> None:
        self._barrier = Barrier(self.together, timeout=PATIENCE)

    def read(self, key: str, max_bytes: int) -> Content | None:
        self._barrier.wait()
        if key in self.errors:
            raise self.errors[key]
        if key == "gone":
            return None
        data = key.encode()
        original = Original(key, f"s3://b/{key}", len(data), MTIME)
        return Content(original, data if len(data) <= max_bytes else None, {"meta": key})


def make_record(
    key: str, image: bytes, meta: Mapping[str, Any] | None, *, source: Mapping[str, Any], order: Order
) -> Record:
    if image == b"bad":
        raise PictureError("truncated", "it ends early")
    return Record(key, order, meta=meta, source=source)


def reader(bucket: Bucket, readers: int = 1) -> RecordReader:
    return RecordReader(bucket, make_record, max_bytes=5, readers=readers)


def test_each_key_has_one_outcome_in_its_place() -> None:
    bucket = Bucket({"lost": StorageError("503"), "odd": ZeroDivisionError("oh")})
    keys: dict[str, Order | None] = dict.fromkeys(["good", "bad", "gone", "lost", "odd", "too large"], ORDER)
    good, *others = reader(bucket).outcomes(keys, lambda: False)
    source = {"path": "s3://b/good", "size": 4, "mtime_ns": MTIME}
    assert good == Record("good", ORDER, meta={"meta": "good"}, source=source)
    assert others == [
        Failure("bad", "truncated", "it ends early"),
        "gone",
        Failure("lost", "unreadable", "503"),
        Failure("odd", "error", "ZeroDivisionError: oh"),
        Failure("too large", "too_large_bytes", "the object has 9 bytes, the limit is 5"),
    ]


def test_without_an_order_the_time_of_the_last_change_is_the_order() -> None:
    (record,) = reader(Bucket()).outcomes({"good": None}, lambda: False)
    assert isinstance(record, Record)
    assert record.order == (MTIME, 0)


def test_what_there_is_no_time_for_is_left_even_when_it_was_read() -> None:
    class Noting(Bucket):
        reads = 0

        def read(self, key: str, max_bytes: int) -> Content | None:
            self.reads += 1
            return super().read(key, max_bytes)

    bucket = Noting()
    keys: dict[str, Order | None] = {"read": None, "not read": None}
    assert reader(bucket).outcomes(keys, lambda: bucket.reads > 0) == ["left", "left"]
    assert bucket.reads == 1


@dataclass
class Stuck(Bucket):
    """Originals of which one is not handed over until a test says so."""

    may_go_on: Event = field(default_factory=Event)

    def read(self, key: str, max_bytes: int) -> Content | None:
        if key == "stuck":
            assert self.may_go_on.wait(PATIENCE)
        return super().read(key, max_bytes)


def test_an_original_that_is_not_handed_over_is_left_and_the_others_are_done() -> None:
    bucket, done = Stuck(), list[str]()

    def noted(key: str, *given: Any, **more: Any) -> Record:
        done.append(key)
        return make_record(key, *given, **more)

    records = RecordReader(bucket, noted, max_bytes=9, readers=2, tick=0.001)
    stuck, *others = records.outcomes(dict.fromkeys(["stuck", "a", "b"]), lambda: len(done) == 2)
    assert stuck == "left"
    assert done == ["a", "b"]
    # the time may be over before the second of these has ended
    assert isinstance(others[0], Record)
    bucket.may_go_on.set()


def test_a_picture_that_takes_too_long_is_left_and_what_was_done_before_it_counts() -> None:
    may_go_on, has_begun = Event(), Event()

    def slow(key: str, *given: Any, **more: Any) -> Record:
        if key == "slow":
            has_begun.set()
            assert may_go_on.wait(PATIENCE)
        return make_record(key, *given, **more)

    records = RecordReader(Bucket(), slow, max_bytes=9, readers=1, tick=0.001)
    outcomes = records.outcomes(dict.fromkeys(["a", "slow", "b"]), has_begun.is_set)
    assert isinstance(outcomes[0], Record)
    assert outcomes[1:] == ["left", "left"]
    may_go_on.set()


def test_an_original_in_an_archive_is_no_failure() -> None:
    bucket = Bucket({"frozen": OriginalArchived("s3://b/frozen lies in an archive")})
    assert reader(bucket).outcomes({"frozen": None}, lambda: False) == ["archived"]


@pytest.mark.parametrize("meta", [{"a": "\ud800"}, {"\udcff": 1}, {"a": float("nan")}])
def test_metadata_that_no_record_can_keep_is_a_failure(meta: Mapping[str, Any]) -> None:
    class Odd(Bucket):
        def read(self, key: str, max_bytes: int) -> Content | None:
            content = super().read(key, max_bytes)
            assert content is not None
            return replace(content, meta=meta)

    (failure,) = reader(Odd()).outcomes({"good": None}, lambda: False)
    assert isinstance(failure, Failure)
    assert (failure.reason, "s3://b/good" in failure.message) == ("metadata", True)


def test_originals_are_read_at_once_and_signatures_computed_one_after_another() -> None:
    busy = Lock()

    def alone(key: str, image: bytes, meta: Mapping[str, Any] | None, **more: Any) -> Record:
        assert busy.acquire(blocking=False), "another picture is at work"
        try:
            return make_record(key, image, meta, **more)
        finally:
            busy.release()

    # each read waits for three others: one after another, all would give up
    records = RecordReader(Bucket(together=4), alone, max_bytes=5, readers=4)
    outcomes = records.outcomes(dict.fromkeys(map(str, range(8))), lambda: False)
    assert all(isinstance(outcome, Record) for outcome in outcomes), outcomes
