"""Calls of other functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import boto3
from aws_lambda_powertools.logging import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.settings import Settings
from shards.errors import StorageError
from shards.search.executors.messages import NoWorkerFree

THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "EC2ThrottledException"})
"""Codes of Lambda's errors that say that the function was not begun: as many are at work as the account, or the
function, may have, or calls come too fast."""

WAKE_SECONDS = 10.0
"""Time limit for having a function started."""


class Lambda(Protocol):
    """The part of boto3's Lambda client that is used."""

    def invoke(self, **asked: Any) -> Mapping[str, Any]: ...


def config(seconds: float, at_once: int) -> Config:
    """Return the settings of a client whose calls take so long. It repeats none: that would do the work twice."""
    return Config(
        read_timeout=seconds, connect_timeout=5, retries={"total_max_attempts": 1}, max_pool_connections=at_once
    )


def call(client: Lambda, function: str, payload: Mapping[str, Any]) -> Any:
    """Return what the function answers.

    Raises NoWorkerFree where too many are at work already, and StorageError if it fails, or cannot be called.
    """
    try:
        response = client.invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(payload).encode()
        )
        answer = json.loads(response["Payload"].read())
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") in THROTTLED:
            raise NoWorkerFree(f"no function {function} is free ({error})") from error
        raise StorageError(f"function {function} could not be called ({error})") from error
    if "FunctionError" in response:
        raise StorageError(f"function {function} failed ({answer}); its log says more")
    return answer


def start(client: Lambda, function: str) -> None:
    """Have the function run, whenever it can. Raises StorageError if it cannot be called."""
    try:
        client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"function {function} could not be called ({error})") from error


def wake(client: Lambda, function: str, log: Logger) -> None:
    """Have the compactor run, and log it if it cannot be called: it comes by itself too."""
    try:
        start(client, function)
    except StorageError as error:
        log.warning("the compactor was not called", extra={"error": str(error)})


def compactor_wake(settings: Settings, log: Logger) -> Callable[[], None] | None:
    """Return what wakes the compactor; `None` if there is none to call."""
    if not settings.compact_function:
        return None
    return partial(wake, boto3.client("lambda", config=config(WAKE_SECONDS, 1)), settings.compact_function, log)
