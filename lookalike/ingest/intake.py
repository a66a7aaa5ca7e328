"""From a batch of messages to one log object: what each object that something happened to is now.

An event only says where to look. What the object is when it is read is signed, or its absence is written down, and the
event gives it the time: so late, doubled and reordered events end in what the bucket holds. Where an object is no
picture that can be indexed, the picture that it replaced is deleted from the index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from functions.aws.events import Batch, Change, EventInvalid, changes
from functions.aws.pictures import Pictures
from functions.aws.signing import Sign
from functions.aws.telemetry import Telemetry
from lookalike.index import Index
from lookalike.ingest.backlog import is_picture
from shards.errors import LookalikeError, PictureError
from shards.table.format.records import Order, Record

TOO_LARGE = frozenset({"too_large_bytes", "too_many_pixels"})
"""Reasons of a PictureError of which nobody wants to hear again: these are no mistakes, only nothing for this index."""

UNCERTAIN = frozenset({"crashed", "timeout", "memory"})
"""Reasons that may be those of the moment: the next time it may be signed, and had to win against a delete of now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one key. `record`: what to write; `problem`: why its messages have to come again."""

    key: str
    record: Record | None = None
    problem: Exception | None = None
    is_skipped: bool = False


@dataclass(slots=True)
class Intake:
    """Adds to one index what happens in one bucket.

    `sign`: as `Index.sign`. `readers`: objects that are read at once. `reserve`: seconds before the end of the call at
    which none is begun.
    """

    index: Index
    pictures: Pictures
    sign: Sign
    bucket: str
    telemetry: Telemetry
    readers: int
    reserve: float
    now_ns: Callable[[], int] = time.time_ns
    # one decoded picture may have 300 MB, and there is one processor to sign it
    _signing: Lock = field(default_factory=Lock, init=False)

    def add(self, batch: Batch, seconds_left: Callable[[], float], said: dict[str, Any]) -> set[str]:
        """Write what these messages lead to; those that have to come again. `said`: what the log tells of it."""
        wanted, messages, again = self._wanted(batch)
        pictures = {key: order for key, order in wanted.items() if is_picture(key)}
        with ThreadPoolExecutor(self.readers) as pool:
            outcomes = list(pool.map(lambda one: self._outcome(one[0], one[1], seconds_left), sorted(pictures.items())))
        for one in outcomes:
            if one.problem is not None:
                again |= messages[one.key]
                self._tell(one)
        records = [one.record for one in outcomes if one.record is not None]
        try:
            self.index.write(records)
        except LookalikeError as error:
            self.telemetry.log.warning("nothing was written", extra={"error": str(error)})
            again.update(*(messages[record.key] for record in records))
            records = []
        skipped = len(wanted) - len(pictures) + sum(one.is_skipped for one in outcomes)
        said.update(self._measure(records, skipped, len(again)), messages=len(batch["Records"]))
        return again

    def _wanted(self, batch: Batch) -> tuple[dict[str, Order], dict[str, set[str]], set[str]]:
        """The highest order of each key, the messages that name it, and those that cannot be understood."""
        wanted: dict[str, Order] = {}
        messages: dict[str, set[str]] = {}
        bad: set[str] = set()
        for message in batch["Records"]:
            try:
                for change in self._of_bucket(changes(message)):
                    wanted[change.key] = max(change.order, wanted.get(change.key, change.order))
                    messages.setdefault(change.key, set()).add(message["messageId"])
            except EventInvalid as error:
                bad.add(message["messageId"])
                self.telemetry.log.warning("not understood", extra={"error": str(error)})
        return wanted, messages, bad

    def _of_bucket(self, found: list[Change]) -> list[Change]:
        for one in found:
            if one.bucket != self.bucket:
                raise EventInvalid(
                    f"{one.key!r} is in bucket {one.bucket}, and what is indexed here is {self.bucket}: "
                    "two buckets in one index would overwrite each other's keys; deploy a stage for each"
                )
        return found

    def _outcome(self, key: str, order: Order, seconds_left: Callable[[], float]) -> Outcome:
        if seconds_left() < self.reserve:
            return Outcome(key, problem=TimeoutError("the time is over; it comes again with another batch"))
        gone = Record(key, order, deleted=True)
        try:
            return self._read(key, order, gone)
        except PictureError as error:
            if error.reason in TOO_LARGE:
                return Outcome(key, gone, is_skipped=True)
            return Outcome(key, None if error.reason in UNCERTAIN else gone, error)
        except Exception as error:
            # whatever is wrong with one object is no reason to hold up the others
            return Outcome(key, problem=error)

    def _read(self, key: str, order: Order, gone: Record) -> Outcome:
        found = self.pictures.read(key, self.index.settings.pictures.max_bytes)
        if found is None:
            return Outcome(key, gone)
        if found.data is None:
            return Outcome(key, gone, is_skipped=True)
        source = self.pictures.source(key, found)
        with self._signing:
            return Outcome(key, self.sign(key, found.data, found.meta, source=source, order=order))

    def _tell(self, one: Outcome) -> None:
        reason = one.problem.reason if isinstance(one.problem, PictureError) else type(one.problem).__name__
        # what is not ours is a mistake in the code: there the place matters
        trace = None if isinstance(one.problem, LookalikeError | TimeoutError) else one.problem
        self.telemetry.log.warning(
            "not added", exc_info=trace, extra={"key": one.key, "reason": reason, "error": str(one.problem)}
        )

    def _measure(self, records: list[Record], skipped: int, failed: int) -> Mapping[str, int]:
        added = [record for record in records if not record.deleted]
        now = self.now_ns()
        for record in added:
            self.telemetry.measure("UploadToSearchable", max(0, now - record.order[0]) / 1e6)
        counts = {"added": len(added), "deleted": len(records) - len(added), "skipped": skipped, "failed": failed}
        self.telemetry.measure("ImagesAdded", counts["added"])
        self.telemetry.measure("ImagesDeleted", counts["deleted"])
        self.telemetry.measure("Skipped", skipped)
        self.telemetry.measure("Failed", failed)
        return counts
