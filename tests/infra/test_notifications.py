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
        {"Id": "backup", "QueueArn": "arn:aws:sqs:us-east-1:123456789012:backup", "Events": ["s3:ObjectCreated:Put"]}
    ],
    "TopicConfigurations": [
        {"Id": "news", "TopicArn": "arn:aws:sns:us-east-1:123456789012:news", "Events": ["s3:ObjectRemoved:Delete"]}
    ],
}


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


def test_a_bucket_that_a_stack_made_sends_each_event_once_to_the_next_one() -> None:
    made = [{"Id": f"of the template, {event}", "QueueArn": QUEUE, "Events": [event]} for event in notifications.EVENTS]
    (one,) = notifications.added({"QueueConfigurations": made}, QUEUE)["QueueConfigurations"]
    assert one["Events"] == list(notifications.EVENTS)
    assert notifications.removed({"QueueConfigurations": made}, QUEUE) == {}


def test_a_part_that_somebody_else_sends_to_the_same_queue_stays() -> None:
    part = {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "holiday/"}]}}}
    theirs = {"Id": "theirs", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"], **part}
    assert notifications.removed({"QueueConfigurations": [theirs]}, QUEUE) == {"QueueConfigurations": [theirs]}


def test_wrong_words_are_answered_with_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"usage: .* add\|remove BUCKET QUEUE_ARN"):
        run(monkeypatch, "list")
