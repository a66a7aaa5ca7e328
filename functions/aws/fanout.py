"""Fan-out of a query of the API: many functions scan it at once."""

from __future__ import annotations

from functools import partial

import boto3

from functions.aws import calls
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from shards.search.executors.fan_out import CALLS_A_WORKER, FanOut, FanOutReport
from shards.search.executors.tasks import TaskRunner, Threads
from shards.search.plan import plan


def executor(settings: Settings, telemetry: Telemetry) -> FanOut | None:
    """Return an executor for `Index.open`; `None` if there are no workers."""
    if not settings.scan_function:
        return None
    client = boto3.client("lambda", config=calls.config(settings.scan_seconds, _max_calls(settings)))
    return fan_out(client, settings, telemetry)


def fan_out(client: calls.Lambda, settings: Settings, telemetry: Telemetry, tasks: TaskRunner | None = None) -> FanOut:
    """Return an executor that fans out through this client. `tasks` makes the calls, threads by default."""
    return FanOut(
        partial(calls.call, client, settings.scan_function),
        deadline=settings.scan_seconds,
        tasks=tasks or Threads(_max_calls(settings)),
        planner=partial(plan, alone=settings.alone_bytes, worker=settings.worker_bytes, max_workers=settings.workers),
        report=partial(_report, telemetry),
    )


def _max_calls(settings: Settings) -> int:
    return CALLS_A_WORKER * max(settings.workers, 1)


def _report(telemetry: Telemetry, query: FanOutReport) -> None:
    """Log how it went, and why segments are missing. What workers read, they measure themselves."""
    log = telemetry.log.warning if query.missing else telemetry.log.info
    log(
        "scanned by workers",
        extra={
            "workers": query.workers,
            "retried": query.retried,
            "hedged": query.hedged,
            "throttled": query.throttled,
            "cold_bytes": query.cold,
            "query_milliseconds": round(query.seconds * 1e3, 1),
            "missing": {name: str(error) for name, error in query.missing.items()},
        },
    )
