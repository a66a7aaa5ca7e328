"""Deletes what nobody can need any more: called once a day."""

from __future__ import annotations

from functions.aws.events import Context
from functions.aws.opening import counted_store, open_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.index import Index

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("collect", store)
index = open_index(Index, store, settings)


def handler(event: object, context: Context) -> None:
    """Called by the scheduler."""
    del event
    with telemetry.invocation(context) as said:
        collected = index.collect()
        said.update(objects=len(collected.objects), bytes=collected.size)
        telemetry.measure("ObjectsCollected", len(collected.objects))
