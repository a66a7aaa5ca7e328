"""Adds what the image bucket held before there was an index.

The state machine in infra/backfill.asl.yml calls this, and so may anybody. What a call did not get to is done by the
next one with the same objects: the index itself says what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3

from functions.aws.bucket import CONFIG, BucketOriginals
from functions.aws.events import Context, ending
from functions.aws.image_folder import ImageFolder
from functions.aws.listing import originals
from functions.aws.opening import counted_store, open_index
from functions.aws.record_maker import record_reader
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.ingest.backlog import add
from lookalike.ingest.original import ARCHIVED_HELP

settings = Settings.from_env()
folder = ImageFolder.of(settings)
store = counted_store(settings)
telemetry = Telemetry("backfill", store)
index = open_index(store, settings)
reader = record_reader(BucketOriginals(boto3.client("s3", config=CONFIG), folder.bucket), index.settings, settings)


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add some objects of a listing (`functions.aws.listing`), the event's `Items`, and return what became of them.

    Raises Busy and Unfinished: to be called again.
    """
    with telemetry.invocation(context) as facts:
        # a map that makes no batches hands over one object as it is
        items = event.get("Items", [event])
        done = add(index, originals(items, folder), reader, ending(context, settings.reserve))
        for failure in done.failures:
            telemetry.warn_of(failure)
        if done.archived:
            telemetry.warn("archived", archived=done.archived, help=ARCHIVED_HELP)
        facts |= {"added": done.added, "unchanged": done.unchanged, "skipped": done.skipped}
        facts |= {"archived": done.archived, "failed": done.failed}
        telemetry.measure("ImagesAdded", done.added)
        telemetry.measure("Skipped", done.skipped + done.archived)
        telemetry.measure("Failed", done.failed)
        return done.document()
