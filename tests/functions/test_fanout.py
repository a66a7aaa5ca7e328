"""Asking functions: through boto3's client, with answers as Lambda gives them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.aws import calls
from functions.aws.fanout import executor, fan_out
from functions.aws.settings import Settings
from lookalike import Index
from shards.search import plan
from shards.search.executors.fan_out import FanOut
from shards.search.executors.tasks import TaskRunner, Threads
from shards.search.executors.worker import Worker
from shards.storage import Store
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.functions.stage import ENVIRONMENT, Told
from tests.patience import PATIENCE
from tests.shards.search.fanned import fill
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.table.counting import CountingStore

SETTINGS = Settings(
    index="s3://bucket/index",
    scan_function="lookalike-scan",
    scan_seconds=30,
    # what is a few kilobytes counts as more than one process should fetch
    alone_bytes=1,
    worker_bytes=1 << 16,
)


@pytest.fixture(scope="module")
def store() -> CountingStore:
    store = CountingStore(MemoryStore())
    fill(store)
    return store


class Lambda:
    """boto3's client, and the service behind it. `fails`: what comes of the first calls instead of an answer."""

    def __init__(self, store: Store, *fails: Exception | dict[str, Any]) -> None:
        self._worker = Worker(store, memory=1 << 24)
        self._fails = list(fails)
        self.asked: list[Mapping[str, Any]] = []

    def invoke(self, **asked: Any) -> Mapping[str, Any]:
        self.asked.append(asked)
        failure = self._fails.pop(0) if self._fails else None
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return _response(failure, FunctionError="Unhandled")
        return _response(self._worker.answer(json.loads(asked["Payload"])))


def _response(document: Any, **more: Any) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(document).encode()), **more}


def search(
    store: Store, client: Lambda, told: Told, settings: Settings = SETTINGS, tasks: TaskRunner | None = None
) -> Any:
    executor = fan_out(client, settings, told.telemetry, tasks or FakeTaskRunner())
    index = Index.open(store, memory=0, executor=executor)
    return index.search(scene(1), family="goldberg", limit=30)


def test_functions_find_what_one_process_finds(store: CountingStore) -> None:
    told, client = Told(), Lambda(store)
    assert search(store, client, told) == Index.open(store).search(scene(1), family="goldberg", limit=30)
    assert len(client.asked) > 3
    assert {(one["FunctionName"], one["InvocationType"]) for one in client.asked} == {
        ("lookalike-scan", "RequestResponse")
    }
    (line,) = told.lines()
    assert (line["level"], line["missing"]) == ("INFO", {})
    assert (line["workers"], line["hedged"]) == (len(client.asked), 0)
    assert line["cold_bytes"] > 0


def test_no_more_functions_are_called_for_a_query_than_the_account_has(store: CountingStore) -> None:
    told, client = Told(), Lambda(store)
    found = search(store, client, told, replace(SETTINGS, workers=2))
    assert found == Index.open(store).search(scene(1), family="goldberg", limit=30)
    assert len(client.asked) == 2


def test_so_they_do_in_threads(store: CountingStore) -> None:
    told, client = Told(), Lambda(store)
    patient = replace(SETTINGS, scan_seconds=PATIENCE)
    found = search(store, client, told, patient, Threads(128))
    assert found == Index.open(store).search(scene(1), family="goldberg", limit=30)
    (line,) = told.lines()
    # a busy machine is slow to answer, and asked again: the last such call may not have begun yet
    assert line["workers"] <= len(client.asked) <= line["workers"] + line["hedged"]


THROTTLED = ClientError(
    {"Error": {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}, "ResponseMetadata": {}},  # type: ignore[arg-type]
    "Invoke",
)
TIMED_OUT = {
    "errorMessage": "RequestId: 9a2b Error: Task timed out after 30.00 seconds",
    "errorType": "Sandbox.Timedout",
}
SILENT = ReadTimeoutError(endpoint_url="https://lambda.eu-west-1.amazonaws.com")


@pytest.mark.parametrize("failure", [TIMED_OUT, SILENT], ids=["timed out", "silent"])
def test_a_call_that_fails_is_made_again(store: CountingStore, failure: Exception | dict[str, Any]) -> None:
    told, client = Told(), Lambda(store, failure)
    assert search(store, client, told) == Index.open(store).search(scene(1), family="goldberg", limit=30)
    (line,) = told.lines()
    assert (line["retried"], line["hedged"]) == (1, 0)
    assert len(client.asked) == line["workers"] + 1


@pytest.mark.parametrize(
    ("failure", "why"),
    [(THROTTLED, "Rate Exceeded"), (TIMED_OUT, "Task timed out"), (SILENT, "Read timeout")],
    ids=["throttled", "timed out", "silent"],
)
def test_what_fails_again_is_missing_and_the_log_says_why(
    store: CountingStore, failure: Exception | dict[str, Any], why: str
) -> None:
    told = Told()
    answer = search(store, Lambda(store, *[failure] * 999), told)
    assert answer.partial
    (line,) = told.lines()
    assert line["level"] == "WARNING"
    assert set(line["missing"]) == set(answer.missing)
    assert all(why in reason for reason in line["missing"].values())


def test_a_call_that_no_function_is_free_for_is_made_until_one_is(store: CountingStore) -> None:
    told, client = Told(), Lambda(store, *[THROTTLED] * 12)
    assert search(store, client, told) == Index.open(store).search(scene(1), family="goldberg", limit=30)
    (line,) = told.lines()
    assert (line["retried"], line["hedged"], line["throttled"], line["missing"]) == (0, 0, 12, {})


def test_little_is_fetched_by_the_process_that_is_asked(store: CountingStore) -> None:
    client = Lambda(store)
    search(store, client, Told(), replace(SETTINGS, alone_bytes=plan.ALONE))
    assert client.asked == []


def test_a_worker_is_handed_no_more_than_it_should_fetch(store: CountingStore) -> None:
    def workers(size: int) -> int:
        told = Told()
        search(store, Lambda(store), told, replace(SETTINGS, worker_bytes=size))
        (line,) = told.lines()
        return int(line["workers"])

    assert workers(plan.WORKER) == 2, "one alone would be no faster than this process"
    assert workers(1) > 2


def test_there_is_nobody_to_ask_unless_a_function_is_named() -> None:
    assert executor(Settings(index="s3://bucket/index"), Told().telemetry) is None


def test_the_client_has_a_connection_for_each_call_and_makes_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    assert isinstance(executor(SETTINGS, Told().telemetry), FanOut)
    config: Any = calls.config(SETTINGS.scan_seconds, 128)
    assert config.max_pool_connections >= plan.WORKERS
    assert config.read_timeout == 30
    assert config.retries == {"total_max_attempts": 1}
