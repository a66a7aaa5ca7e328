"""Calling other functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shards.errors import StorageError


class Lambda(Protocol):
    """What is used of boto3's Lambda client."""

    def invoke(self, **asked: Any) -> Mapping[str, Any]: ...


def config(seconds: float, at_once: int) -> Config:
    """Of a client whose calls take so long. A call that is repeated by the client would do the work twice."""
    return Config(
        read_timeout=seconds, connect_timeout=5, retries={"total_max_attempts": 1}, max_pool_connections=at_once
    )


def call(client: Lambda, function: str, payload: Mapping[str, Any]) -> Any:
    """What the function answers. Raises StorageError where it fails, or cannot be called."""
    try:
        answer = client.invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(payload).encode()
        )
        said = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"function {function} could not be called ({error})") from error
    if "FunctionError" in answer:
        raise StorageError(f"function {function} failed ({said}); its log says more")
    return said


def start(client: Lambda, function: str) -> None:
    """Have the function run, whenever it can. Raises StorageError where it cannot be called."""
    try:
        client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"function {function} could not be called ({error})") from error
