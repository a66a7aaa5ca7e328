"""Events of an existing bucket: sent to the queue of a stack, beside those that the bucket sends already.

`python -m infra.notifications add BUCKET QUEUE_ARN [PREFIX]`, or `remove` with the same words, or `eventbridge BUCKET`.

S3 keeps all notifications of a bucket in one document, and takes a new one only as a whole: so the others are read
first, and written again as they are. It refuses a document in which one event of one object goes to two places; for a
bucket whose events are taken, there are EventBridge and SNS (docs/aws.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import boto3

EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
"""What happens to an object. One that a lifecycle rule expires is not removed, to S3: it has events of its own."""

KINDS = {
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
"""The lists of a document, each with the field that says where its events go."""

USAGE = (
    "usage: python -m infra.notifications add BUCKET QUEUE_ARN [PREFIX] | remove BUCKET QUEUE_ARN [PREFIX] |"
    " eventbridge BUCKET"
)

Notifications = Mapping[str, Any]
"""A NotificationConfiguration of S3."""


class EventsTaken(Exception):
    """Some of the events go somewhere else already, and S3 sends each to one place only."""


def main() -> None:
    """Change the notifications, with the credentials and the region of the environment."""
    s3 = boto3.client("s3")

    def change(bucket: str, changed: Notifications, before: Notifications) -> None:
        if changed != before:
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=changed)

    def before(bucket: str) -> Notifications:
        found: dict[str, Any] = s3.get_bucket_notification_configuration(Bucket=bucket)
        found.pop("ResponseMetadata", None)
        return found

    match sys.argv[1:]:
        case ["add", bucket, queue, *rest] if len(rest) <= 1:
            try:
                change(bucket, added(before(bucket), queue, *rest), before(bucket))
            except EventsTaken as error:
                sys.exit(f"bucket {bucket}: {error}")
        case ["remove", bucket, queue, *rest] if len(rest) <= 1:
            change(bucket, removed(before(bucket), queue, *rest), before(bucket))
        case ["eventbridge", bucket]:
            change(bucket, with_eventbridge(before(bucket)), before(bucket))
        case _:
            sys.exit(USAGE)


def added(notifications: Notifications, queue: str, prefix: str = "") -> Notifications:
    """Return the notifications with all kinds of events sent to this queue, once each.

    With a prefix, only those of objects whose key begins with it. Raises EventsTaken.
    """
    others = removed(notifications, queue, prefix)
    taken = sorted(set(_taken(others, prefix)))
    if taken:
        raise EventsTaken(
            f"{'; '.join(taken)}. S3 sends an event of an object to one place only. Deploy with"
            " --param=images-eventbridge=true and run 'python -m infra.notifications eventbridge' for this bucket,"
            " which leaves its notifications as they are; or have them sent to an SNS topic, and deploy with"
            " --param=images-topic=ARN"
        )
    ours: dict[str, Any] = {"Id": _id(queue), "QueueArn": queue, "Events": list(EVENTS)}
    if prefix:
        ours["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    return {**others, "QueueConfigurations": [*others.get("QueueConfigurations", ()), ours]}


def removed(notifications: Notifications, queue: str, prefix: str = "") -> Notifications:
    """Return the notifications without those of `added` or of the stack that made the bucket; others stay."""
    queues = [one for one in notifications.get("QueueConfigurations", ()) if not _is_ours(one, queue, prefix)]
    rest = {kind: said for kind, said in notifications.items() if kind != "QueueConfigurations"}
    return {**rest, "QueueConfigurations": queues} if queues else rest


def with_eventbridge(notifications: Notifications) -> Notifications:
    """Return the notifications with all events told to EventBridge as well, which S3 always allows."""
    return {**notifications, "EventBridgeConfiguration": {}}


def _taken(notifications: Notifications, prefix: str) -> Iterator[str]:
    """Yield what goes somewhere else, of the events of objects whose key begins with `prefix`."""
    families = {_family(event) for event in EVENTS}
    for kind, target in KINDS.items():
        for one in notifications.get(kind, ()):
            theirs = _rules(one).get("prefix", "")
            if theirs.startswith(prefix) or prefix.startswith(theirs):
                for event in one["Events"]:
                    if _family(event) in families:
                        yield f"{event} goes to {one[target]} already"


def _family(event: str) -> str:
    """Return the kind of an event without its detail: ObjectCreated of s3:ObjectCreated:Put."""
    return event.split(":")[1]


def _rules(one: Notifications) -> dict[str, str]:
    """Return the beginning and the end that keys must have, as far as there are any: by `prefix` and `suffix`."""
    rules = one.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return {rule["Name"].lower(): rule["Value"] for rule in rules}


def _is_ours(one: Notifications, queue: str, prefix: str) -> bool:
    """Return whether lookalike made a notification. Those of a bucket that a stack made have other names.

    S3 takes no event for one queue twice, so these have to go before the events are added.
    """
    if one.get("Id") == _id(queue):
        return True
    of_part = {"prefix": prefix} if prefix else {}
    return one["QueueArn"] == queue and set(one["Events"]) <= set(EVENTS) and _rules(one) == of_part


def _id(queue: str) -> str:
    return f"lookalike: {queue.rpartition(':')[2]}"


if __name__ == "__main__":
    main()
