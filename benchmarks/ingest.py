"""The function that adds uploads, in a stand-in for AWS, beside computing signatures alone: what bucket and queue cost.

One worker, of which AWS runs as many as the uploads need.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from botocore.config import Config
from PIL import Image, ImageOps

from benchmarks.measure import Result
from benchmarks.signatures import PICTURES
from infra.stack import Stack
from lookalike import Index

SIDES = {512: 5_000, 1600: 500}
"""Pixels of the longer side, of a preview, and of a photo as messengers send it; and how many of each are added."""

BATCH = 100
"""Number of messages of one call, as in serverless.yml."""

PORT = 4577
"""Another port than that of `make aws-local`, which may run."""

OVERHEAD = 1.25
"""What a picture may take in all, as a multiple of signing it. Asking S3 for an object costs a client of AWS for Python
1 to 2 ms of processor time, whatever its size, so that a preview takes relatively more."""


def run() -> list[Result]:
    """Measure each size: seconds of a picture in the function and alone, the medians of alternating batches."""
    with _deployed() as stack:
        return [_measured(stack, side, count) for side, count in SIDES.items()]


def _measured(stack: Stack, side: int, count: int) -> Result:
    pictures = {f"{side}/{number:04}.jpg": data for number, data in enumerate(_crops(side, count + BATCH))}
    outputs, index = stack.outputs(), Index.create("memory://")
    s3 = stack.client("s3")
    for key, data in pictures.items():
        s3.put_object(Bucket=outputs["ImagesBucket"], Key=key, Body=data)
    client = stack.client("lambda", config=Config(read_timeout=600, retries={"total_max_attempts": 1}))
    in_function: list[float] = []
    alone: list[float] = []
    keys = list(pictures)
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        took = _timed_call(client, f"{stack.name}-ingest", outputs["ImagesBucket"], some)
        began = time.perf_counter()
        for key in some:
            index.sign(key, pictures[key])
        # the first one started the worker
        if start:
            in_function.append(took / len(some))
            alone.append((time.perf_counter() - began) / len(some))
    lost = len(pictures.keys() - {image.key for image in Index.open(outputs["IndexUrl"]).list()})
    ours, signing = statistics.median(in_function), statistics.median(alone)
    return Result(
        f"add an uploaded picture of {side:,} px, one worker",
        ours,
        "signing alone",
        signing,
        f"{1 / ours:.1f} pictures/s, {1 / signing:.1f} signed alone; {lost} of {len(pictures):,} are lost",
        f"at most {OVERHEAD} times signing, nothing lost",
        not lost and ours <= OVERHEAD * signing,
    )


def _crops(side: int, count: int) -> Iterator[bytes]:
    """Return real pictures, each cropped in its own way, then resized to this size."""
    chance = random.Random(1)
    originals = [Image.open(path).convert("RGB") for path in sorted(PICTURES.glob("*.jpg"))]
    for number in range(count):
        original = originals[number % len(originals)]
        width, height = original.size
        left, top = chance.randrange(width // 5), chance.randrange(height // 5)
        cropped = original.crop((left, top, left + width * 4 // 5, top + height * 4 // 5))
        encoded = BytesIO()
        ImageOps.contain(cropped, (side, side)).save(encoded, "JPEG", quality=90)
        yield encoded.getvalue()


@contextmanager
def _deployed() -> Iterator[Stack]:
    """Deploy a stack in which nobody else calls the function."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack", PORT, "bench")
        before = dict(os.environ)
        os.environ.update(stack.environment)
        try:
            stack.start()
            stack.deploy()
            client = stack.client("lambda")
            (mapping,) = client.list_event_source_mappings(FunctionName=f"{stack.name}-ingest")["EventSourceMappings"]
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
            yield stack
        finally:
            stack.stop()
            os.environ.clear()
            os.environ.update(before)


def _timed_call(client: Any, function: str, bucket: str, keys: list[str]) -> float:
    """Return the seconds of a call with the events of these objects. Raises RuntimeError if it does not add all."""
    batch = {"Records": [_message(bucket, key) for key in keys]}
    began = time.perf_counter()
    answer = client.invoke(FunctionName=function, Payload=json.dumps(batch).encode())
    said = json.loads(answer["Payload"].read())
    took = time.perf_counter() - began
    if said != {"batchItemFailures": []}:
        raise RuntimeError(f"{function} answered {json.dumps(said)[:500]}")
    return took


def _message(bucket: str, key: str) -> Mapping[str, str]:
    """Return the message of the queue about an object that was put into the bucket."""
    happened = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0055AED6DCD90281E5"}},
    }
    return {"messageId": key, "body": json.dumps({"Records": [happened]})}
