"""Says how much of the image bucket is in the index: called by the state machine of the backfill, and by whoever asks.

It only reads. Where there is no index yet, nothing is in it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import boto3

from functions.aws.events import Context, CountRequest
from functions.aws.listing import pages
from functions.aws.opening import counted_store, existing_index
from functions.aws.pictures import CONFIG
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.ingest.backlog import Progress, count, ending

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("progress", store)
bucket = settings.images_bucket()
s3 = boto3.client("s3", config=CONFIG)


def handler(event: CountRequest, context: Context) -> dict[str, Any]:
    """How many pictures of the bucket, or below a prefix, are in the index as they are now.

    An answer whose `next` is not null is not all: call again with it as `so_far`.
    """
    with telemetry.invocation(context) as said:
        so_far = Progress(**event.get("so_far", {}))
        listing = pages(s3, bucket, event.get("prefix", ""), so_far.next)
        counted = asdict(count(existing_index(store, settings), listing, so_far, ending(context, settings.reserve)))
        said |= counted
        return counted
