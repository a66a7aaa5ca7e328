"""The body of a message from the queue of S3's events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from functions.aws.notifications import EventInvalid, changes
from lookalike import Record, Records
from tests.torture.corruption.crafting import changed
from tests.torture.fuzzing.target import Mutation, Target

EVENTS = Path(__file__).parents[2] / "events"


def check(data: bytes) -> None:
    """What is no notification is an EventInvalid; what is one can be written to an index."""
    message = {"messageId": "0", "body": data.decode("utf-8", "replace")}
    try:
        told = changes(message)  # type: ignore[arg-type]
    except EventInvalid:
        return
    for change in told:
        assert isinstance(change.bucket, str)
        assert isinstance(change.key, str)
        Records.of([Record(change.key, change.order, deleted=True)], [])


def seeds() -> Sequence[bytes]:
    bodies = []
    for path in sorted(EVENTS.glob("*.json")):
        event = json.loads(path.read_text(encoding="utf-8"))
        bodies += [record["body"] for record in event.get("Records", ()) if "body" in record]
        if path.name.startswith(("s3_", "sns_", "eventbridge_", "object_lambda")):
            bodies.append(json.dumps(event))
    return [body.encode() for body in bodies]


def mutate(data: bytes, plain: Mutation, random: Random) -> bytes:
    """Change a value of the document, so that it stays one."""
    if random.random() < 0.5:
        return plain(data)
    try:
        return json.dumps(changed(json.loads(data), random), separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return plain(data)


TOKENS = (
    b'"eventTime"',
    b'"sequencer"',
    b'"key"',
    b"-0001",
    b"9999-12-31T23:59:59Z",
    b"1600-01-01",
    b"%ff",
    b"\\ud800",
)

TARGET = Target(check, seeds, TOKENS, mutate, longest=8_000)
