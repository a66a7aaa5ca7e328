"""The functions and the state machine that add what a bucket held before."""

from __future__ import annotations

import importlib
import io
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from functions.aws.telemetry import Telemetry
from lookalike.ingest.backlog import Busy, Unfinished
from tests.lookalike.cli.drawing import png

ROOT = Path(__file__).parents[2]

BUCKET = "images"


@dataclass
class Context:
    """The context of an invocation with so much time left."""

    milliseconds: int = 900_000
    aws_request_id: str = "8f507cfc-example"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in for S3 with a bucket, and an environment for the functions."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("LOOKALIKE_INDEX", f"memory://{uuid.uuid4().hex}")
    monkeypatch.setenv("LOOKALIKE_IMAGES", BUCKET)
    monkeypatch.setenv("LOOKALIKE_FAMILIES", "dhash")
    monkeypatch.setenv("LOOKALIKE_SHARDS", "2")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def backfill(s3: Any) -> ModuleType:
    """The module as a new environment loads it."""
    return loaded("backfill")


@pytest.fixture
def progress(s3: Any) -> ModuleType:
    """The module as a new environment loads it."""
    return loaded("progress")


def loaded(name: str) -> ModuleType:
    sys.modules.pop(f"functions.handlers.{name}", None)
    return importlib.import_module(f"functions.handlers.{name}")


def put(s3: Any, *keys: str) -> None:
    for seed, key in enumerate(keys):
        s3.put_object(Bucket=BUCKET, Key=key, Body=png(seed), Metadata={"lookalike-meta": "eyJhIjoxfQ"})


def as_listed(s3: Any) -> list[dict[str, Any]]:
    """List the bucket as Step Functions does, which cuts times to seconds."""
    contents = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [
        {"Key": one["Key"], "Size": one["Size"], "LastModified": int(one["LastModified"].timestamp())}
        for one in contents
    ]


@pytest.mark.parametrize("event", ["backfill_batch.json", "backfill_inventory.json"])
def test_a_batch_of_a_listing_is_added(s3: Any, backfill: ModuleType, event: str) -> None:
    put(s3, "zoo/red + blue panda.PNG", "zoo/Bär 100%.png", "zoo/opening hours.txt")
    batch = json.loads((ROOT / "tests" / "events" / event).read_text())
    done = backfill.handler(batch, Context())
    assert done == {"added": 2, "unchanged": 0, "skipped": 2, "gone": 0, "archived": 0, "failed": 0, "failures": []}
    assert json.loads(json.dumps(done)) == done
    images = backfill.index.images(["zoo/red + blue panda.PNG", "zoo/Bär 100%.png"])
    assert [image.meta for image in images.values()] == [{"a": 1}, {"a": 1}]
    assert images["zoo/Bär 100%.png"].source["path"] == "s3://images/zoo/Bär 100%.png"
    # the objects are younger than what the event says of them
    assert backfill.handler(batch, Context())["unchanged"] == 2


def test_what_s3_lists_is_what_was_read(s3: Any, backfill: ModuleType) -> None:
    put(s3, "a.png", "b//c.png", "d e.png")
    assert backfill.handler({"Items": as_listed(s3)}, Context())["added"] == 3
    (image,) = backfill.index.images(["b//c.png"]).values()
    (listed,) = (one for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"] if one["Key"] == "b//c.png")
    assert image.source == {
        "path": "s3://images/b//c.png",
        "size": listed["Size"],
        "mtime_ns": int(listed["LastModified"].timestamp()) * 10**9,
    }
    assert backfill.handler({"Items": as_listed(s3)}, Context())["unchanged"] == 3


def test_an_object_alone_is_a_batch_too(s3: Any, backfill: ModuleType) -> None:
    put(s3, "a.png")
    assert backfill.handler(as_listed(s3)[0], Context())["added"] == 1


def test_failures_are_told_in_the_answer_and_in_the_log(
    s3: Any, backfill: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(backfill, "telemetry", Telemetry(uuid.uuid4().hex, stream=log))
    put(s3, "a.png")
    s3.put_object(Bucket=BUCKET, Key="bad.png", Body=b"no picture at all")
    done = backfill.handler({"Items": [*as_listed(s3), {"Key": "gone.png", "Size": 1, "LastModified": 1}]}, Context())
    assert {key: done[key] for key in ("added", "failed", "gone")} == {"added": 1, "failed": 1, "gone": 1}
    (failure,) = done["failures"]
    assert (failure["key"], failure["reason"]) == ("bad.png", "not_an_image")
    told, _ = (json.loads(line) for line in log.getvalue().splitlines())
    assert (told["key"], told["reason"], told["request_id"]) == ("bad.png", "not_an_image", "8f507cfc-example")
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["ImagesAdded"], metrics["Failed"]) == ([1.0], [1.0])


def test_archived_objects_fail_nothing_and_the_answer_says_what_to_do(s3: Any, backfill: ModuleType) -> None:
    put(s3, "a.png")
    s3.put_object(Bucket=BUCKET, Key="frozen.png", Body=png(1), StorageClass="DEEP_ARCHIVE")
    # one of Intelligent-Tiering is listed as if it could be read; S3 says so when it is read
    s3.put_object(Bucket=BUCKET, Key="tiered.png", Body=png(2), StorageClass="GLACIER")
    listed = [one | {"StorageClass": "STANDARD"} for one in as_listed(s3)]
    listed[1]["StorageClass"] = "DEEP_ARCHIVE"
    done = backfill.handler({"Items": listed}, Context())
    assert {name: done[name] for name in ("added", "archived", "failed")} == {"added": 1, "archived": 2, "failed": 0}
    assert "have them restored" in done["help"]


def test_a_call_without_time_is_to_be_repeated(s3: Any, backfill: ModuleType) -> None:
    put(s3, "a.png")
    with pytest.raises(Unfinished):
        backfill.handler({"Items": as_listed(s3)}, Context(milliseconds=1_000))
    assert backfill.index.count() == 0


class TestProgress:
    def test_it_counts_the_pictures_of_the_bucket(self, s3: Any, backfill: ModuleType, progress: ModuleType) -> None:
        put(s3, "a.png", "b.png")
        backfill.handler({"Items": as_listed(s3)}, Context())
        put(s3, "c.png", "notes.txt", "zoo/d.png")
        assert progress.handler({}, Context()) == {
            "pictures": 4,
            "indexed": 2,
            "missing": 2,
            "examples": ("c.png", "zoo/d.png"),
            "next": None,
            "archived": 0,
        }
        assert progress.handler({"prefix": "zoo/"}, Context())["pictures"] == 1
        assert progress.handler({"prefix": "empty/"}, Context())["pictures"] == 0

    def test_without_an_index_nothing_is_in_it_and_none_is_made(self, s3: Any, progress: ModuleType) -> None:
        put(s3, "a.png", "b.png")
        counted = progress.handler({}, Context())
        assert (counted["pictures"], counted["indexed"], counted["missing"]) == (2, 0, 2)
        assert list(progress.store.list()) == []
        # one that is made meanwhile is seen by the next call of the same function
        loaded("backfill").handler({"Items": as_listed(s3)}, Context())
        assert progress.handler({}, Context())["indexed"] == 2

    def test_it_goes_on_where_a_call_had_to_end(self, s3: Any, backfill: ModuleType, progress: ModuleType) -> None:
        put(s3, "a.png", "b.png", "c.png")
        backfill.handler({"Items": as_listed(s3)[:2]}, Context())
        first = progress.handler({"so_far": {}}, Context(milliseconds=0))
        assert (first["pictures"], first["next"]) == (3, "c.png")
        # the next page
        put(s3, "d.png")
        last = progress.handler({"so_far": json.loads(json.dumps(first))}, Context())
        assert last == {
            "pictures": 4,
            "indexed": 2,
            "missing": 2,
            "examples": ("c.png", "d.png"),
            "next": None,
            "archived": 0,
        }


class TestStateMachine:
    """Names in the state machine lead somewhere, which a stand-in for Step Functions would not notice."""

    machine: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "backfill.asl.yml").read_text())

    def machines(self, machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """It, and those within its maps."""
        yield machine
        for state in machine["States"].values():
            if "ItemProcessor" in state:
                yield from self.machines(state["ItemProcessor"])

    def test_every_state_leads_to_another_or_to_the_end(self) -> None:
        for machine in self.machines(self.machine):
            states = machine["States"]
            reached = {machine["StartAt"]}
            for name, state in states.items():
                choices = [*state.get("Choices", []), *state.get("Catch", []), state, {"Next": state.get("Default")}]
                leads_to = {choice["Next"] for choice in choices if choice.get("Next")}
                assert leads_to or state.get("End") or state["Type"] == "Succeed", name
                reached |= leads_to
            assert reached == set(states)

    def test_errors_of_ours_that_it_waits_for_are_errors_that_we_raise(self) -> None:
        awaited = {
            error
            for machine in self.machines(self.machine)
            for state in machine["States"].values()
            for retry in state.get("Retry", [])
            for error in retry["ErrorEquals"]
        }
        assert {error for error in awaited if "." not in error} == {Busy.__name__, Unfinished.__name__}

    def test_a_batch_waits_half_a_day_for_a_free_function_before_it_gives_up(self) -> None:
        """With ten functions in an account, forty of fifty batches wait for theirs all the time."""
        waits: list[float] = []
        for machine in self.machines(self.machine):
            for state in machine["States"].values():
                for retry in state.get("Retry", []):
                    if "Lambda.TooManyRequestsException" in retry["ErrorEquals"]:
                        longest = retry["MaxDelaySeconds"]
                        planned = (
                            min(longest, retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt)
                            for attempt in range(min(retry["MaxAttempts"], 100))
                        )
                        rest = longest * max(0, retry["MaxAttempts"] - 100)
                        # full jitter: half of what is planned, on average
                        waits.append((sum(planned) + rest) / 2)
                        # scheduled, started, failed, and the two of the state
                        assert 5 * retry["MaxAttempts"] < 25_000 / 2
        assert waits
        assert min(waits) > 12 * 3600

    def test_whatever_is_substituted_is_given(self) -> None:
        class Loader(yaml.SafeLoader):
            """Reads CloudFormation's short forms as what they are applied to."""

        Loader.add_multi_constructor("!", lambda _loader, _, node: node.value)
        template = yaml.load((ROOT / "infra" / "backfill.yml").read_text(), Loader)
        given = set(template["Resources"]["Backfill"]["Properties"]["DefinitionSubstitutions"])
        text = (ROOT / "infra" / "backfill.asl.yml").read_text().split("StartAt", 1)[1]
        used = {part.split("}")[0] for part in text.split("${")[1:]}
        assert {name for name in used if ":" not in name} == given
