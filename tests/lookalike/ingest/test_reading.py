"""Reading originals: several at once, their signatures one after another, and no failure stops another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Barrier, Lock
from typing import Any

from lookalike.ingest.original import Content, Original
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
    answers = iter([False, True, True])
    assert reader(Bucket()).outcomes({"read": None, "not read": None}, lambda: next(answers)) == ["left", "left"]


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
