"""Calls of other functions: answered, failed, or only started."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.aws.calls import call, start, wake
from shards.errors import StorageError
from shards.search.executors.messages import NoWorkerFree
from tests.functions.stage import Told


class Answering:
    """A Lambda client that gives this answer."""

    def __init__(self, answer: Any, **more: Any) -> None:
        self._answer = {"Payload": io.BytesIO(json.dumps(answer).encode()), **more}
        self.asked: dict[str, Any] = {}

    def invoke(self, **asked: Any) -> Any:
        self.asked = asked
        return self._answer


def test_a_call_is_answered() -> None:
    client = Answering({"merged": None})
    assert call(client, "merge", {"segments": ["ü"]}) == {"merged": None}
    assert client.asked["InvocationType"] == "RequestResponse"
    assert json.loads(client.asked["Payload"]) == {"segments": ["ü"]}


def test_a_function_that_fails_says_so() -> None:
    client = Answering({"errorMessage": "timed out after 300 s"}, FunctionError="Unhandled")
    with pytest.raises(StorageError, match=r"function merge failed .*timed out after 300 s"):
        call(client, "merge", {})


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException", "EC2ThrottledException"])
def test_a_function_that_is_throttled_was_not_begun(code: str) -> None:
    throttled = ClientError({"Error": {"Code": code, "Message": "Rate Exceeded."}}, "Invoke")
    with pytest.raises(NoWorkerFree, match=r"no function scan is free .*Rate Exceeded"):
        call(Lambda(throttled), "scan", {})


def test_a_function_that_may_not_be_called_is_not_asked_for_again() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Invoke")
    with pytest.raises(StorageError, match="not authorized"):
        call(Lambda(denied), "scan", {})


def test_a_function_is_started_without_waiting_for_it() -> None:
    client = Answering(None)
    start(client, "compact")
    assert client.asked["InvocationType"] == "Event"


class Lambda:
    """boto3's client. `failure`: what every call raises."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure
        self.asked: list[Mapping[str, Any]] = []

    def invoke(self, **asked: Any) -> Mapping[str, Any]:
        self.asked.append(asked)
        if self._failure is not None:
            raise self._failure
        return {"StatusCode": 202}


def test_the_function_is_started_and_its_end_not_waited_for() -> None:
    told, client = Told(), Lambda()
    wake(client, "lookalike-compact", told.telemetry.log)
    (asked,) = client.asked
    assert (asked["FunctionName"], asked["InvocationType"]) == ("lookalike-compact", "Event")
    assert told.lines() == []


def test_a_call_that_fails_is_told_and_harms_nobody() -> None:
    told = Told()
    client = Lambda(EndpointConnectionError(endpoint_url="https://lambda.eu-west-1.amazonaws.com"))
    wake(client, "lookalike-compact", told.telemetry.log)
    (line,) = told.lines()
    assert (line["level"], line["message"]) == ("WARNING", "the compactor was not called")
    assert "lookalike-compact" in line["error"]
