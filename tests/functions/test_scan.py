"""The function that scans: small to start, and quick when it is asked again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import shards.storage
from lookalike import Index
from shards.search.executors.fan_out import FanOut
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.functions.stage import Invocation, load
from tests.shards.search.fanned import fill, one_each
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.table.counting import CountingStore

HEAVY = {"PIL", "asyncio", "aws_lambda_powertools", "boto3", "botocore", "click", "fastapi", "httpcore", "jmespath"}
HEAVY |= {
    "mangum",
    "pydantic",
    "pywt",
    "rich",
    "starlette",
    "uvicorn",
    "lookalike.index",
    "lookalike.web",
    "lookalike.cli",
}

MODULES = 350
"""Limit on the modules that a cold start imports. 150 of them are numpy; FastAPI or boto3 would be hundreds more."""


@pytest.mark.parametrize("family", ["haar", "goldberg", "dhash", "whash", "pdq"])
def test_a_cold_start_imports_little(family: str, tmp_path: Path) -> None:
    # and what the first question of a family imports
    code = (
        "import functions.handlers.scan, sys; from shards.families import family; family(sys.argv[1]); "
        "print(*sys.modules)"
    )
    environment = {"LOOKALIKE_INDEX": "s3://bucket/index", "LOOKALIKE_CACHE": str(tmp_path), "AWS_REGION": "eu-west-1"}
    run = subprocess.run(
        [sys.executable, "-c", code, family],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(run.stdout.split())
    assert "obstore" in modules, "the store of a bucket is among them"
    assert not HEAVY & (modules | {name.split(".")[0] for name in modules})
    assert len(modules) <= MODULES


@pytest.fixture
def store() -> CountingStore:
    store = CountingStore(MemoryStore())
    fill(store)
    store.reset()
    return store


def function(store: CountingStore, monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """The function, as if this store were its bucket."""
    monkeypatch.setattr(shards.storage, "open_store", lambda url: store)
    return load("scan", monkeypatch, LOOKALIKE_INDEX="s3://bucket/index", **environment)


def search(store: CountingStore, scan: ModuleType) -> object:
    """A query whose every segment goes to the function."""

    def ask(request: Mapping[str, Any]) -> Any:
        return json.loads(json.dumps(scan.handler(json.loads(json.dumps(request)), Invocation())))

    index = Index.open(CountingStore(store), memory=0, executor=FanOut(ask, tasks=FakeTaskRunner(), planner=one_each))
    return index.search(scene(1), family="dhash", limit=30)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_it_finds_what_is_there(store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert search(store, function(store, monkeypatch)) == Index.open(store).search(scene(1), family="dhash", limit=30)


def test_each_call_leaves_one_line_with_what_it_cost(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = function(store, monkeypatch)
    search(store, scan)
    first, second, *_ = lines(capsys)
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert (first["level"], first["segments"], first["errors"]) == ("INFO", 1, [])
    assert first["request_id"] == Invocation().aws_request_id
    assert first["QueryRequests"] > 1
    assert first["QueryBytes"] > 100
    (metrics,) = first["_aws"]["CloudWatchMetrics"]
    assert all(metric["Name"] in first for metric in metrics["Metrics"])
    assert all(name in first for name in metrics["Dimensions"][0])


def test_what_is_warm_is_read_from_memory(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = function(store, monkeypatch)
    search(store, scan)
    asked = len(lines(capsys))
    search(store, scan)
    again = lines(capsys)
    assert len(again) == asked > 10
    assert [(line["QueryRequests"], line["QueryBytes"]) for line in again] == [(0, 0)] * asked


def test_another_environment_on_the_same_disk_reads_from_it(
    store: CountingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = search(store, function(store, monkeypatch, LOOKALIKE_CACHE=str(tmp_path)))
    lines(capsys)
    assert search(store, function(store, monkeypatch, LOOKALIKE_CACHE=str(tmp_path))) == whole
    assert {line["QueryRequests"] for line in lines(capsys)} == {0}


def test_a_question_that_is_none_is_answered_and_logged(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = function(store, monkeypatch).handler({}, Invocation())
    assert answer["error"]["type"] == "QueryError"
    (line,) = lines(capsys)
    assert (line["level"], line["errors"]) == ("WARNING", [answer["error"]])
