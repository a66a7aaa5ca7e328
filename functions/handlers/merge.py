"""Does one merge for the compactor, which commits the result. Many run at once, each of other segments."""

from __future__ import annotations

from functools import cache

from functions.aws.events import Context, MergeRequest, MergeResponse
from functions.aws.opening import counted_store
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.index import Index

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("merge", store)


@cache
def index() -> Index:
    """Return the index, which the compactor opened before it asked for a merge: this function may make none."""
    return Index.open(store, memory=settings.memory)


def handler(event: MergeRequest, context: Context) -> MergeResponse:
    """Merge: the compactor calls this with the names of the segments."""
    with telemetry.invocation(context) as facts:
        facts["segments"] = event["segments"]
        merged = index().merge(event["segments"])
        facts["rows"] = None if merged is None else sum(segment.rows for segment in merged.segments)
        return {"merged": None if merged is None else merged.to_json()}
