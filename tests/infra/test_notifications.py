"""A bucket that has other listeners keeps them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import notifications

QUEUE = "arn:aws:sqs:us-east-1:123456789012:lookalike-prod-uploads"
OTHERS = {
    "EventBridgeConfiguration": {},
    "QueueConfigurations": [
        {"Id": "backup", "QueueArn": "arn:aws:sqs:us-east-1:123456789012:backup", "Events": ["s3:ObjectRestore:*"]}
    ],
    "TopicConfigurations": [
        {"Id": "news", "TopicArn": "arn:aws:sns:us-east-1:123456789012:news", "Events": ["s3:ObjectTagging:Put"]}
    ],
}


def of_prefix(prefix: str) -> dict[str, Any]:
    return {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="pictures")
        boto3.client("sqs").create_queue(QueueName="lookalike-prod-uploads")
        yield client


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["notifications", *words])
    notifications.main()


def of_bucket(s3: Any) -> Any:
    found = s3.get_bucket_notification_configuration(Bucket="pictures")
    del found["ResponseMetadata"]
    return found


def test_events_are_sent_from_now_on_and_twice_is_once(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        run(monkeypatch, "add", "pictures", QUEUE)
        (one,) = of_bucket(s3)["QueueConfigurations"]
        assert (one["QueueArn"], one["Events"]) == (QUEUE, list(notifications.EVENTS))
    run(monkeypatch, "remove", "pictures", QUEUE)
    assert of_bucket(s3) == {}


def test_others_keep_theirs() -> None:
    added = notifications.added(OTHERS, QUEUE)
    assert {**added, "QueueConfigurations": added["QueueConfigurations"][:1]} == OTHERS
    assert len(added["QueueConfigurations"]) == 2
    assert notifications.removed(added, QUEUE) == OTHERS


def test_what_somebody_else_sends_to_the_same_queue_stays() -> None:
    theirs = {"Id": "ours", "QueueArn": QUEUE, "Events": ["s3:ObjectRestore:*"]}
    assert notifications.removed({"QueueConfigurations": [theirs]}, QUEUE) == {"QueueConfigurations": [theirs]}


@pytest.mark.parametrize(
    ("prefix", "part"),
    [("", {}), ("", {"Filter": {"Key": {"FilterRules": []}}}), ("photos/", of_prefix("photos/"))],
)
def test_a_bucket_that_a_stack_made_sends_each_event_once_to_the_next_one(prefix: str, part: dict[str, Any]) -> None:
    made = [
        {"Id": f"of the template, {event}", "QueueArn": QUEUE, "Events": [event], **part}
        for event in notifications.EVENTS
    ]
    (one,) = notifications.added({"QueueConfigurations": made}, QUEUE, prefix)["QueueConfigurations"]
    assert one["Events"] == list(notifications.EVENTS)
    assert notifications.removed({"QueueConfigurations": made}, QUEUE, prefix) == {}


def test_a_part_that_somebody_else_sends_to_the_same_queue_stays() -> None:
    theirs = {"Id": "theirs", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"], **of_prefix("holiday/")}
    assert notifications.removed({"QueueConfigurations": [theirs]}, QUEUE) == {"QueueConfigurations": [theirs]}


def test_an_object_that_a_lifecycle_rule_expires_is_told_of(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "add", "pictures", QUEUE)
    (one,) = of_bucket(s3)["QueueConfigurations"]
    assert "s3:LifecycleExpiration:*" in one["Events"]


def test_what_an_older_version_subscribed_to_is_replaced() -> None:
    (ours,) = notifications.added({}, QUEUE)["QueueConfigurations"]
    older = {**ours, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
    assert notifications.added({"QueueConfigurations": [older]}, QUEUE) == {"QueueConfigurations": [ours]}


@pytest.mark.parametrize("prefix", ["photos/", "photos/2026/"])
def test_a_part_of_a_bucket_is_subscribed_to_by_its_prefix(
    prefix: str, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        run(monkeypatch, "add", "pictures", QUEUE, prefix)
        (one,) = of_bucket(s3)["QueueConfigurations"]
        assert one["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": prefix}]
    run(monkeypatch, "remove", "pictures", QUEUE)
    assert of_bucket(s3) == {}


FUNCTION = "arn:aws:lambda:us-east-1:1:function:their-function"
WAYS_OUT = r"goes to arn:aws:.*:their-.*images-eventbridge=true.*images-topic"

TAKEN = [
    ("QueueConfigurations", {"QueueArn": "arn:aws:sqs:us-east-1:1:their-queue", "Events": ["s3:ObjectCreated:Put"]}),
    ("TopicConfigurations", {"TopicArn": "arn:aws:sns:us-east-1:1:their-topic", "Events": ["s3:ObjectRemoved:*"]}),
    (
        "LambdaFunctionConfigurations",
        {
            "LambdaFunctionArn": "arn:aws:lambda:us-east-1:1:function:their-function",
            "Events": ["s3:LifecycleExpiration:Delete"],
        },
    ),
]
"""What S3 refuses to send to a queue as well."""


@pytest.mark.parametrize(("kind", "theirs"), TAKEN)
def test_events_that_go_somewhere_else_already_are_named(kind: str, theirs: dict[str, Any]) -> None:
    with pytest.raises(notifications.EventsTaken, match=WAYS_OUT):
        notifications.added({kind: [theirs]}, QUEUE)
    # also where only a part goes there, or only a part is asked for
    for part, prefix in [("holiday/", ""), ("", "holiday/"), ("holiday/", "holiday/2026/")]:
        with pytest.raises(notifications.EventsTaken):
            notifications.added({kind: [{**theirs, **(of_prefix(part) if part else {})}]}, QUEUE, prefix)
    apart = {kind: [{**theirs, **of_prefix("invoices/")}]}
    assert notifications.removed(notifications.added(apart, QUEUE, "photos/"), QUEUE) == apart


def test_nothing_is_changed_where_events_are_taken(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = "arn:aws:sqs:us-east-1:123456789012:theirs"
    boto3.client("sqs").create_queue(QueueName="theirs")
    before = {"QueueConfigurations": [{"Id": "x", "QueueArn": theirs, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="pictures", NotificationConfiguration=before)
    with pytest.raises(SystemExit, match=f"bucket pictures: s3:ObjectCreated:\\* goes to {theirs} already"):
        run(monkeypatch, "add", "pictures", QUEUE)
    assert of_bucket(s3) == before


def test_eventbridge_is_told_beside_whoever_is_told_already(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "add", "pictures", QUEUE)
    before = of_bucket(s3)
    run(monkeypatch, "eventbridge", "pictures")
    # moto does not say in its answer that EventBridge is told
    assert of_bucket(s3) == before
    assert notifications.with_eventbridge(before) == {**before, "EventBridgeConfiguration": {}}


def test_wrong_words_are_answered_with_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"usage: .* add BUCKET QUEUE_ARN"):
        run(monkeypatch, "list")
