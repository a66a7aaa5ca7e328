"""Events of AWS, as far as the functions read them.

Sources: S3, "Event message structure" (version 2.x); Lambda, "Using Lambda with Amazon SQS" and "Reporting batch item
failures"; API Gateway, "Working with AWS Lambda proxy integrations for HTTP APIs" (payload format 2.0).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, Protocol, TypedDict
from urllib.parse import unquote_plus

from shards.errors import LookalikeError
from shards.table.format.records import Order

SEQUENCER_DIGITS = 18
"""Hex digits of the sequencers that S3 sends, of which the first two have always been zeros: 16 of them are 64 bits."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ORDERS = range(1 << 64)
"""Times that an order can have, in ns: 1970 to 2554."""


class Context(Protocol):
    """An invocation, as Lambda describes it."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def ending(context: Context, reserve: float) -> Callable[[], bool]:
    """Return what says whether the time is over: the last `reserve` seconds are for what is under way."""
    return lambda: context.get_remaining_time_in_millis() < reserve * 1e3


class Message(TypedDict):
    """One message of a queue."""

    messageId: str
    body: str


class QueueBatch(TypedDict):
    """The messages that a queue hands over in one call: 1 to 10,000."""

    Records: list[Message]


class MessageAgain(TypedDict):
    """A message that stays in the queue."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The answer to a batch: messages that are not in it are deleted from the queue."""

    batchItemFailures: list[MessageAgain]


class Bucket(TypedDict):
    """The bucket of an object, in a notification."""

    name: str


class Object(TypedDict):
    """An object, as a notification describes it. `key`: encoded as in a form. `sequencer`: hex, of any length."""

    key: str
    size: NotRequired[int]
    sequencer: NotRequired[str]


class Place(TypedDict):
    """The object of a notification."""

    bucket: Bucket
    object: Object


class Notification(TypedDict):
    """One record of S3's event: something happened to one object."""

    eventSource: str
    eventName: str
    eventTime: str
    s3: Place


class Http(TypedDict):
    """The request line of a request to an HTTP API, and its sender."""

    method: str
    path: str
    sourceIp: str


class RequestContext(TypedDict):
    """The way by which a request came to an HTTP API."""

    http: Http
    requestId: str
    stage: str


class HttpRequest(TypedDict):
    """A request to an HTTP API, payload format 2.0. `body`: base64 where it is binary."""

    version: str
    rawPath: str
    rawQueryString: str
    headers: dict[str, str]
    requestContext: RequestContext
    body: NotRequired[str]
    isBase64Encoded: bool


class HttpResponse(TypedDict):
    """The answer to an HttpRequest."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


class MergeRequest(TypedDict):
    """A merge that the compactor asks of a worker: one of `Index.due_merges`."""

    segments: list[str]


class MergeResponse(TypedDict):
    """The answer to a MergeRequest. `merged`: a `Merged` as JSON; null if somebody else was faster."""

    merged: dict[str, Any] | None


class CountRequest(TypedDict):
    """A prefix to count the pictures of. `so_far`: the answer of the call before."""

    prefix: NotRequired[str]
    so_far: NotRequired[dict[str, Any]]


class EventInvalid(LookalikeError):
    """A message that is no notification of S3: nothing can be done about it here."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one object, which may be new, overwritten or gone."""

    bucket: str
    key: str
    order: Order


def changes(message: Message) -> list[Change]:
    """Return the changes that a message of the queue tells of. Raises EventInvalid.

    S3 sends one change in a message, and a test message when notifications are set up, which says nothing.
    """
    try:
        body: Any = json.loads(message["body"])
        if body.get("Event") == "s3:TestEvent":
            return []
        return [_change(record) for record in body["Records"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EventInvalid(
            f"message {message['messageId']} is no notification of S3 ({type(error).__name__}: {error}); its queue is"
            f" for nothing else. It begins with {message['body'][:200]!r}"
        ) from error


def _change(record: Notification) -> Change:
    if record["eventSource"] != "aws:s3":
        raise ValueError(f"eventSource is {record['eventSource']!r}")
    place = record["s3"]
    # as in a form: a blank is a plus sign, and all that is not ASCII is percent-encoded UTF-8
    key = unquote_plus(place["object"]["key"], errors="strict")
    bucket = place["bucket"]["name"]
    if not isinstance(bucket, str):
        raise TypeError(f"the bucket's name is {bucket!r}")
    happened = datetime.fromisoformat(record["eventTime"])
    nanoseconds = (happened - EPOCH) // timedelta(microseconds=1) * 1000
    if nanoseconds not in ORDERS:
        raise ValueError(f"eventTime is {record['eventTime']!r}")
    return Change(bucket, key, (nanoseconds, tie_break(place["object"].get("sequencer", ""))))


def tie_break(sequencer: str) -> int:
    """Return S3's sequencer as 64 bits: the later of two events of one key has the greater one.

    Sequencers differ in length; S3 compares them as texts, with zeros at the end of the shorter one.
    """
    return int(sequencer.ljust(SEQUENCER_DIGITS, "0")[:SEQUENCER_DIGITS], 16) & (1 << 64) - 1
