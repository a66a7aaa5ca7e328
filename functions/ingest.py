"""Adds to the index what happens in the image bucket: S3 tells a queue, and the queue calls this with a batch."""

from __future__ import annotations

import boto3

from functions import calls
from functions.events import Batch, Context, Failures, failures
from functions.intake import Intake
from functions.opening import counted_store, open_index
from functions.pictures import CONFIG, BucketPictures
from functions.settings import Settings
from functions.telemetry import Telemetry
from functions.throttle import Throttle
from shards.errors import StorageError
from shards.index import Index

CALL_SECONDS = 10.0
"""Having a function started takes no longer."""

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("ingest", store)
index = open_index(Index, store, settings)
bucket = settings.images_bucket()
intake = Intake(
    index,
    BucketPictures(boto3.client("s3", config=CONFIG), bucket),
    bucket,
    telemetry,
    readers=settings.readers,
    reserve=settings.reserve,
)
functions = boto3.client("lambda", config=calls.config(CALL_SECONDS, 1)) if settings.compact_function else None


def nudge() -> None:
    """Have the compactor come early. It comes by itself too, so there is no harm where that fails."""
    if functions is not None:
        try:
            calls.start(functions, settings.compact_function)
        except StorageError as error:
            telemetry.log.warning("the compactor was not called", extra={"error": str(error)})


throttle = Throttle(index.pressure, nudge, settings.hold)


def handler(event: Batch, context: Context) -> Failures:
    """Called by the queue; the messages that are not in the answer are done with."""
    with telemetry.invocation(context) as said:
        said["held_seconds"] = throttle.wait()
        return failures(intake.add(event, lambda: context.get_remaining_time_in_millis() / 1e3, said))
