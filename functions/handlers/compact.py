"""Folds and merges: called every minute, and by ingest when the tail grows faster than that. One at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import boto3

from functions.aws import calls
from functions.aws.events import Context, MergeResponse
from functions.aws.opening import counted_store, open_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.upkeep.compactor import Compactor
from shards.table.maintain.merge import Merged

LONGEST = 900.0
"""Seconds that a function may run: an answer of a worker that is not there by then will not come."""

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("compact", store)
# no cache on the disk: a merge pours all columns of its segments through it
index = open_index(store, settings)


def _merge() -> Callable[[Sequence[str]], Merged | None]:
    """Return what does a merge: a worker, or this function if there are none."""
    if not settings.merge_function:
        return index.merge
    workers = boto3.client("lambda", config=calls.config(LONGEST, settings.merges))

    def merge(segments: Sequence[str]) -> Merged | None:
        answer: MergeResponse = calls.call(workers, settings.merge_function, {"segments": list(segments)})
        return None if answer["merged"] is None else Merged.from_json(answer["merged"])

    return merge


compactor = Compactor(
    index,
    _merge(),
    telemetry,
    workers=settings.merges if settings.merge_function else 1,
    merge_seconds=settings.merge_seconds,
)


def handler(event: object, context: Context) -> None:
    """Compact: the scheduler calls this, or ingest does. The event does not matter."""
    del event
    with telemetry.invocation(context) as facts:
        compactor.run(lambda: context.get_remaining_time_in_millis() / 1e3, facts)
