"""Adds to the index what happens in the image bucket: S3 tells a queue, and the queue calls this with a batch."""

from __future__ import annotations

import boto3

from functions.aws.events import Batch, Context, Failures, failures
from functions.aws.opening import counted_store, open_index
from functions.aws.pictures import CONFIG, BucketPictures
from functions.aws.settings import Settings
from functions.aws.signing import SafeSigner
from functions.aws.telemetry import Telemetry
from functions.aws.throttle import Throttle
from functions.aws.waker import caller
from lookalike.index import Index
from lookalike.ingest.intake import Intake

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("ingest", store)
index = open_index(Index, store, settings)
bucket = settings.images_bucket()
intake = Intake(
    index,
    BucketPictures(boto3.client("s3", config=CONFIG), bucket),
    SafeSigner(index, settings),
    bucket,
    telemetry,
    readers=settings.readers,
    reserve=settings.reserve,
)
throttle = Throttle(index.pressure, caller(settings, telemetry.log) or (lambda: None), settings.hold)


def handler(event: Batch, context: Context) -> Failures:
    """Called by the queue; the messages that are not in the answer are done with."""
    with telemetry.invocation(context) as said:
        said["held_seconds"] = throttle.wait()
        return failures(intake.add(event, lambda: context.get_remaining_time_in_millis() / 1e3, said))
