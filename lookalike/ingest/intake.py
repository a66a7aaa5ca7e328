"""From changes in a bucket to one log object: each changed object is read as it is now.

An event only says where to look. A record is made of what the object is when it is read, or of its absence, and the
event gives it the time: so late, doubled and reordered events end in what the bucket holds. If an object is no picture
that can be indexed, the image of what it replaced is deleted from the index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from lookalike.ingest.original import is_picture_name
from lookalike.ingest.outcome import Failure, Outcome
from lookalike.ingest.reading import IsOver, RecordReader
from lookalike.ingest.writer import Writer
from shards.errors import KeyInvalid, LookalikeError, PictureError, QueryError
from shards.table.format.records import Order, Record

TOO_LARGE = frozenset({"too_large_bytes", "too_many_pixels"})
"""Reasons of a PictureError that nobody wants to hear again: these are no mistakes, only nothing for this index."""

UNCERTAIN = frozenset({"crashed", "error", "memory", "timeout"})
"""Reasons that may lie in the moment or in our code, not in the picture: a later try of the same event may succeed, and
its record could not win against a delete of the same order."""


OF_A_RECORD = (KeyInvalid, QueryError)
"""Errors of a write that say that something is wrong with a record. So may an error that is none of ours."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of taking in changes."""

    records: tuple[Record, ...]
    """Those that were written, deletes among them."""

    skipped: int
    """Keys that are no pictures by their name, pictures that are too large, and those in an archive."""

    archived: tuple[str, ...]
    """Keys of the last of these. The index keeps what it has of them."""

    failures: tuple[Failure, ...]
    """Originals that could not be added."""

    failed: frozenset[str]
    """Keys whose change has to be told again, since something went wrong."""

    left: frozenset[str]
    """Keys whose change has to be told again, since the time was over: nothing is wrong with them."""

    write_error: Exception | None = None
    """Why something was not written, if so."""


def take_in(index: Writer, reader: RecordReader, changes: Mapping[str, Order], is_over: IsOver) -> Taken:
    """Write what the objects of these keys are now, each with the order of its last change.

    They are read in the order of `changes`, so those that have waited longest come first. The records are written by
    key: the same changes make the same log object.
    """
    pictures = {key: order for key, order in changes.items() if is_picture_name(key)}
    outcomes = dict(zip(pictures, reader.outcomes(pictures, is_over), strict=True))
    records: list[Record] = []
    failures: list[Failure] = []
    skipped = len(changes) - len(pictures)
    for key, outcome in sorted(outcomes.items(), key=itemgetter(0)):
        record = _record(key, pictures[key], outcome)
        if record is not None:
            records.append(record)
        if isinstance(outcome, Failure):
            if outcome.reason in TOO_LARGE:
                skipped += 1
            else:
                failures.append(outcome)
    archived = tuple(sorted(key for key, outcome in outcomes.items() if outcome == "archived"))
    written, error = _write(index, records)
    unwritten = {record.key for record in records}.difference(record.key for record in written)
    return Taken(
        tuple(written),
        skipped + len(archived),
        archived,
        tuple(failures),
        frozenset(failure.key for failure in failures) | unwritten,
        frozenset(key for key, outcome in outcomes.items() if outcome == "left"),
        error,
    )


def _write(index: Writer, records: Sequence[Record]) -> tuple[Sequence[Record], Exception | None]:
    """Write these records, and return those that are written, with the first error if that is not all.

    Where a record is what fails, halves are written until that one is alone.
    """
    try:
        index.write(records)
    except Exception as error:
        is_of_a_record = not isinstance(error, LookalikeError) or isinstance(error, OF_A_RECORD)
        if not is_of_a_record or len(records) < 2:
            return (), error
        halves = [_write(index, half) for half in (records[: len(records) // 2], records[len(records) // 2 :])]
        return [record for written, _ in halves for record in written], error
    return records, None


def _record(key: str, order: Order, outcome: Outcome) -> Record | None:
    """Return what to write: the delete of an image whose object is gone or no picture; `None` if that is not known."""
    if isinstance(outcome, Record):
        return outcome
    if isinstance(outcome, Failure):
        is_no_picture = isinstance(outcome.error, PictureError) and outcome.reason not in UNCERTAIN
        return Record(key, order, deleted=True) if is_no_picture else None
    return Record(key, order, deleted=True) if outcome == "gone" else None
