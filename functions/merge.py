"""Does one merge, and commits it. Many at once, each of other segments, called by the compactor."""

from __future__ import annotations

from functions.events import Context, MergeRequest, MergeResponse
from functions.opening import counted_store, open_index
from functions.settings import Settings
from functions.telemetry import Telemetry
from shards.index import Index

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("merge", store)
index = open_index(Index, store, settings)


def handler(event: MergeRequest, context: Context) -> MergeResponse:
    """Called with the names of the segments to merge."""
    with telemetry.invocation(context) as said:
        said["segments"] = event["segments"]
        said["written"] = written = index.merge(event["segments"])
        return {"written": written}
