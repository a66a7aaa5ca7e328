"""Adds to the index what happens in the image bucket: S3 tells a queue, and the queue calls this with a batch."""

from __future__ import annotations

import boto3

from functions.aws.bucket import CONFIG, BucketOriginals
from functions.aws.calls import compactor_wake
from functions.aws.events import BatchResponse, Context, QueueBatch, ending
from functions.aws.image_folder import ImageFolder
from functions.aws.opening import counted_store, open_index
from functions.aws.queue import QueueReader, response
from functions.aws.record_maker import record_reader
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from functions.aws.visibility import visibility
from lookalike.ingest.throttle import Throttle

settings = Settings.from_env()
folder = ImageFolder.of(settings)
store = counted_store(settings)
telemetry = Telemetry("ingest", store)
index = open_index(store, settings)
reader = record_reader(BucketOriginals(boto3.client("s3", config=CONFIG), folder.bucket), index.settings, settings)
queue = QueueReader(index, reader, folder, telemetry)
returned = visibility(settings, telemetry)
throttle = Throttle(index.pressure, compactor_wake(settings, telemetry.log) or (lambda: None), settings.hold)


def handler(event: QueueBatch, context: Context) -> BatchResponse:
    """Add a batch: the queue calls this, and deletes the messages that are not in the answer."""
    with telemetry.invocation(context) as facts:
        facts["held_seconds"] = throttle.wait()
        again = queue.add(event, ending(context, settings.reserve), facts)
        returned.tell(event, again)
        return response(again.ids)
