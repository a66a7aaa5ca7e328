"""Ingest: however events arrive, the index ends up with what the bucket holds; and only what fails comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from functions.aws.image_folder import ImageFolder
from functions.aws.queue import QueueReader
from lookalike import Index, PictureSettings
from lookalike.ingest.original import OriginalArchived
from lookalike.ingest.reading import RecordReader
from shards.errors import KeyInvalid, PictureError, QueryError, StorageError, Undecided
from shards.table.format.records import Record
from tests.functions.stage import START_MS, Bucket, Invocation, Told, batch, event, load, notification
from tests.lookalike.cli.drawing import png
from tests.tiers import scaled
from tests.world import FakeWorld

SMALL = PictureSettings(max_bytes=5_000)
PICTURES = [png(seed) for seed in range(3)]
CORRUPT = PICTURES[0][:200]
LARGE = PICTURES[0] + bytes(5_000)


EVERYTHING = ImageFolder("pictures")


@dataclass
class Stage:
    """A bucket, an index, and what is between them."""

    bucket: Bucket = field(default_factory=Bucket)
    told: Told = field(default_factory=Told)
    index: Index = field(
        default_factory=lambda: Index.create("memory://", families=["dhash"], pictures=SMALL, effects=FakeWorld())
    )
    folder: ImageFolder = EVERYTHING
    is_over: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        max_bytes = self.index.settings.pictures.max_bytes
        self.reader = RecordReader(self.bucket, self.index.sign, max_bytes, readers=2)
        self.queue = QueueReader(
            self.index,
            self.reader,
            self.folder,
            self.told.telemetry,
            now_ns=lambda: (START_MS + 250) * 10**6,
        )

    def deliver(self, *bodies: object) -> set[str]:
        self.facts = {}
        return set(self.queue.add(batch(*bodies), lambda: self.is_over, self.facts).ids)  # type: ignore[arg-type]

    def deliver_all(self) -> set[str]:
        told, self.bucket.told = self.bucket.told, []
        return self.deliver(*told)

    def log_objects(self) -> int:
        return self.index.stats().tail

    def contents(self) -> dict[str, str]:
        return {image.key: image.sha256 for image in self.index.list()}


def test_what_lies_beside_the_pictures_is_not_looked_at() -> None:
    stage = Stage(folder=ImageFolder("pictures", "photos/"))
    stage.bucket.put("photos/cat.png", png(1))
    # what the index itself writes, where it lies in the same bucket
    stage.bucket.put("index/0123456789abcdef/thumbnails/a.webp", png(2))
    stage.bucket.delete("index/0123456789abcdef/log/b.npz")
    assert stage.deliver_all() == set()
    assert list(stage.contents()) == ["photos/cat.png"]
    assert stage.bucket.reads == ["photos/cat.png"]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_a_batch_becomes_one_log_object(stage: Stage) -> None:
    for number, data in enumerate(PICTURES):
        stage.bucket.put(f"{number}.png", data)
    assert stage.deliver_all() == set()
    assert stage.contents() == {f"{number}.png": digest(data) for number, data in enumerate(PICTURES)}
    assert stage.log_objects() == 1
    assert stage.facts == {"added": 3, "deleted": 0, "skipped": 0, "failed": 0, "left": 0, "messages": 3}


def test_the_record_says_where_the_picture_is_and_when_it_came(stage: Stage) -> None:
    stage.bucket.put("zoo/a b+ü%😺.png", PICTURES[0], {"album": "zoo"})
    stage.deliver_all()
    (image,) = stage.index.list()
    assert image.key == "zoo/a b+ü%😺.png"
    assert image.added == START_MS * 10**6
    assert image.meta == {"album": "zoo"}
    assert image.source == {
        "path": "s3://pictures/zoo/a b+ü%😺.png",
        "size": len(PICTURES[0]),
        "mtime_ns": START_MS * 10**6,
    }


def test_the_same_batch_again_writes_nothing(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.put("b.png", PICTURES[1])
    first, second = stage.bucket.told
    stage.deliver(first, second)
    stage.deliver(second, first)
    assert stage.log_objects() == 1
    stage.deliver(first)
    assert stage.contents() == {"a.png": digest(PICTURES[0]), "b.png": digest(PICTURES[1])}


def test_an_object_is_read_once_a_batch_and_counts_as_of_its_last_event(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.ms += 5
    stage.bucket.put("a.png", PICTURES[1])
    first, second = stage.bucket.told
    stage.deliver(second, first)
    assert stage.bucket.reads == ["a.png"]
    (image,) = stage.index.list()
    assert (image.sha256, image.added) == (digest(PICTURES[1]), (START_MS + 5) * 10**6)


def test_a_delete_that_arrives_before_its_put_is_not_undone_by_it(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.delete("a.png")
    put, delete = stage.bucket.told
    stage.deliver(delete)
    stage.deliver(put)
    assert stage.contents() == {}


def test_a_missing_object_is_a_delete_whatever_the_event_says(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.deliver_all()
    del stage.bucket.objects["a.png"]
    stage.deliver(notification("a.png", START_MS + 1))
    assert stage.contents() == {}
    assert stage.facts["deleted"] == 1


def test_an_object_that_is_back_is_added_whatever_the_event_says(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.deliver(notification("a.png", START_MS, kind="Delete"))
    assert stage.contents() == {"a.png": digest(PICTURES[0])}


def test_a_corrupt_picture_fails_its_message_only(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.put("bad.png", CORRUPT)
    stage.bucket.put("c.png", PICTURES[1])
    assert stage.deliver_all() == {"message-2"}
    assert set(stage.contents()) == {"a.png", "c.png"}
    (line,) = [line for line in stage.told.lines() if line["message"] == "not added"]
    assert (line["key"], line["reason"], line["level"]) == ("bad.png", "truncated", "WARNING")
    assert stage.facts["failed"] == 1


def test_a_corrupt_picture_takes_the_place_of_the_good_one_that_it_replaced(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.deliver_all()
    stage.bucket.put("a.png", CORRUPT)
    assert stage.deliver_all() == {"message-1"}
    assert stage.contents() == {}


def test_folders_and_what_is_no_picture_are_not_even_read(stage: Stage) -> None:
    for key in ("zoo/", "zoo/notes.txt", "README", "zoo.jpg/"):
        stage.bucket.put(key, b"")
    assert stage.deliver_all() == set()
    assert stage.bucket.reads == []
    assert stage.log_objects() == 0
    assert stage.facts["skipped"] == 4
    assert stage.told.values("Skipped") == [4]


def test_a_picture_that_is_too_large_is_skipped_and_not_retried(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.deliver_all()
    stage.bucket.put("a.png", LARGE)
    assert stage.deliver_all() == set()
    assert stage.facts["skipped"] == 1
    assert stage.contents() == {}, "the picture that it replaced is not in the bucket any more"


def test_a_picture_of_too_many_pixels_is_skipped_too() -> None:
    tiny = PictureSettings(max_pixels=100)
    stage = Stage(index=Index.create("memory://", families=["dhash"], pictures=tiny, effects=FakeWorld()))
    stage.bucket.put("a.png", png(0, side=8))
    stage.deliver_all()
    assert set(stage.contents()) == {"a.png"}
    stage.bucket.put("a.png", PICTURES[0])
    assert stage.deliver_all() == set()
    assert (stage.facts["skipped"], stage.contents()) == (1, {})


@pytest.mark.parametrize("error", [StorageError("403"), Undecided("503"), RuntimeError("a mistake"), MemoryError()])
def test_an_object_that_cannot_be_read_comes_again_and_stays_what_it_was(stage: Stage, error: Exception) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.put("b.png", PICTURES[0])
    stage.deliver_all()
    stage.bucket.put("a.png", PICTURES[1])
    stage.bucket.put("b.png", PICTURES[1])
    again = stage.bucket.told
    stage.bucket.broken["a.png"] = error
    assert stage.deliver(*again) == {"message-1"}
    assert stage.contents() == {"a.png": digest(PICTURES[0]), "b.png": digest(PICTURES[1])}
    stage.bucket.broken.clear()
    assert stage.deliver(again[0]) == set()
    assert stage.contents() == {"a.png": digest(PICTURES[1]), "b.png": digest(PICTURES[1])}


@pytest.mark.parametrize("reason", ["crashed", "error", "memory", "timeout"])
def test_a_picture_that_could_not_be_signed_now_is_not_taken_for_gone(stage: Stage, reason: str) -> None:
    sign = stage.reader.make_record

    def fail(key: str, *given: Any, **more: Any) -> Record:
        if key == "a.png":
            raise PictureError(reason, "the process that read it ended")
        return sign(key, *given, **more)

    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.put("b.png", PICTURES[0])
    told = stage.bucket.told
    stage.reader.make_record = fail
    assert stage.deliver(*told) == {"message-1"}
    assert set(stage.contents()) == {"b.png"}
    stage.reader.make_record = sign
    assert stage.deliver(told[0]) == set()
    assert set(stage.contents()) == {"a.png", "b.png"}


@pytest.mark.parametrize("meta", [{"a": "\ud800"}, {"a": float("inf")}])
def test_metadata_that_no_record_can_keep_fails_its_message_only(stage: Stage, meta: dict[str, Any]) -> None:
    for number, data in enumerate(PICTURES):
        stage.bucket.put(f"{number}.png", data, meta if number == 1 else {})
    assert stage.deliver_all() == {"message-2"}
    assert set(stage.contents()) == {"0.png", "2.png"}


@pytest.mark.parametrize(
    "error", [QueryError("a bad record"), KeyInvalid("a bad key"), RecursionError(), OverflowError()]
)
def test_a_record_that_cannot_be_written_fails_its_message_only(
    stage: Stage, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = stage.index.write

    def picky(records: Sequence[Record]) -> None:
        if any(record.key == "6.png" for record in records):
            raise error
        write(records)

    monkeypatch.setattr(stage.index, "write", picky)
    for number in range(10):
        stage.bucket.put(f"{number}.png", PICTURES[0])
    assert stage.deliver_all() == {"message-7"}
    assert set(stage.contents()) == {f"{number}.png" for number in range(10)} - {"6.png"}


def test_an_archived_object_is_no_failure_and_the_log_says_what_to_do(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.deliver_all()
    stage.bucket.put("b.png", PICTURES[1])
    # the events of an archived object that was indexed before may come late or twice: it stays
    stage.bucket.broken = dict.fromkeys(["a.png", "b.png"], OriginalArchived("archived"))
    assert stage.deliver(notification("a.png", START_MS), *stage.bucket.told) == set()
    assert set(stage.contents()) == {"a.png"}
    assert stage.facts["skipped"] == 2
    (line,) = [line for line in stage.told.lines() if line["message"] == "archived"]
    assert (line["archived"], line["keys"]) == (2, ["a.png", "b.png"])
    assert "have them restored" in line["help"]


@pytest.mark.parametrize(
    "name", ["s3_lifecycle_delete", "s3_lifecycle_delete_marker", "eventbridge_deleted", "eventbridge_expired"]
)
def test_what_is_gone_by_whatever_way_leaves_the_index(stage: Stage, name: str) -> None:
    stage.bucket.ms = 1_700_000_000_000
    stage.bucket.put("cat.jpg", PICTURES[0])
    stage.deliver_all()
    assert set(stage.contents()) == {"cat.jpg"}
    del stage.bucket.objects["cat.jpg"]
    assert stage.deliver(event(name)) == set()
    assert stage.contents() == {}


def test_every_message_of_a_key_that_fails_comes_again(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.put("b.png", PICTURES[0])
    stage.bucket.put("a.png", PICTURES[1])
    stage.bucket.broken["a.png"] = Undecided("503")
    assert stage.deliver_all() == {"message-1", "message-3"}


def test_metadata_that_cannot_be_read_fails_its_message(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.broken["a.png"] = PictureError("metadata", "no JSON")
    assert stage.deliver_all() == {"message-1"}


def test_what_there_is_no_time_for_comes_again(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.is_over = True
    told = stage.bucket.told
    assert stage.deliver(*told) == {"message-1"}
    assert stage.bucket.reads == []
    stage.is_over = False
    assert stage.deliver(*told) == set()


def test_where_the_index_cannot_be_written_all_that_was_to_be_written_comes_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise Undecided("503")

    monkeypatch.setattr(stage.index, "write", fail)
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.put("notes.txt", b"")
    stage.bucket.delete("b.png")
    assert stage.deliver_all() == {"message-1", "message-3"}
    assert (stage.facts["added"], stage.facts["failed"]) == (0, 2)


def test_a_message_that_is_none_of_ours_fails_alone(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    (put,) = stage.bucket.told
    other = notification("b.png")
    other["Records"][0]["s3"]["bucket"]["name"] = "others"
    assert stage.deliver("not JSON", put, other, event("s3_test")) == {"message-1", "message-3"}
    assert set(stage.contents()) == {"a.png"}
    facts = [line["error"] for line in stage.told.lines()]
    assert "not JSON" in facts[0]
    assert "bucket others, and what is indexed here is pictures" in facts[1]


def test_how_old_a_picture_was_when_it_could_be_found_is_measured(stage: Stage) -> None:
    stage.bucket.put("a.png", PICTURES[0])
    stage.bucket.ms += 100
    stage.bucket.put("b.png", PICTURES[1])
    stage.bucket.delete("c.png")
    stage.deliver_all()
    assert sorted(stage.told.values("UploadToSearchable")) == [150.0, 250.0]
    assert stage.told.values("ImagesAdded") == [2]
    assert stage.told.values("ImagesDeleted") == [1]


KEYS = ["a.png", "b c+d%20.jpg", "ü/😺.gif"]
OPERATIONS = st.tuples(st.sampled_from(KEYS), st.sampled_from([*PICTURES, CORRUPT, LARGE, None]), st.integers(0, 2))


@settings(max_examples=scaled(60))
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=8), data=st.data())
def test_the_index_equals_the_bucket(operations: list[tuple[str, bytes | None, int]], data: st.DataObject) -> None:
    """Whatever happens in the bucket, while events are delivered late, doubled, shuffled, and in any batches."""
    stage = Stage()
    queue: list[dict[str, Any]] = []

    def deliver(told: list[dict[str, Any]]) -> None:
        # one key cannot be read now and then: its messages stay in the queue
        stage.bucket.broken = dict.fromkeys(data.draw(st.sets(st.sampled_from(KEYS), max_size=1)), Undecided("503"))
        again = stage.deliver(*told)
        queue.extend(body for number, body in enumerate(told, 1) if f"message-{number}" in again)

    for key, content, pause in operations:
        stage.bucket.ms += pause
        if content is None:
            stage.bucket.delete(key)
        else:
            stage.bucket.put(key, content)
        queue += stage.bucket.told * data.draw(st.integers(1, 2))
        stage.bucket.told = []
        if data.draw(st.booleans()):
            chosen = data.draw(st.sets(st.integers(0, len(queue) - 1), min_size=1))
            told = [queue[i] for i in sorted(chosen)]
            queue[:] = [body for i, body in enumerate(queue) if i not in chosen]
            deliver(data.draw(st.permutations(told)))
        if data.draw(st.booleans()):
            stage.index.compact()
    stage.bucket.broken = {}
    rest = data.draw(st.permutations(queue))
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        stage.deliver(*rest[:size])
        rest = rest[size:]
    assert stage.contents() == {
        key: digest(content.data)
        for key, content in stage.bucket.objects.items()
        if content.data is not None and content.data in PICTURES
    }


@pytest.fixture
def ingest(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    name = request.node.name.split("[")[0]
    with mock_aws():
        bucket = boto3.client("s3", region_name="us-east-1")
        bucket.create_bucket(Bucket="pictures")
        yield load(
            "ingest",
            monkeypatch,
            LOOKALIKE_INDEX=f"memory://{name}",
            LOOKALIKE_IMAGES="pictures",
            LOOKALIKE_FAMILIES="dhash",
        )


def test_the_function_answers_a_queue_as_sqs_wants_it(ingest: Any) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.put_object(Bucket="pictures", Key="cat.jpg", Body=PICTURES[0])
    s3.put_object(Bucket="pictures", Key="holiday/a b.png", Body=CORRUPT)
    answer = ingest.handler(event("sqs_batch"), Invocation())
    assert answer == {
        "batchItemFailures": [
            {"itemIdentifier": "00000006-0000-4000-8000-000000000000"},
            {"itemIdentifier": "00000007-0000-4000-8000-000000000000"},
        ]
    }
    (image,) = ingest.index.list()
    assert (image.key, image.sha256) == ("cat.jpg", digest(PICTURES[0]))
    assert image.source["path"] == "s3://pictures/cat.jpg"
    assert ingest.index.settings.shards == 4
