"""Pictures and index in one bucket that somebody has already, and whose events go somewhere already."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from infra import notifications
from infra.stack import Stack
from tests.aws.conftest import deployed
from tests.aws.pictures import pictures
from tests.aws.place import Place

BUCKET = "everything"

CHOSEN = (
    f"--param=images={BUCKET}",
    "--param=images-prefix=photos/",
    "--param=images-eventbridge=true",
    f"--param=index={BUCKET}",
    "--param=index-prefix=index",
)


def somebodys(stack: Stack) -> None:
    """A bucket whose events go to a queue of its owner."""
    sqs = stack.client("sqs")
    queue = sqs.create_queue(QueueName="theirs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    theirs = {"QueueConfigurations": [{"Id": "theirs", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=theirs)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with deployed(tmp_path_factory.mktemp("shared"), "shared", *CHOSEN, prepare=somebodys) as found:
        yield found


def told(place: Place) -> set[str]:
    """The keys that the owner of the bucket was told of, of those below photos/."""
    queue = place.sqs.get_queue_url(QueueName="theirs")["QueueUrl"]
    keys = set()
    while messages := place.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            for record in json.loads(message["Body"]).get("Records", ()):
                keys.add(record["s3"]["object"]["key"])
            place.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return {key for key in keys if key.startswith("photos/")}


@pytest.mark.long
def test_pictures_are_found_beside_their_index_and_nothing_else_is(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["notifications", "add", BUCKET, place.outputs["UploadsQueue"]])
    with pytest.raises(SystemExit, match=r"s3:ObjectCreated.* goes to .*:theirs already.*images-eventbridge=true"):
        notifications.main()
    monkeypatch.setattr(sys, "argv", ["notifications", "eventbridge", BUCKET])
    notifications.main()

    place.put(pictures("photos", 6, 100) | pictures("documents", 2, 200))
    expected = place.stored("photos/")
    assert len(expected) == 6
    place.wait_until_indexed("", expected)
    # thumbnails were put into the bucket meanwhile, and log objects
    assert any("/thumbnails/" in key for key in place.stored("index/"))
    place.compact()
    place.settle()
    assert place.indexed() == expected
    assert {line["skipped"] for line in place.lines("ingest", "done")} == {0}, "nothing else reached the queue"
    assert len(told(place)) == len(expected), "its owner is told as before"

    place.delete(sorted(expected)[:2])
    kept = {key: digest for key, digest in expected.items() if key not in sorted(expected)[:2]}
    place.wait_until_indexed("", kept)
