"""The stage of a function in tests: its events, its context, and a bucket that tells what happens in it."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote_plus

import pytest

from functions.aws.counted import Counted
from functions.aws.telemetry import Telemetry
from lookalike.ingest.original import Content, Original
from tests.patience import PATIENCE

EVENTS = Path(__file__).parents[1] / "events"

START_MS = 1_800_000_000_000


def event(name: str) -> dict[str, Any]:
    """Return an event as AWS sends it, from a file."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


@dataclass
class Invocation:
    """A call, as Lambda describes it."""

    seconds: float = 60.0
    aws_request_id: str = "9a2b7c1e-0000-4000-8000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@contextmanager
def event_loop() -> Iterator[None]:
    """Mangum takes the thread's event loop, or makes one that nobody closes."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


_functions = count()
_seconds = count()


@dataclass
class Told:
    """A function's telemetry, and what it wrote."""

    stream: io.StringIO = field(default_factory=io.StringIO)
    store: Counted | None = None

    def __post_init__(self) -> None:
        # a name of its own: loggers are kept by name, with the stream that they had first
        self.function = f"test-{next(_functions)}"
        self.telemetry = Telemetry(self.function, self.store, stream=self.stream, clock=lambda: next(_seconds))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def values(self, metric: str) -> list[float]:
        """Return the values of a metric that was not flushed yet."""
        found: list[float] = self.telemetry._metrics.metric_set.get(metric, {}).get("Value", [])
        return found


def message(body: object, number: int = 1) -> dict[str, Any]:
    """Return a message of the queue, like those in sqs_batch.json."""
    shape: dict[str, Any] = event("sqs_batch")["Records"][0]
    text = body if isinstance(body, str) else json.dumps(body)
    return {**shape, "messageId": f"message-{number}", "body": text}


def batch(*bodies: object) -> dict[str, Any]:
    return {"Records": [message(body, number) for number, body in enumerate(bodies, 1)]}


def notification(
    key: str, ms: int = START_MS, sequencer: str = "0055AED6DCD90281E5", kind: str = "Put"
) -> dict[str, Any]:
    """Return a notification of S3 about a key, like those in s3_put.json and s3_delete.json."""
    body = event("s3_delete" if kind == "Delete" else "s3_put")
    (record,) = body["Records"]
    seconds, rest = divmod(ms, 1000)
    record["eventTime"] = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
    record["s3"]["object"] |= {"key": quote_plus(key, safe="/"), "sequencer": sequencer}
    return body


@dataclass
class Bucket:
    """A bucket in memory, which sends a notification for whatever happens in it.

    A millisecond passes only when a test says so: what happens in the same one is told apart by its sequencer.
    """

    name: str = "pictures"
    objects: dict[str, Content] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    ms: int = START_MS
    _sequence: int = 0x55AED6DCD90281E5

    def put(self, key: str, data: bytes, meta: Mapping[str, Any] | None = None) -> None:
        original = Original(key, f"s3://{self.name}/{key}", len(data), self.ms // 1000 * 10**9)
        self.objects[key] = Content(original, data, meta or {})
        self._tell(key, "Put")

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
        self._tell(key, "Delete")

    def read(self, key: str, max_bytes: int) -> Content | None:
        self.reads.append(key)
        if key in self.broken:
            raise self.broken[key]
        content = self.objects.get(key)
        if content is None or content.original.size <= max_bytes:
            return content
        return replace(content, data=None)

    def _tell(self, key: str, kind: str) -> None:
        self._sequence += 1
        # lengths differ, as those of S3 do: zeros at the end count for nothing
        sequencer = f"{self._sequence:018X}".rstrip("0")
        self.told.append(notification(key, self.ms, sequencer, kind))


UNHURRIED = {
    "LOOKALIKE_SIGN_SECONDS": f"{PATIENCE:g}",
    "LOOKALIKE_ANSWER_SECONDS": f"{PATIENCE:g}",
    "LOOKALIKE_SCAN_SECONDS": f"{PATIENCE:g}",
}
"""Settings of functions that give nothing up."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    **UNHURRIED,
}


def load(name: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """Import the module of a function anew, as Lambda does, with these variables in its environment."""
    for variable, value in (ENVIRONMENT | environment).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delitem(sys.modules, f"functions.handlers.{name}", raising=False)
    # loggers are kept by name, with the stream that they had first
    monkeypatch.delitem(logging.Logger.manager.loggerDict, name, raising=False)
    return importlib.import_module(f"functions.handlers.{name}")
