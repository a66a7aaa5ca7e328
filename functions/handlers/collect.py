"""Deletes objects that nobody can need any more: called once a day."""

from __future__ import annotations

from functions.aws.events import Context
from functions.aws.opening import counted_store, open_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("collect", store)
index = open_index(store, settings)


def handler(event: object, context: Context) -> None:
    """Collect: the scheduler calls this."""
    del event
    with telemetry.invocation(context) as facts:
        collected = index.collect()
        facts.update(objects=len(collected.objects), bytes=collected.size)
        telemetry.measure("ObjectsCollected", len(collected.objects))
