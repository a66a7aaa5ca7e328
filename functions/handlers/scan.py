"""Scans segments for a query of the API, which asks up to 64 of these at once and merges their hits.

A query waits for cold starts: neither boto3 nor FastAPI nor Pillow is imported here, and the log is
written without a library.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

from functions.aws.counted import Counted
from functions.aws.events import Context
from functions.aws.settings import Settings, stack_name
from shards.search.executors.worker import Worker
from shards.storage import open_store
from shards.storage.effects import World
from shards.storage.paced import PacedStore
from shards.storage.patient import PatientStore
from shards.table.read.disk import DiskCache

settings = Settings.from_env()
world = World()
# while a prefix is too busy, which a pace cannot always prevent, reads are tried again until the query's time is over
store = Counted(PatientStore(open_store(settings.index), world))
paced = PacedStore(store, world)
disk = DiskCache(settings.cache, settings.cache_bytes) if settings.cache else None
worker = Worker(paced, memory=settings.memory, disk=disk, share=paced.share)
calls = count()

METRICS = {
    "Namespace": stack_name(),
    "Dimensions": [["service"]],
    "Metrics": [{"Name": "QueryBytes", "Unit": "Bytes"}, {"Name": "QueryRequests", "Unit": "Count"}],
}
"""The metrics in each log line, in CloudWatch's embedded metric format."""


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Answer a message of `shards.search.executors.messages`."""
    started, before = time.perf_counter(), store.traffic
    answer = worker.answer(event)
    requests, size = store.traffic
    errors = [part["error"] for part in [answer, *answer.get("segments", ())] if "error" in part]
    line = {
        "level": "WARNING" if errors else "INFO",
        "message": "done",
        "service": "scan",
        "request_id": context.aws_request_id,
        "cold_start": next(calls) == 0,
        "segments": len(event.get("segments", ())),
        "milliseconds": round((time.perf_counter() - started) * 1e3, 1),
        "QueryRequests": requests - before[0],
        "QueryBytes": size - before[1],
        "errors": errors,
        "_aws": {"Timestamp": time.time_ns() // 10**6, "CloudWatchMetrics": [METRICS]},
    }
    print(json.dumps(line), flush=True)
    return answer
