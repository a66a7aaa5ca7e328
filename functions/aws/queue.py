"""Batches of a queue that tells what happens in the image bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from functions.aws.events import BatchResponse, Message, QueueBatch
from functions.aws.image_folder import ImageFolder
from functions.aws.notifications import Change, EventInvalid, changes
from functions.aws.telemetry import Telemetry
from lookalike.ingest.intake import Taken, take_in
from lookalike.ingest.original import ARCHIVED_HELP
from lookalike.ingest.reading import IsOver, RecordReader
from lookalike.ingest.writer import Writer
from shards.table.format.records import Order

TOLD = 20
"""Keys of archived objects that one line of the log names."""


@dataclass(frozen=True, slots=True)
class Again:
    """Ids of the messages of a batch that have to come again."""

    failed: frozenset[str]
    """Those with which something went wrong."""

    left: frozenset[str]
    """Those for which there was no time."""

    @property
    def ids(self) -> frozenset[str]:
        return self.failed | self.left


@dataclass(slots=True)
class QueueReader:
    """Adds to one index what a queue says of one bucket, or of a folder of it."""

    index: Writer
    reader: RecordReader
    folder: ImageFolder
    telemetry: Telemetry
    now_ns: Callable[[], int] = time.time_ns

    def add(self, batch: QueueBatch, is_over: IsOver, facts: dict[str, Any]) -> Again:
        """Write what these messages lead to, and return those that have to come again. `facts` gets counts for the log.

        What was handed out most often is read first: a message that was left before is not left again.
        """
        orders, messages, invalid = self._read(batch)
        taken = take_in(self.index, self.reader, orders, is_over)
        for failure in taken.failures:
            self.telemetry.warn_of(failure)
        if taken.write_error is not None:
            self.telemetry.warn("not everything was written", error=repr(taken.write_error))
        if taken.archived:
            self.telemetry.warn(
                "archived", keys=taken.archived[:TOLD], archived=len(taken.archived), help=ARCHIVED_HELP
            )
        failed = invalid.union(*(messages[key] for key in taken.failed))
        left = frozenset[str]().union(*(messages[key] for key in taken.left)) - failed
        facts.update(self._measure(taken, len(failed)), left=len(left), messages=len(batch["Records"]))
        return Again(frozenset(failed), left)

    def _read(self, batch: QueueBatch) -> tuple[dict[str, Order], dict[str, set[str]], set[str]]:
        """Return by key the highest order, and the ids of messages about it; and the ids of invalid messages."""
        orders: dict[str, Order] = {}
        messages: dict[str, set[str]] = {}
        invalid: set[str] = set()
        for message in sorted(batch["Records"], key=_times_received, reverse=True):
            try:
                for change in self._of_bucket(changes(message)):
                    orders[change.key] = max(change.order, orders.get(change.key, change.order))
                    messages.setdefault(change.key, set()).add(message["messageId"])
            except EventInvalid as error:
                invalid.add(message["messageId"])
                self.telemetry.warn("not understood", error=str(error))
        return orders, messages, invalid

    def _of_bucket(self, told: list[Change]) -> list[Change]:
        """Return the changes of what is indexed. Others of the bucket are told where a subscription is wider."""
        for change in told:
            if change.bucket != self.folder.bucket:
                raise EventInvalid(
                    f"{change.key!r} is in bucket {change.bucket}, and what is indexed here is {self.folder.bucket}: "
                    "two buckets in one index would overwrite each other's keys; deploy a stage for each"
                )
        return [change for change in told if self.folder.has(change.key)]

    def _measure(self, taken: Taken, failed: int) -> dict[str, int]:
        added = [record for record in taken.records if not record.deleted]
        now = self.now_ns()
        for record in added:
            self.telemetry.measure("UploadToSearchable", max(0, now - record.order[0]) / 1e6)
        deleted = len(taken.records) - len(added)
        self.telemetry.measure("ImagesAdded", len(added))
        self.telemetry.measure("ImagesDeleted", deleted)
        self.telemetry.measure("Skipped", taken.skipped)
        self.telemetry.measure("Failed", failed)
        return {"added": len(added), "deleted": deleted, "skipped": taken.skipped, "failed": failed}


def response(again: Collection[str]) -> BatchResponse:
    """Return the answer to a batch of which the messages with these ids have to come again."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(again)]}


def _times_received(message: Message) -> int:
    times = message.get("attributes", {}).get("ApproximateReceiveCount", "1")
    return int(times) if times.isdecimal() else 1
