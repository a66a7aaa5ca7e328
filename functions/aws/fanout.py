"""Has a query of the API scanned by many functions at once: who they are, how they are called, what is said of it."""

from __future__ import annotations

from functools import partial

import boto3

from functions.aws import calls
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from shards.search.executors.fan_out import FannedOut, FanOut
from shards.search.executors.gathering import Crew, Threads
from shards.search.plan import WORKERS, plan

AT_ONCE = 2 * WORKERS
"""Calls: those of one query, and those that the one before gave up at its deadline and that are not back yet."""


def executor(settings: Settings, telemetry: Telemetry) -> FanOut | None:
    """What `Index.open` takes; None where there are no workers."""
    if not settings.scan_function:
        return None
    client = boto3.client("lambda", config=calls.config(settings.scan_seconds, AT_ONCE))
    return fan_out(client, settings, telemetry)


def fan_out(client: calls.Lambda, settings: Settings, telemetry: Telemetry, crew: Crew | None = None) -> FanOut:
    """Return what fans out through this client. `crew`: makes the calls, threads unless given."""
    return FanOut(
        partial(calls.call, client, settings.scan_function),
        deadline=settings.scan_seconds,
        crew=crew or Threads(AT_ONCE),
        planner=partial(plan, alone=settings.alone_bytes, worker=settings.worker_bytes),
        report=partial(_report, telemetry),
    )


def _report(telemetry: Telemetry, query: FannedOut) -> None:
    """A line that says why what is missing is; what workers read, they measure themselves."""
    log = telemetry.log.warning if query.missing else telemetry.log.info
    log(
        "scanned by workers",
        extra={
            "workers": query.workers,
            "retried": query.retried,
            "hedged": query.hedged,
            "cold_bytes": query.cold,
            "query_milliseconds": round(query.seconds * 1e3, 1),
            "missing": {name: str(error) for name, error in query.missing.items()},
        },
    )
