"""From keys to records: originals are read, and their signatures computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol, TypeAlias

from lookalike.ingest.original import Content, OriginalArchived, Originals
from lookalike.ingest.outcome import Failure, Outcome
from shards.errors import PictureError, QueryError
from shards.table.format.records import Order, Record, meta_bytes

IsOver: TypeAlias = Callable[[], bool]
"""Returns whether the time is over: nothing more is begun or waited for, and what is ready is written."""

TICK = 0.1
"""Seconds after which it is asked again, while pictures are at work."""


class MakeRecord(Protocol):
    """Computes the signatures of an encoded picture, and returns its record, as `Index.sign` does."""

    def __call__(
        self, key: str, image: bytes, meta: Mapping[str, Any] | None, *, source: Mapping[str, Any], order: Order
    ) -> Record:
        """Return the record. Raises PictureError."""
        ...


@dataclass(slots=True)
class RecordReader:
    """Makes records of originals as they are now.

    Several originals are read at once, since that is waiting. Their signatures are computed one after another: a
    function has one processor, and a decoded picture may have 300 MB.
    """

    originals: Originals
    make_record: MakeRecord

    max_bytes: int
    """Larger originals are refused without being read."""

    readers: int
    """Originals that are read at once."""

    tick: float = TICK
    _computing: Lock = field(default_factory=Lock, init=False)

    def outcomes(self, wanted: Mapping[str, Order | None], is_over: IsOver) -> list[Outcome]:
        """Return what becomes of each of these, in their order; whatever is wrong with one stops no other.

        They are begun in this order, too. Returns soon after the time is over, whatever is under way then: an original
        that a store does not hand over, or a picture that takes long, is left, and its thread ends when it can.

        `wanted`: by key, the order of the record. `None` stands for the time of the original's last change,
        which is no later than that of any event of this state: S3 cuts LastModified to seconds, and stamps events when
        they are over. So what happens to the object from now on wins, whenever it is told.
        """
        pool = ThreadPoolExecutor(self.readers)
        try:
            begun = [pool.submit(self._outcome, key, order, is_over) for key, order in wanted.items()]
            pending = set(begun)
            while pending and not is_over():
                pending = wait(pending, self.tick).not_done
            return [future.result() if future.done() else "left" for future in begun]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _outcome(self, key: str, order: Order | None, is_over: IsOver) -> Outcome:
        try:
            if is_over():
                return "left"
            content = self.originals.read(key, self.max_bytes)
            if content is None:
                return "gone"
            original = content.original
            if content.data is None:
                limit = f"the limit is {self.max_bytes:,}"
                raise PictureError("too_large_bytes", f"the object has {original.size:,} bytes, {limit}")
            _check_meta(content)
            with self._computing:
                if is_over():
                    return "left"
                order = order or (original.mtime_ns, 0)
                return self.make_record(key, content.data, content.meta, source=original.source, order=order)
        except OriginalArchived:
            return "archived"
        except Exception as error:
            return Failure.of(key, error)


def _check_meta(content: Content) -> None:
    """Raise PictureError for metadata that no record can keep: the write of all others would fail with it."""
    try:
        meta_bytes(content.meta, content.original.source)
    except QueryError as error:
        raise PictureError("metadata", f"{content.original.path}: {error}") from error
