"""Deletes objects that nobody can need any more: called once a day."""

from __future__ import annotations

from functions.aws.events import Context
from functions.aws.opening import counted_store, existing_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("collect", store)


def handler(event: object, context: Context) -> None:
    """Collect: the scheduler calls this."""
    del event
    with telemetry.invocation(context) as facts:
        index = existing_index(store, settings)
        if index is None:
            # the first call may come before anything was added, and this function may not make an index
            facts.update(objects=0, bytes=0)
            return
        collected = index.collect()
        facts.update(objects=len(collected.objects), bytes=collected.size)
        telemetry.measure("ObjectsCollected", len(collected.objects))
