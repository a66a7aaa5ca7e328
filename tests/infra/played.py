"""All functions of a stack called in every way that matters, once for all tests that look at what they did."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from lookalike import Index, Record
from shards.search.executors import scatter_gather
from shards.table.format import names
from shards.table.format.manifest import INLINE_DEAD
from tests.functions.stage import batch, event, event_loop, notification
from tests.infra.recorded import IMAGES, NAME, REGION, Stack
from tests.lookalike.cli.drawing import png
from tests.world import FakeWorld


def played() -> Stack:
    """A stack whose functions have done all that they do."""
    with mock_aws(), event_loop(), pytest.MonkeyPatch.context() as monkeypatch:
        stack = Stack(monkeypatch)
        # nobody is a laggard, however slow the machine is: a second call could be under way when this is over
        monkeypatch.setattr(scatter_gather, "LAG", math.inf)
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=IMAGES)
        for key in ("cat.png", "old.png"):
            s3.put_object(Bucket=IMAGES, Key=key, Body=png(1))
        secrets = boto3.client("secretsmanager", region_name=REGION)
        secrets.create_secret(Name=f"{NAME}/tokens", SecretString="0123456789-writer read,write")

        _adding(stack)
        _folding(stack)
        _asking(stack)
        _collecting(stack)
        return stack


def started(function: str) -> Stack:
    """A stack in which this function is the first one that runs: there is no index, and nothing in the bucket."""
    with mock_aws(), event_loop(), pytest.MonkeyPatch.context() as monkeypatch:
        stack = Stack(monkeypatch)
        boto3.client("s3", region_name=REGION).create_bucket(Bucket=IMAGES)
        loaded = stack.function(function)
        if function in FIRST:
            stack.call(function, FIRST[function]())
        if function == "api":
            loaded.pool.close()
        return stack


def _removed() -> dict[str, Any]:
    body = notification("gone/dog.png", kind="Delete")
    body["Records"][0]["s3"]["bucket"]["name"] = IMAGES
    return batch(body)


FIRST: dict[str, Callable[[], dict[str, Any]]] = {
    "api": lambda: event("http_get"),
    "ingest": _removed,
    "compact": dict,
    "collect": dict,
    "backfill": lambda: {"Items": []},
    "progress": dict,
}
"""The first event of each function. Workers are only called by those that have seen the index."""


def _emptied(stack: Stack) -> None:
    """Whoever is loaded next finds no index, and makes it."""
    stack.store.delete([entry.name for entry in stack.store.list()])


def _written(stack: Stack, keys: list[str]) -> None:
    """Records in the log, one object for each."""
    index = Index.open(stack.store)
    signed = index.sign("one", png(1))
    for key in keys:
        index.write([replace(signed, key=key, order=index.next_order())])


def _adding(stack: Stack) -> None:
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName=f"{NAME}-uploads")["QueueUrl"]
    stack.function(
        "ingest",
        LOOKALIKE_COMPACT_FUNCTION=f"{NAME}-compact",
        LOOKALIKE_HOLD="0",
        LOOKALIKE_UPLOADS_QUEUE=queue,
    )
    # so many that the compactor is called early
    _written(stack, [f"{n}.png" for n in range(65)])
    bodies = [notification("cat.png"), notification("gone/dog.png", kind="Delete")]
    for body in bodies:
        body["Records"][0]["s3"]["bucket"]["name"] = IMAGES
    told = batch(*bodies, "not JSON")
    assert stack.call("ingest", told) == {"batchItemFailures": [{"itemIdentifier": "message-3"}]}
    _emptied(stack)
    stack.function("progress")
    assert stack.call("progress", {})["missing"] == 2
    stack.function("backfill")
    listed = {"Size": len(png(1)), "LastModified": 1763712001}
    items = [listed | {"Key": "old.png"}, listed | {"Key": "gone/fish.png"}]
    assert stack.call("backfill", {"Items": items})["added"] == 1
    assert stack.call("progress", {})["indexed"] == 1


def _folding(stack: Stack) -> None:
    _emptied(stack)
    compact = stack.function("compact", LOOKALIKE_MERGE_FUNCTION=f"{NAME}-merge", LOOKALIKE_MERGE_SECONDS="1")
    stack.function("merge")
    index = Index.open(stack.store)
    signed = index.sign("one", png(1))
    many = [f"{n}.png" for n in range(2 * INLINE_DEAD)]
    for _ in range(2):
        # the second time around all rows of the first segment die: so many are listed in an object of their own
        index.write([replace(signed, key=key, order=index.next_order()) for key in many])
        stack.call("compact", {})
    for n in range(8):
        _written(stack, [f"small-{n}.png"])
        # what is made of these eight has so many deletes that the merge lists them in an object of their own
        some = many[n * INLINE_DEAD // 7 : (n + 1) * INLINE_DEAD // 7]
        index.write([Record(key, index.next_order(), deleted=True) for key in some])
        # eight of a size are merged, which fails the first time
        stack.broken = {"merge"} if n == 7 else set()
        stack.call("compact", {})
    stack.broken = set()
    stack.call("compact", {})
    # by then what is folded may go
    then = index.next_order()[0] + 3600 * 10**9
    with patch.object(compact.index._table.clock, "now_ns", lambda: then):
        stack.call("compact", {})


def _asking(stack: Stack) -> None:
    kept = {entry.name: bytes(stack.store.get(entry.name)) for entry in stack.store.list()}
    _emptied(stack)
    api = stack.function(
        "api",
        LOOKALIKE_TOKENS_SECRET=f"{NAME}/tokens",
        LOOKALIKE_SCAN_FUNCTION=f"{NAME}-scan",
        LOOKALIKE_COMPACT_FUNCTION=f"{NAME}-compact",
        # whatever is not in memory goes to workers
        LOOKALIKE_ALONE_BYTES="0",
        LOOKALIKE_MAX_CONTENT="1",
    )
    _emptied(stack)
    for name, data in kept.items():
        stack.store.create(name, data)
    stack.function("scan")
    index = Index.open(stack.store)
    source = {"path": f"s3://{IMAGES}/gone/cat.png", "size": 2, "mtime_ns": 0}
    index.add("gone/cat.png", png(2), source=source)

    def ask(method: str, path: str, body: str = "") -> dict[str, Any]:
        asked = event("http_post" if body else "http_get")
        asked["rawPath"] = asked["requestContext"]["http"]["path"] = path
        asked["requestContext"]["http"]["method"] = method
        asked["headers"] |= {"authorization": "Bearer 0123456789-writer", "content-length": str(len(body))}
        asked["body"] = body
        found: dict[str, Any] = stack.call("api", asked)
        return found

    assert ask("POST", "/v1/search", '{"key":"small-1.png"}')["statusCode"] == 200
    assert ask("POST", "/v1/uploads", '{"key":"new.png","bytes":7000000}')["statusCode"] == 201
    # so many that the compactor is called early
    _written(stack, [f"more-{n}.png" for n in range(65)])
    # in place: whatever is asked of AWS is to be over when this is
    api.index._look.__self__.start = lambda call: call()
    image = '{"images":[{"key":"direct.png","image":"' + b64encode(png(3)).decode() + '"}]}'
    assert ask("POST", "/v1/images", image)["statusCode"] == 200
    assert ask("GET", "/v1/images/gone/cat.png/content")["statusCode"] >= 300
    api.pool.close()
    # a worker that is late: what it is to scan was merged and collected meanwhile
    del stack.modules["scan"]
    stack.function("scan")
    store = index.settings.data(stack.store)
    segments = {entry.name: bytes(store.get(entry.name)) for entry in store.list(names.SEGMENTS)}
    store.delete(list(segments))
    stack.call("scan", stack.last["scan"])
    for name, data in segments.items():
        store.create(name, data)


def _collecting(stack: Stack) -> None:
    index = Index.open(stack.store)
    index.remove(["direct.png"])
    for n in range(10):
        _written(stack, [f"last-{n}.png"])
        index.compact()
    collect = stack.function("collect")
    # by then everything is old
    later = FakeWorld(start_ns=index.next_order()[0] + 30 * 86_400 * 10**9)
    stack.store._clock = lambda: later.now_ns() / 1e9
    with patch.object(collect, "existing_index", lambda store, _: Index.open(store, effects=later)):
        stack.call("collect", {})
