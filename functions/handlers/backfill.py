"""Adds what the image bucket held before there was an index.

Called by the state machine in infra/backfill.asl.yml, and by whoever wants to. What a call did not get to is done by
the next one with the same objects: the index itself says what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

from functions.aws.events import Context
from functions.aws.listing import listed
from functions.aws.opening import counted_store, open_index
from functions.aws.pictures import CONFIG, BucketPictures
from functions.aws.settings import Settings
from functions.aws.signing import SafeSigner
from functions.aws.telemetry import Telemetry
from lookalike.index import Index
from lookalike.ingest.backlog import add, ending

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("backfill", store)
index = open_index(Index, store, settings)
bucket = settings.images_bucket()
pictures = BucketPictures(boto3.client("s3", config=CONFIG), bucket)
sign = SafeSigner(index, settings)


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Called with `Items`, some objects of a listing (`functions.aws.listing`); what became of them.

    Raises Busy and Unfinished: to be called again.
    """
    with telemetry.invocation(context) as said:
        # a map that makes no batches hands over one object as it is
        items = event.get("Items", [event])
        done = add(
            index,
            listed(items, bucket),
            pictures,
            sign,
            readers=settings.readers,
            is_over=ending(context, settings.reserve),
        )
        for one in done.failures:
            telemetry.log.warning("not added", extra={"key": one.key, "reason": one.reason, "error": one.message})
        said |= {"added": done.added, "unchanged": done.unchanged, "skipped": done.skipped, "failed": done.failed}
        telemetry.measure("ImagesAdded", done.added)
        telemetry.measure("Skipped", done.skipped)
        telemetry.measure("Failed", done.failed)
        return done.document()
