"""The backlog of a bucket, which is whatever its index has not: added, or only counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from lookalike.ingest.backpressure import BACKPRESSURE, Backpressure
from lookalike.ingest.changes import missing
from lookalike.ingest.original import ARCHIVED_HELP, Original, is_picture_name
from lookalike.ingest.outcome import Failure
from lookalike.ingest.reading import IsOver, RecordReader
from lookalike.ingest.writer import KnownImages, Writer
from shards.errors import LookalikeError, StorageError
from shards.table.format.records import Record

REPORTED_BYTES = 150_000
"""Limit on the failures in one answer: Step Functions takes 256 KiB from a call."""

EXAMPLES = 20
"""Keys that a count names: whoever wants them all compares the listings."""


class Busy(LookalikeError):
    """The index has more to fold than it should: nothing was read. Try again later."""


class Unfinished(LookalikeError):
    """The time is over, and what was computed is safe in the index. Try again at once: it goes on from there."""


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding a batch of objects."""

    added: int
    """In the index as they were when they were read, unless it knows of something later."""

    unchanged: int
    """In the index before."""

    skipped: int
    """No pictures by their names."""

    gone: int
    """Deleted since they were listed."""

    failed: int
    """Not in the index."""

    failures: tuple[Failure, ...]
    """All that failed; `document` has the first of them."""

    archived: int = 0
    """Not in the index, since they lie in an archive and cannot be read."""

    def document(self) -> dict[str, Any]:
        """Return this as JSON, with as many of the failures as an answer has room for."""
        failures = [failure.document() for failure in self.failures]
        sizes = accumulate(len(json.dumps(failure)) + 2 for failure in failures)
        room = sum(size <= REPORTED_BYTES for size in sizes)
        return {
            "added": self.added,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "gone": self.gone,
            "archived": self.archived,
            "failed": self.failed,
            "failures": failures[:room],
            **({"help": ARCHIVED_HELP} if self.archived else {}),
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """Count of what an index has of a bucket."""

    pictures: int = 0
    """Objects that were counted."""

    indexed: int = 0
    """Those that are in the index as they are now."""

    missing: int = 0
    """Those that are not, and could be."""

    examples: tuple[str, ...] = ()
    """The first keys of those."""

    next: str | None = None
    """The key after which counting goes on; `None` when all were counted."""

    archived: int = 0
    """Those that are not in the index, and lie in an archive, so that they cannot be read."""

    def plus(self, index: KnownImages | None, page: Sequence[Original]) -> Coverage:
        """Return the coverage with the next objects of the listing counted too."""
        pictures = [original for original in page if is_picture_name(original.key)]
        lacking = missing(index, pictures)
        wanted = [original.key for original in lacking if not original.is_archived]
        return Coverage(
            pictures=self.pictures + len(pictures),
            indexed=self.indexed + len(pictures) - len(lacking),
            missing=self.missing + len(wanted),
            archived=self.archived + len(lacking) - len(wanted),
            examples=(*self.examples, *wanted)[:EXAMPLES],
            next=page[-1].key if page else self.next,
        )


def add(
    index: Writer,
    objects: Sequence[Original],
    reader: RecordReader,
    is_over: IsOver,
    limits: Backpressure = BACKPRESSURE,
) -> Added:
    """Add the pictures among these objects that the index does not have, in one log object.

    What is wrong with one object stops no other. Raises Busy before anything is read, Unfinished when the time does
    not suffice, and StorageError if the index cannot be read or written, or none of the objects can: after each of
    them a call with the same objects does what is left.
    """
    pictures = [original for original in objects if is_picture_name(original.key)]
    lacking = missing(index, pictures)
    wanted = [original for original in lacking if not original.is_archived]
    if wanted:
        _refuse_if_busy(index, limits)
    outcomes = reader.outcomes(dict.fromkeys(original.key for original in wanted), is_over)
    records = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, Failure))
    _raise_what_is_no_fault_of_an_object(failures, len(outcomes))
    index.write(records)
    left = outcomes.count("left")
    if left:
        raise Unfinished(f"the time was over with {left:,} of {len(wanted):,} pictures to go; the others are done")
    return Added(
        added=len(records),
        unchanged=len(pictures) - len(lacking),
        skipped=len(objects) - len(pictures),
        gone=outcomes.count("gone"),
        # those of Intelligent-Tiering are listed like others
        archived=len(lacking) - len(wanted) + outcomes.count("archived"),
        failed=len(failures),
        failures=failures,
    )


def count(
    index: KnownImages | None, pages: Iterable[Sequence[Original]], so_far: Coverage, is_over: IsOver
) -> Coverage:
    """Count on, page by page, until the listing ends or the time is over."""
    for page in pages:
        so_far = so_far.plus(index, page)
        if is_over():
            return so_far
    return replace(so_far, next=None)


def _refuse_if_busy(index: Writer, limits: Backpressure) -> None:
    objects, size = index.pressure()
    if limits.must_wait(objects, size):
        raise Busy(f"{index.url}: {objects:,} log objects of {size:,} bytes wait to be folded: compact it, then go on")


def _raise_what_is_no_fault_of_an_object(failures: Sequence[Failure], tried: int) -> None:
    """Raise the first mistake in the code, or the store's error if no object at all could be read."""
    for failure in failures:
        if failure.error is not None and failure.is_mistake:
            raise failure.error
    errors = [failure.error for failure in failures if isinstance(failure.error, StorageError)]
    if errors and len(errors) == tried:
        raise errors[0]
