"""Counts how much of the image bucket is in the index.

The state machine of the backfill calls this, and so may anybody. It only reads, and makes no index.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import boto3

from functions.aws.bucket import CONFIG
from functions.aws.events import Context, CountRequest, ending
from functions.aws.image_folder import ImageFolder
from functions.aws.listing import pages
from functions.aws.opening import counted_store, existing_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.ingest.backlog import Coverage, count

settings = Settings.from_env()
folder = ImageFolder.of(settings)
store = counted_store(settings)
telemetry = Telemetry("progress", store)
s3 = boto3.client("s3", config=CONFIG)


def handler(event: CountRequest, context: Context) -> dict[str, Any]:
    """Count the pictures of the bucket, or below a prefix, that are in the index as they are now.

    An answer whose `next` is not null is incomplete: call again with it as `so_far`.
    """
    with telemetry.invocation(context) as facts:
        so_far = Coverage(**event.get("so_far", {}))
        listing = pages(s3, folder, event.get("prefix", ""), so_far.next)
        counted = asdict(count(existing_index(store, settings), listing, so_far, ending(context, settings.reserve)))
        facts |= counted
        return counted
