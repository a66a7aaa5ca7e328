"""Messages that say what happened in a bucket: from S3 itself, through a topic of SNS, or through EventBridge.

Only their place, key and time count; what an object is now is read (decision 15). So whatever a message says happened,
the object is looked at, unless its bytes cannot have changed.

Sources: S3, "Event message structure" (version 2.x) and "EventBridge event message structure"; SNS, "Fanout to Amazon
SQS queues".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from functions.aws.events import Message
from shards.errors import LookalikeError
from shards.table.format import names
from shards.table.format.records import Order

SEQUENCER_DIGITS = 18
"""Hex digits of the sequencers that S3 sends, of which the first two have always been zeros: 16 of them are 64 bits."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ORDERS = range(1 << 64)
"""Times that an order can have, in ns: 1970 to 2554."""

UNCHANGED = (
    "ObjectTagging:",
    "ObjectAcl:",
    "Replication:",
    "LifecycleTransition",
    "IntelligentTiering",
    "ObjectRestore:Post",
    "ObjectRestore:Delete",
)
"""Beginnings of events after which an object's bytes are what they were before."""

UNCHANGED_DETAILS = frozenset(
    {"Object Tags Added", "Object Tags Deleted", "Object ACL Updated", "Object Restore Initiated"}
    | {"Object Restore Expired", "Object Storage Class Changed", "Object Access Tier Changed"}
)
"""The same events, as EventBridge calls them."""


class EventInvalid(LookalikeError):
    """A message that says nothing of a bucket: nothing can be done about it here."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one object, which may be new, overwritten or gone."""

    bucket: str
    key: str
    order: Order


def changes(message: Message) -> list[Change]:
    """Return the changes that a message of the queue tells of. Raises EventInvalid, whatever is wrong with it.

    None for messages that only show that something was set up, and for changes that leave an object's bytes alone.
    """
    try:
        return _changes(_opened(json.loads(message["body"])))
    except Exception as error:  # a message comes from outside, and may fail no other
        raise EventInvalid(
            f"message {message.get('messageId')} says nothing of a bucket ({type(error).__name__}: {str(error)[:300]});"
            f" its queue is for nothing else. It begins with {str(message.get('body'))[:200]!r}"
        ) from error


def _opened(body: Any) -> Any:
    """Return what is in an envelope of SNS, which it puts around the text of a message; anything else as it is."""
    if "Type" not in body or "TopicArn" not in body:
        return body
    topic, kind = body["TopicArn"], body["Type"]
    if kind != "Notification":
        raise ValueError(f"a {kind!r} of {topic!r}: whoever made the subscription confirms it, at its SubscribeURL")
    return json.loads(body["Message"])


def _changes(body: Any) -> list[Change]:
    if body.get("Event") == "s3:TestEvent" or "getObjectContext" in body:
        # the latter is a request to an Object Lambda access point: it reads
        return []
    if "detail-type" in body:
        return [] if body["detail-type"] in UNCHANGED_DETAILS else [_of_event_bridge(body)]
    return [_of_s3(record) for record in body["Records"] if not _is_unchanged(record)]


def _is_unchanged(record: Mapping[str, Any]) -> bool:
    name: str = record["eventName"]
    return name.removeprefix("s3:").startswith(UNCHANGED)


def _of_s3(record: Mapping[str, Any]) -> Change:
    if record["eventSource"] != "aws:s3":
        raise ValueError(f"eventSource is {record['eventSource']!r}")
    place = record["s3"]
    # as in a form: a blank is a plus sign, and all that is not ASCII is percent-encoded UTF-8
    key = unquote_plus(place["object"]["key"], errors="strict")
    return _change(place, key, "eventTime", record["eventTime"])


def _of_event_bridge(event: Mapping[str, Any]) -> Change:
    if event["source"] != "aws.s3":
        raise ValueError(f"source is {event['source']!r}")
    # here the key is not encoded, and the time is that of a second
    place = event["detail"]
    return _change(place, place["object"]["key"], "time", event["time"])


def _change(place: Mapping[str, Any], key: str, field: str, time: str) -> Change:
    bucket = place["bucket"]["name"]
    if not isinstance(bucket, str):
        raise TypeError(f"the bucket's name is {bucket!r}")
    # no image of a longer key can be added, and none whose key is no UTF-8
    names.key_bytes(key)
    nanoseconds = (datetime.fromisoformat(time) - EPOCH) // timedelta(microseconds=1) * 1000
    if nanoseconds not in ORDERS:
        raise ValueError(f"{field} is {time!r}")
    return Change(bucket, key, (nanoseconds, tie_break(place["object"].get("sequencer", ""))))


def tie_break(sequencer: str) -> int:
    """Return S3's sequencer as 64 bits: the later of two events of one key has the greater one.

    Sequencers differ in length; S3 compares them as texts, with zeros at the end of the shorter one. EventBridge leaves
    out the two zeros at the beginning.
    """
    if not sequencer.isalnum() and sequencer:
        raise ValueError(f"sequencer is {sequencer!r}")
    if not sequencer.startswith("00"):
        sequencer = "00" + sequencer
    return int(sequencer.ljust(SEQUENCER_DIGITS, "0")[:SEQUENCER_DIGITS], 16)
