"""Adds what the image bucket held before there was an index, and says how far that is.

`batch` and `progress` are called by the state machine in infra/backfill.asl.yml, and by whoever wants to. What a call
did not get to is done by the next one with the same objects: the index itself says what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import boto3

from functions.backlog import Progress, add, count
from functions.events import Context, CountRequest
from functions.listing import listed, pages
from functions.opening import counted_store, open_index
from functions.pictures import CONFIG, BucketPictures
from functions.settings import Settings
from functions.telemetry import Telemetry
from shards.index import Index

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("backfill", store)
index = open_index(Index, store, settings)
bucket = settings.images_bucket()
s3 = boto3.client("s3", config=CONFIG)
pictures = BucketPictures(s3, bucket)


def batch(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Called with `Items`, some objects of a listing (`functions.listing`); what became of them.

    Raises Busy and Unfinished: to be called again.
    """
    with telemetry.invocation(context) as said:
        # a map that makes no batches hands over one object as it is
        items = event.get("Items", [event])
        done = add(index, listed(items, bucket), pictures, readers=settings.readers, is_over=lambda: _is_over(context))
        for one in done.failures:
            telemetry.log.warning("not added", extra={"key": one.key, "reason": one.reason, "error": one.message})
        said |= {"added": done.added, "unchanged": done.unchanged, "skipped": done.skipped, "failed": done.failed}
        telemetry.measure("ImagesAdded", done.added)
        telemetry.measure("Skipped", done.skipped)
        telemetry.measure("Failed", done.failed)
        return done.document()


def progress(event: CountRequest, context: Context) -> dict[str, Any]:
    """How many pictures of the bucket, or below a prefix, are in the index as they are now.

    An answer whose `next` is not null is not all: call again with it as `so_far`.
    """
    with telemetry.invocation(context) as said:
        so_far = Progress(**event.get("so_far", {}))
        listing = pages(s3, bucket, event.get("prefix", ""), so_far.next)
        counted = asdict(count(index, listing, so_far, lambda: _is_over(context)))
        said |= counted
        return counted


def _is_over(context: Context) -> bool:
    return context.get_remaining_time_in_millis() < settings.reserve * 1e3
