"""The time at which messages that a call hands back are to be seen again.

A queue hides what it handed out for six times as long as a call may last, as AWS asks: Lambda holds messages while no
function is free, and what is seen again meanwhile counts as tried. That is for calls that die. What a call itself hands
back need not wait so long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.events import QueueBatch
from functions.aws.queue import Again
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry

AT_ONCE = 10
"""Messages that one request may be about."""


class Sqs(Protocol):
    """The part of boto3's SQS client that is used."""

    def change_message_visibility_batch(self, **asked: Any) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class Visibility:
    """Tells a queue when messages are to be seen again."""

    sqs: Sqs

    queue: str
    """URL of the queue; empty: none is told anything."""

    failed: float
    """Seconds until a message with which something went wrong is tried again. One that was left is seen at once."""

    telemetry: Telemetry

    def tell(self, batch: QueueBatch, again: Again) -> None:
        """Tell the queue of those that come again. Where it cannot be told, they come when the queue itself says."""
        entries = [
            {
                "Id": str(number),
                "ReceiptHandle": message["receiptHandle"],
                "VisibilityTimeout": 0 if message["messageId"] in again.left else round(self.failed),
            }
            for number, message in enumerate(batch["Records"])
            if message["messageId"] in again.ids and "receiptHandle" in message
        ]
        if not self.queue:
            return
        for start in range(0, len(entries), AT_ONCE):
            try:
                self.sqs.change_message_visibility_batch(QueueUrl=self.queue, Entries=entries[start : start + AT_ONCE])
            except (BotoCoreError, ClientError) as error:
                self.telemetry.warn("the queue was not told when messages come again", error=str(error))
                return


def visibility(settings: Settings, telemetry: Telemetry) -> Visibility:
    """Return the visibility of the queue of uploads."""
    # at the end of a call there is little time, and what fails costs no more than a wait
    config = Config(read_timeout=3, connect_timeout=2, retries={"total_max_attempts": 1})
    return Visibility(boto3.client("sqs", config=config), settings.uploads_queue, settings.again, telemetry)
