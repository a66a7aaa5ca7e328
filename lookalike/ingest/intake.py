"""From changes in a bucket to one log object: each changed object is read as it is now.

An event only says where to look. A record is made of what the object is when it is read, or of its absence, and the
event gives it the time: so late, doubled and reordered events end in what the bucket holds. If an object is no picture
that can be indexed, the image of what it replaced is deleted from the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lookalike.ingest.original import is_picture_name
from lookalike.ingest.outcome import Failure, Outcome
from lookalike.ingest.reading import IsOver, RecordReader
from lookalike.ingest.writer import Writer
from shards.errors import LookalikeError, PictureError
from shards.table.format.records import Order, Record

TOO_LARGE = frozenset({"too_large_bytes", "too_many_pixels"})
"""Reasons of a PictureError that nobody wants to hear again: these are no mistakes, only nothing for this index."""

UNCERTAIN = frozenset({"crashed", "error", "memory", "timeout"})
"""Reasons that may lie in the moment or in our code, not in the picture: a later try of the same event may succeed, and
its record could not win against a delete of the same order."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of taking in changes."""

    records: tuple[Record, ...]
    """Those that were written, deletes among them."""

    skipped: int
    """Keys that are no pictures by their name, and pictures that are too large."""

    failures: tuple[Failure, ...]
    """Originals that could not be added."""

    again: frozenset[str]
    """Keys whose change has to be told again."""

    write_error: LookalikeError | None = None
    """Why nothing was written, if so."""


def take_in(index: Writer, reader: RecordReader, changes: Mapping[str, Order], is_over: IsOver) -> Taken:
    """Write what the objects of these keys are now, each with the order of its last change."""
    pictures = {key: order for key, order in sorted(changes.items()) if is_picture_name(key)}
    outcomes = reader.outcomes(pictures, is_over)
    records: list[Record] = []
    failures: list[Failure] = []
    skipped = len(changes) - len(pictures)
    for (key, order), outcome in zip(pictures.items(), outcomes, strict=True):
        record = _record(key, order, outcome)
        if record is not None:
            records.append(record)
        if outcome == "left":
            failures.append(Failure(key, "left", "the time is over; it comes again with another batch"))
        elif isinstance(outcome, Failure):
            if outcome.reason in TOO_LARGE:
                skipped += 1
            else:
                failures.append(outcome)
    again = frozenset(failure.key for failure in failures)
    try:
        index.write(records)
    except LookalikeError as error:
        return Taken((), skipped, tuple(failures), again.union(record.key for record in records), error)
    return Taken(tuple(records), skipped, tuple(failures), again)


def _record(key: str, order: Order, outcome: Outcome) -> Record | None:
    """Return what to write: the delete of an image whose object is gone or no picture; `None` if that is not known."""
    if isinstance(outcome, Record):
        return outcome
    if isinstance(outcome, Failure):
        is_no_picture = isinstance(outcome.error, PictureError) and outcome.reason not in UNCERTAIN
        return Record(key, order, deleted=True) if is_no_picture else None
    return Record(key, order, deleted=True) if outcome == "gone" else None
