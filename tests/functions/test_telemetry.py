"""Telemetry: a line of JSON for what happened, a line of CloudWatch's metric format for how much, and no secrets."""

from __future__ import annotations

import json
import logging
from typing import get_args

import pytest

from functions.aws.counted import Counted
from functions.aws.telemetry import UNITS, Metric
from shards.storage import open_store
from tests.functions.stage import Invocation, Told


def test_a_call_is_told_with_its_id_and_what_it_did() -> None:
    told = Told()
    with told.telemetry.invocation(Invocation()) as facts:
        told.telemetry.log.info("half way")
        facts["images"] = 3
    half, done = told.lines()
    assert half["message"] == "half way"
    assert (done["message"], done["level"], done["images"], done["milliseconds"]) == ("done", "INFO", 3, 1000.0)
    for line in (half, done):
        assert line["request_id"] == Invocation().aws_request_id
        assert line["service"] == told.function


def test_only_the_first_call_is_cold() -> None:
    told = Told()
    for _ in range(3):
        with told.telemetry.invocation(Invocation()):
            pass
    assert [line["cold_start"] for line in told.lines()] == [True, False, False]


def test_a_call_that_fails_is_told_with_its_error_and_its_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()

    def fail() -> None:
        with told.telemetry.invocation(Invocation()) as facts:
            facts["images"] = 3
            told.telemetry.measure("Failed")
            raise RuntimeError("the store is on fire")

    with pytest.raises(RuntimeError):
        fail()
    (line,) = told.lines()
    assert (line["message"], line["level"], line["images"]) == ("failed", "ERROR", 3)
    assert "the store is on fire" in line["exception"]
    assert '"Failed"' in capsys.readouterr().out


def test_what_was_asked_of_the_store_is_told_for_each_call() -> None:
    store = Counted(open_store("memory://"))
    store.create("a", b"12345")
    told = Told(store=store)
    with told.telemetry.invocation(Invocation()):
        store.get("a")
        store.get_ranges("a", [(0, 2), (3, 4)])
        list(store.list())
        store.size("a")
        store.delete(["a"])
    with told.telemetry.invocation(Invocation()):
        pass
    first, second = told.lines()
    assert (first["requests_made"], first["bytes_read"]) == (5, 8)
    assert (second["requests_made"], second["bytes_read"]) == (0, 0)


def test_metrics_are_lines_of_the_embedded_metric_format(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_STACK", "lookalike-prod")
    told = Told()
    with told.telemetry.invocation(Invocation()):
        told.telemetry.measure("UploadToSearchable", 1250.0)
        told.telemetry.measure("UploadToSearchable", 750.0)
        told.telemetry.measure("ImagesAdded", 2)
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "lookalike-prod"
    assert directive["Dimensions"] == [["service"]]
    assert {one["Name"]: one["Unit"] for one in directive["Metrics"]} == {
        "UploadToSearchable": "Milliseconds",
        "ImagesAdded": "Count",
    }
    assert (document["service"], document["UploadToSearchable"]) == (told.function, [1250.0, 750.0])


def test_a_hundred_values_are_no_more_than_fit_and_none_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    with told.telemetry.invocation(Invocation()):
        for value in range(250):
            told.telemetry.measure("UploadToSearchable", value)
    lines = [json.loads(line)["UploadToSearchable"] for line in capsys.readouterr().out.splitlines()]
    assert [value for line in lines for value in line] == list(range(250))
    assert max(map(len, lines)) <= 100


def test_metrics_of_one_call_are_not_told_again_with_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    with told.telemetry.invocation(Invocation()):
        told.telemetry.measure("ImagesAdded")
    capsys.readouterr()
    with told.telemetry.invocation(Invocation()):
        pass
    assert capsys.readouterr().out == ""


def test_what_the_library_says_goes_the_same_way() -> None:
    told = Told()
    told.telemetry.adopt("lookalike.test")
    logging.getLogger("lookalike.test").warning("the store failed")
    (line,) = told.lines()
    assert (line["message"], line["level"]) == ("the store failed", "WARNING")


def test_units_are_of_metrics_that_there_are() -> None:
    assert set(UNITS) <= set(get_args(Metric))
