"""Visibility: what a call hands back comes again when the call says so, and not when the queue does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from functions.aws.queue import Again
from functions.aws.visibility import Visibility
from tests.functions.stage import Told, batch

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/images"


@dataclass
class Queue:
    """The client of a queue, with the seconds until each receipt is seen again. `failure`: what a request raises."""

    failure: Exception | None = None
    seconds: dict[str, int] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def change_message_visibility_batch(self, **asked: Any) -> Mapping[str, Any]:
        if self.failure is not None:
            raise self.failure
        assert asked["QueueUrl"] == QUEUE
        entries = asked["Entries"]
        assert len({entry["Id"] for entry in entries}) == len(entries)
        self.sizes.append(len(entries))
        self.seconds |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in entries}
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}


def told(messages: int) -> Any:
    records = batch(*["{}"] * messages)["Records"]
    return {"Records": [one | {"receiptHandle": f"receipt-{n}"} for n, one in enumerate(records, 1)]}


def again(failed: range | None = None, left: range | None = None) -> Again:
    return Again(*(frozenset(f"message-{n}" for n in numbers or ()) for numbers in (failed, left)))


def test_what_was_left_is_seen_at_once_and_what_failed_after_a_while() -> None:
    queue = Queue()
    Visibility(queue, QUEUE, 150.0, Told().telemetry).tell(told(5), again(range(1, 2), range(3, 5)))
    assert queue.seconds == {"receipt-1": 150, "receipt-3": 0, "receipt-4": 0}


def test_a_request_is_about_ten_messages_at_most() -> None:
    queue = Queue()
    Visibility(queue, QUEUE, 150.0, Told().telemetry).tell(told(100), again(left=range(1, 26)))
    assert queue.sizes == [10, 10, 5]


def test_where_nothing_comes_again_nobody_is_asked() -> None:
    queue = Queue(failure=AssertionError("asked"))
    Visibility(queue, QUEUE, 150.0, Told().telemetry).tell(told(5), again())
    Visibility(queue, "", 150.0, Told().telemetry).tell(told(5), again(left=range(1, 3)))


def test_a_queue_that_cannot_be_told_is_a_warning() -> None:
    for failure in (
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ChangeMessageVisibilityBatch"),
        EndpointConnectionError(endpoint_url="https://sqs.eu-central-1.amazonaws.com"),
    ):
        log = Told()
        Visibility(Queue(failure), QUEUE, 150.0, log.telemetry).tell(told(30), again(left=range(1, 31)))
        (line,) = log.lines()
        assert line["message"] == "the queue was not told when messages come again"
