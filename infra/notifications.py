"""Events of an existing bucket: sent to the queue of a stack, beside those that the bucket sends already.

`python -m infra.notifications add BUCKET QUEUE_ARN`, or `remove`. S3 keeps all notifications of a bucket in one
document, and takes a new one only as a whole: so the others are read first, and written again as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import boto3

EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")

Notifications = Mapping[str, Any]
"""A NotificationConfiguration of S3."""


def main() -> None:
    """Change the notifications, with the credentials and the region of the environment."""
    if len(sys.argv) != 4 or sys.argv[1] not in ("add", "remove"):  # its own name, and three words
        sys.exit("usage: python -m infra.notifications add|remove BUCKET QUEUE_ARN")
    action, bucket, queue = sys.argv[1:]
    s3 = boto3.client("s3")
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata", None)
    after = added(before, queue) if action == "add" else removed(before, queue)
    if after != before:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=after)


def added(notifications: Notifications, queue: str) -> Notifications:
    """Return the notifications with both kinds of events sent to this queue, once each."""
    others = removed(notifications, queue)
    queues = [*others.get("QueueConfigurations", ()), {"Id": _id(queue), "QueueArn": queue, "Events": list(EVENTS)}]
    return {**others, "QueueConfigurations": queues}


def removed(notifications: Notifications, queue: str) -> Notifications:
    """Return the notifications without those of `added` or of the stack that made the bucket; others stay."""
    queues = [one for one in notifications.get("QueueConfigurations", ()) if not _is_ours(one, queue)]
    rest = {kind: said for kind, said in notifications.items() if kind != "QueueConfigurations"}
    return {**rest, "QueueConfigurations": queues} if queues else rest


def _is_ours(one: Notifications, queue: str) -> bool:
    """Return whether lookalike made a notification. Those of a bucket that a stack made have other names.

    S3 takes no event for one queue twice, so these have to go before the events are added.
    """
    if one.get("Id") == _id(queue):
        return True
    return one["QueueArn"] == queue and set(one["Events"]) <= set(EVENTS) and "Filter" not in one


def _id(queue: str) -> str:
    return f"lookalike: {queue.rpartition(':')[2]}"


if __name__ == "__main__":
    main()
