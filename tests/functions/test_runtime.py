"""The functions as Lambda runs them: the deployed set of packages, the real runtime client, a real S3, AWS's limits."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from functions.aws import calls
from functions.aws.image_folder import ImageFolder
from functions.aws.listing import pages
from infra.osls import ROOT
from infra.package import APP, SCAN
from lookalike import Answer, Index, Key, Record
from shards.errors import StorageError
from shards.families import family
from shards.search.executors.fan_out import FanOut
from shards.search.executors.messages import PAYLOAD
from shards.table.maintain.merge import Merged
from tests.functions.runtime_api import ANSWER_BYTES, REGION, REQUEST_BYTES, Function, FunctionFailed
from tests.functions.stage import UNHURRIED, event
from tests.functions.unpacked import unpack, unpack_runtime
from tests.lookalike.cli.drawing import png
from tests.patience import PATIENCE
from tests.servers import BUCKET, S3Server
from tests.shards.search.fanned import one_each

pytestmark = [
    pytest.mark.outside,
    pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only"),
]

PICTURES = "pictures"
"""The bucket of the events."""

HANDLERS = {
    "api": "functions/handlers/api.handler",
    "backfill": "functions/handlers/backfill.handler",
    "collect": "functions/handlers/collect.handler",
    "compact": "functions/handlers/compact.handler",
    "ingest": "functions/handlers/ingest.handler",
    "merge": "functions/handlers/merge.handler",
    "progress": "functions/handlers/progress.handler",
    "scan": "functions/handlers/scan.handler",
}

OTHER = """
import time


def large(event, context):
    return "x" * event


def slow(event, context):
    time.sleep(event)
"""
"""A function that does what ours must not."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Folders with what is deployed, and with what Lambda has beside it."""

    app: Path
    scan: Path
    runtime: Path


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    folder = tmp_path_factory.mktemp("packages")
    return Packages(unpack(APP, folder / "app"), unpack(SCAN, folder / "scan"), unpack_runtime(folder / "runtime"))


@dataclass
class Account:
    """An AWS account with two buckets, one of pictures and one of the index, and the functions that it was given."""

    packages: Packages
    variables: dict[str, str]
    folder: Path
    started: ExitStack

    @property
    def index(self) -> Index:
        return Index.open(self.variables["LOOKALIKE_INDEX"])

    def function(self, name: str, **variables: str) -> Function:
        package = self.packages.scan if name == "scan" else self.packages.app
        return self._start(HANDLERS[name], package, self.variables | variables)

    def other(self, handler: str) -> Function:
        package = self.folder / "other"
        package.mkdir()
        (package / "other.py").write_text(OTHER)
        return self._start(f"other.{handler}", package, {})

    def _start(self, handler: str, package: Path, variables: dict[str, str]) -> Function:
        log = self.folder / f"{uuid.uuid4().hex}.log"
        return self.started.enter_context(Function(handler, package, self.packages.runtime, variables, log=log))


@pytest.fixture
def account(packages: Packages, s3_environment: S3Server, tmp_path: Path) -> Iterator[Account]:
    variables = (
        s3_environment.environment
        | UNHURRIED
        | {
            "LOOKALIKE_INDEX": f"s3://{BUCKET}/{uuid.uuid4().hex}",
            "LOOKALIKE_IMAGES": PICTURES,
            "LOOKALIKE_FAMILIES": "dhash",
            "LOOKALIKE_SHARDS": "2",
            "LOOKALIKE_SEGMENT_ROWS": "64",
        }
    )
    with ExitStack() as started:
        yield Account(packages, variables, tmp_path, started)


@pytest.fixture
def put(s3_environment: S3Server) -> Iterator[Callable[[str, bytes], None]]:
    """Puts an object into the bucket of pictures, which is empty before and after the test."""
    # a session of its own: the one that all share keeps the first credentials that it sees
    s3 = boto3.session.Session().client("s3")
    if PICTURES not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=PICTURES)
    yield lambda key, data: s3.put_object(Bucket=PICTURES, Key=key, Body=data)
    for page in pages(s3, ImageFolder(PICTURES), "", None):
        for one in page:
            s3.delete_object(Bucket=PICTURES, Key=one.key)
    s3.close()


@pytest.fixture
def client_of(s3_environment: S3Server) -> Iterator[Callable[[Function], Any]]:
    """Makes boto3's client of a function."""
    with ExitStack() as made:

        def client(function: Function) -> Any:
            address, config = function.endpoint, calls.config(PATIENCE, 4)
            return made.enter_context(
                closing(boto3.session.Session(region_name=REGION).client("lambda", endpoint_url=address, config=config))
            )

        yield client


def rows(index: Index, count: int, prefix: str = "") -> list[Record]:
    """Records of pictures that nobody has seen."""
    hashes = np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64)
    kind = family("dhash")
    return [
        Record(f"{prefix}{n:05d}", index.next_order(), rows={"dhash": kind.parse(f"{one:016x}")})
        for n, one in enumerate(hashes.tolist())
    ]


def test_every_function_of_the_template_is_tried_here() -> None:
    named = re.findall(r"^ +handler: (\S+)$", (ROOT / "serverless.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(HANDLERS.values())


def test_ingest_adds_a_batch_and_hands_back_what_failed(account: Account, put: Callable[[str, bytes], None]) -> None:
    put("cat.jpg", png(1))
    put("holiday/a b.png", png(2)[:200])
    ingest = account.function("ingest")
    assert ingest.invoke(event("sqs_batch")) == {
        "batchItemFailures": [
            {"itemIdentifier": "00000006-0000-4000-8000-000000000000"},
            {"itemIdentifier": "00000007-0000-4000-8000-000000000000"},
        ]
    }
    (image,) = account.index.list()
    assert (image.key, image.sha256) == ("cat.jpg", sha256(png(1)).hexdigest())
    (done,) = (line for line in ingest.lines() if line.get("message") == "done")
    assert done["request_id"].startswith("00000000-")
    assert done["cold_start"] is True
    (metrics,) = (line for line in ingest.lines() if "_aws" in line)
    assert metrics["ImagesAdded"] == [1.0]


def test_the_api_answers_whoever_may_ask(account: Account, put: Callable[[str, bytes], None]) -> None:
    put("cat.jpg", png(1))
    account.function("ingest").invoke(event("sqs_batch"))
    api = account.function("api", LOOKALIKE_PUBLIC="true")
    found = api.invoke(event("http_post"))
    assert (found["statusCode"], found["isBase64Encoded"]) == (200, False)
    (answer,) = json.loads(found["body"])["answers"]
    (hit,) = answer["hits"]
    assert (hit["key"], hit["score"]) == ("cat.jpg", 100.0)
    assert json.loads(api.invoke(event("http_get"))["body"])["images"] == 1


def test_the_api_is_closed_until_it_has_tokens(account: Account) -> None:
    answer = account.function("api").invoke(event("http_get"))
    assert answer["statusCode"] == 401
    assert json.loads(answer["body"])["detail"] == "this service was given no tokens"


def test_a_worker_finds_what_one_process_finds(account: Account, client_of: Callable[[Function], Any]) -> None:
    index = Index.create(account.variables["LOOKALIKE_INDEX"], families=["dhash"], shards=2, segment_rows=64)
    index.write(rows(index, 200))
    index.compact()
    scan = account.function("scan")
    client = client_of(scan)
    fanned = Index.open(
        account.variables["LOOKALIKE_INDEX"],
        executor=FanOut(lambda asked: calls.call(client, "scan", asked), deadline=PATIENCE, planner=one_each),
    )
    assert fanned.search(Key("00007"), limit=20) == index.search(Key("00007"), limit=20)
    assert {line["segments"] for line in scan.lines()} == {1}


def test_an_answer_of_a_worker_that_aws_would_refuse_is_refused_by_the_worker(account: Account) -> None:
    index = Index.create(account.variables["LOOKALIKE_INDEX"], families=["dhash"], segment_rows=1 << 14)
    index.write(rows(index, 6_000, prefix="k" * 1_000))
    index.compact()
    scan = account.function("scan")
    answers = []

    def search(limit: int) -> Answer:
        def ask(asked: Any) -> Any:
            answers.append(scan.invoke(asked))
            return answers[-1]

        fanned = Index.open(
            account.variables["LOOKALIKE_INDEX"], executor=FanOut(ask, deadline=PATIENCE, planner=one_each)
        )
        return fanned.search(Key("k" * 1_000 + "00007"), limit=limit)

    assert len(search(100).hits) == 100
    # what does not fit is scanned by the process that asks
    assert len(search(6_000).hits) == 6_000
    small, large = answers
    assert "error" not in small
    assert large["error"]["type"] == "PayloadTooLarge"
    assert f"{PAYLOAD:,} can be sent" in large["error"]["message"]


def test_merges_are_handed_to_workers(account: Account) -> None:
    index = Index.create(account.variables["LOOKALIKE_INDEX"], families=["dhash"], shards=2, segment_rows=64)
    for start in range(9):
        index.write(rows(index, 4, prefix=f"{start}-"))
        index.commit()
    due = index.due_merges()
    assert len(due) == 2
    merge = account.function("merge")
    merged = Merged.from_json(merge.invoke({"segments": list(due[0])})["merged"])
    assert index.commit([merged]).placed == (True,)
    assert merge.invoke({"segments": list(due[0])}) == {"merged": None}
    compact = account.function(
        "compact", LOOKALIKE_MERGE_FUNCTION="merge", LOOKALIKE_MERGES="2", AWS_ENDPOINT_URL_LAMBDA=merge.endpoint
    )
    assert compact.invoke({}) is None
    (done,) = (line for line in compact.lines() if line.get("message") == "done")
    assert (done["merges"], done["merges_failed"], done["merges_left"]) == (1, 0, 0)
    assert not index.due_merges()
    assert index.count() == 36
    assert index.verify().problems == ()


def test_collect_deletes_nothing_that_is_young(account: Account) -> None:
    index = Index.create(account.variables["LOOKALIKE_INDEX"], families=["dhash"])
    index.write(rows(index, 3))
    index.compact()
    collect = account.function("collect")
    assert collect.invoke({}) == {"objects": 0, "bytes": 0, "covered": 1.0, "next": None}
    (done,) = (line for line in collect.lines() if line.get("message") == "done")
    assert done["objects"] == 0
    assert account.index.count() == 3


def test_a_backfill_adds_what_was_there_and_counts_it(account: Account, put: Callable[[str, bytes], None]) -> None:
    put("zoo/red + blue panda.PNG", png(1))
    put("zoo/Bär 100%.png", png(2))
    counts = {"added": 2, "unchanged": 0, "skipped": 2, "gone": 0, "archived": 0, "failed": 0, "failures": []}
    assert account.function("backfill").invoke(event("backfill_batch")) == counts
    put("zoo/wolf.png", png(3))
    assert account.function("progress").invoke({}) == {
        "pictures": 3,
        "indexed": 2,
        "missing": 1,
        "examples": ["zoo/wolf.png"],
        "next": None,
        "archived": 0,
    }


def test_an_exception_is_what_the_runtime_reports(account: Account, client_of: Callable[[Function], Any]) -> None:
    merge = account.function("merge")
    with pytest.raises(FunctionFailed) as raised:
        merge.invoke({})
    assert raised.value.document["errorMessage"] == "'segments'"
    assert "functions/handlers/merge.py" in raised.value.document["stackTrace"][0]
    (line,) = (line for line in merge.lines() if line.get("message") == "failed")
    assert line["level"] == "ERROR"
    client = client_of(merge)
    with pytest.raises(StorageError, match=r"function merge failed \(.*KeyError.*\); its log says more"):
        calls.call(client, "merge", {})


def test_the_state_machine_is_told_of_errors_by_the_names_that_it_waits_for(
    account: Account, put: Callable[[str, bytes], None]
) -> None:
    put("zoo/wolf.png", png(3))
    items = [{"Key": "zoo/wolf.png", "Size": 1, "LastModified": 1}]
    with pytest.raises(FunctionFailed) as raised:
        account.function("backfill").invoke({"Items": items}, told=10)
    assert raised.value.kind == "Unfinished"


def test_a_function_without_its_settings_does_not_start(account: Account) -> None:
    with pytest.raises(FunctionFailed, match="LOOKALIKE_INDEX is missing") as raised:
        account.function("scan", LOOKALIKE_INDEX="").invoke({})
    assert raised.value.kind == "SettingInvalid"


def test_a_request_that_aws_would_refuse_is_not_sent(account: Account, client_of: Callable[[Function], Any]) -> None:
    client = client_of(account.function("merge"))
    with pytest.raises(StorageError, match=f"limit {REQUEST_BYTES} bytes"):
        calls.call(client, "merge", {"segments": ["s" * REQUEST_BYTES]})


def test_the_limits_of_lambda_hold_here(account: Account) -> None:
    large = account.other("large")
    # two quotes around it, in JSON
    assert len(large.invoke(ANSWER_BYTES - 2)) == ANSWER_BYTES - 2
    with pytest.raises(FunctionFailed, match="exceeded maximum allowed payload size") as raised:
        large.invoke(ANSWER_BYTES - 1)
    assert raised.value.kind == "Function.ResponseSizeTooLarge"
    assert large.invoke(3) == "xxx"


def test_a_call_that_takes_too_long_is_ended_and_the_next_one_has_a_new_process(account: Account) -> None:
    slow = account.other("slow")
    with pytest.raises(FunctionFailed) as raised:
        slow.invoke(2 * PATIENCE, seconds=0)
    assert raised.value.kind == "Sandbox.Timedout"
    assert slow.invoke(0) is None
