"""Imports: the rows of dumps become records, in the order of the dump, however often it is imported.

The order of a record is (the time at which this content was first imported, the number of its row). So importing the
same again changes nothing, an import that was killed goes on, and what was added or removed since then stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.index import Index
from lookalike.interchange.dump import Batch, Dump, Refused
from shards.errors import DumpUnreadable, IndexNotFound, KeyInvalid
from shards.storage.effects import World
from shards.table.format import names
from shards.table.format.records import Records
from shards.table.format.texts import Texts
from shards.table.write.bulk import Written

ROWS = 600_000
"""Rows that are written at a time: over half of a full segment, so that they are never merged again."""

BYTES = 256 << 20
"""Bytes of rows that are written at a time. Writing them takes about four times as much memory."""

HOPELESS = 10_000
"""Rows at the beginning of which none can be taken, after which an import gives up: most likely an option is wrong."""

FILE_SHIFT = 40
"""Bits of a row's number in its order; the number of its file lies above them."""


@dataclass(slots=True)
class Imported:
    """What became of the rows of an import."""

    rows: int = 0
    """Rows that were read and could be taken."""

    added: int = 0
    """Images that the index did not have."""

    replaced: int = 0
    """Images of which the index had an earlier state."""

    unchanged: int = 0
    """Images that the index has just so."""

    outdated: int = 0
    """Images of which the index has a later state: it was removed or replaced after this content was first imported."""

    same_key: int = 0
    """Rows whose key another row has too, of which the last counts."""

    skipped: int = 0
    """Rows without a signature."""

    refused: int = 0
    """Rows that cannot be taken."""

    faults: int = 0
    """Reasons why not everything could be read."""

    interrupted: bool = False
    """Whether it was stopped before its end."""

    @property
    def imported(self) -> int:
        """Images of the dump that the index has now, whether they are new or not."""
        return self.added + self.replaced + self.unchanged


class Reporter(Protocol):
    """Whoever wants to know how an import goes."""

    def progress(self, dump: Dump) -> None:
        """Take note of how much of a dump is read."""

    def refused(self, file: str, row: Refused) -> None:
        """Take note of a row that cannot be taken."""

    def note(self, text: str) -> None:
        """Take note of something that people should know."""

    def fault(self, text: str) -> None:
        """Take note of a reason why not everything could be read."""


@dataclass(slots=True)
class Importer:
    """Imports dumps into one index, which is made when the first row that can be taken is there."""

    where: str
    """Address of the index."""

    reporter: Reporter

    as_of: int | None = None
    """The time of the records, in ns since 1970; None for that of the first import of each content."""

    prefix: str = ""
    """Text to put in front of every key."""

    strip_prefix: str = ""
    """Text to take away first from keys that begin with it."""

    is_stopped: Callable[[], bool] = lambda: False
    index: Index | None = None
    done: Imported = field(default_factory=Imported)
    _files: int = 0

    def check(self, dump: Dump, name: str) -> None:
        """Raise DumpUnreadable unless the index, if there is one, can take this dump."""
        try:
            self.index = self.index or Index.open(self.where)
        except IndexNotFound:
            return
        there = [family.name for family in self.index.families]
        if sorted(there) != sorted(dump.families):
            raise DumpUnreadable(
                f"{name} has signatures of {', '.join(dump.families)}, and {self.where} has {', '.join(there)}: an"
                " index has a signature of each of its families for every image. Import into an index of its own"
            )
        if self.index.settings.pictures != dump.pictures:
            self.reporter.note(
                f"{self.where} reads pictures in another way than {dump.kind} does, so a picture asked with may have"
                " another signature than the same picture that was imported"
            )

    def read(self, dump: Dump, name: str) -> None:
        """Read a dump to its end, and count its rows, without importing it."""
        for records in self._records(dump, name, self.done, at_once=1):
            self.done.rows += len(records)

    def add(self, dump: Dump, name: str, content: str | None) -> None:
        """Import a dump. `content`: names what it holds (`Source.content`); None for what cannot be known again."""
        done = self.done
        index = time = None
        is_known = False
        known: list[NDArray[np.uint64]] = []
        with ThreadPoolExecutor(1, "import") as pool:
            writing: Future[None] | None = None
            for records in self._records(dump, name, done):
                if index is None:
                    index = self._made(dump)
                    time, is_known = self._time(index, content)
                done.rows += len(records)
                if is_known:
                    known.append(records.fixed["key_hash"])
                    continue
                records.fixed["order"][:, 0] = time
                # one is written while the next is read
                self._settle(writing)
                writing = pool.submit(self._write, index, records)
            self._settle(writing)
        self._files += 1
        if is_known:
            hashes = np.concatenate(known)
            distinct = len(np.unique(hashes))
            done.unchanged += distinct
            done.same_key += len(hashes) - distinct
            self.reporter.note(f"{name} was imported before: nothing was written; --as-of now would import it again")
        elif index is not None and content is not None and not (done.interrupted or dump.faults):
            index.mark_imported(content)

    def finish(self, dump: Dump) -> Index:
        """Make the index if there were no rows, leave it in order, and return it."""
        index = self._made(dump)
        if not self.done.interrupted:
            index.compact()
            index.collect()
        return index

    def _made(self, dump: Dump) -> Index:
        if self.index is None:
            try:
                self.index = Index.open(self.where)
            except IndexNotFound:
                self.index = Index.create(self.where, families=dump.families, pictures=dump.pictures)
        return self.index

    def _time(self, index: Index, content: str | None) -> tuple[int, bool]:
        """Return the time of the records of this content, and whether all of it was imported before."""
        if self.as_of is not None:
            return self.as_of, False
        if content is None:
            return index.next_order()[0], False
        return index.import_time(content), index.was_imported(content)

    @staticmethod
    def _settle(writing: Future[None] | None) -> None:
        if writing is not None:
            writing.result()

    def _write(self, index: Index, records: Records) -> None:
        """Write records, and count what became of them. Those of this very import are known by their time."""
        written = index.write_bulk(records, unless_same=True)
        done, orders, before = self.done, records.fixed["order"], written.before
        late = written.state == Written.OUTDATED
        same = written.state == Written.SAME
        replaced = written.state == Written.REPLACED
        is_ours = (before[:, 0] == orders[:, 0]) & ~(before == orders).all(axis=1)
        # of two rows with one key, the earlier is the one that does not count; but where the later takes the place of
        # one that was read in an earlier call, that one has been counted
        is_earlier = is_ours & (before[:, 1] < orders[:, 1].min())
        twice = (is_ours & late) | (is_earlier & (replaced | same))
        ours = is_ours & replaced & ~is_earlier
        done.same_key += int(np.count_nonzero(twice))
        done.added += written.count(Written.ADDED) + int(np.count_nonzero(ours))
        done.replaced += int(np.count_nonzero(replaced & ~is_ours))
        done.unchanged += int(np.count_nonzero(same & ~twice))
        done.outdated += int(np.count_nonzero(late & ~is_ours))

    def _batches(self, dump: Dump, name: str, done: Imported) -> Iterator[Batch]:
        """Yield the batches of a dump, and report what is not in them."""
        said = taken = 0
        for batch in _readable(dump):
            for row in batch.refused:
                self.reporter.refused(name, row)
            done.refused += len(batch.refused)
            done.skipped += batch.skipped
            self.reporter.progress(dump)
            taken += len(batch.keys)
            if len(batch.keys):
                yield batch
            elif not taken and batch.refused and done.refused >= HOPELESS:
                last = batch.refused[-1]
                raise DumpUnreadable(
                    f"{name}: none of the first {done.refused:,} rows can be taken ({last.place}: {last.reason}); is an"
                    " option wrong?"
                )
            for note in dump.notes[said:]:
                self.reporter.note(f"{name}: {note}")
            said = len(dump.notes)
            if self.is_stopped():
                done.interrupted = True
                return
        for note in dump.notes[said:]:
            self.reporter.note(f"{name}: {note}")
        for fault in dump.faults:
            self.reporter.fault(f"{name}: {fault}")
        done.faults += len(dump.faults)

    def _records(self, dump: Dump, name: str, done: Imported, at_once: int | None = None) -> Iterator[Records]:
        """Yield the records of a dump, many at a time, with the numbers of their rows as their orders."""
        at_once = at_once or ROWS
        gathered: list[Records] = []
        rows = size = 0
        for batch in self._batches(dump, name, done):
            records = self._record(batch, name, done)
            gathered.append(records)
            rows += len(records)
            size += _size(records)
            if rows >= at_once or size >= BYTES:
                yield Records.join(gathered)
                gathered, rows, size = [], 0, 0
        if gathered:
            yield Records.join(gathered)

    def _record(self, batch: Batch, name: str, done: Imported) -> Records:
        keys = batch.keys
        if self.prefix or self.strip_prefix:
            keys, fit = self._renamed(batch, name, done)
            if not fit.all():
                batch = _some(batch, fit)
        order = np.zeros((len(keys), 2), np.uint64)
        order[:, 1] = batch.numbers
        order[:, 1] += np.uint64(self._files << FILE_SHIFT)
        return Records.build(
            keys=keys,
            order=order,
            rows=batch.signatures,
            sha256=batch.sha256,
            width=batch.width,
            height=batch.height,
            meta=batch.meta,
        )

    def _renamed(self, batch: Batch, name: str, done: Imported) -> tuple[Texts, NDArray[np.bool_]]:
        """Return the keys with other prefixes, and (rows,) bool: which rows have a key that can be one."""
        before, after = self.strip_prefix.encode(), self.prefix.encode()
        keys = [after + key.removeprefix(before) for key in batch.keys.tolist()]
        fit = np.ones(len(keys), bool)
        for i, key in enumerate(keys):
            try:
                names.key_bytes(key.decode())
            except KeyInvalid as error:
                fit[i] = False
                done.refused += 1
                self.reporter.refused(name, Refused(f"key {batch.keys[i].decode()!r}", str(error)))
        return Texts.of([key for key, ok in zip(keys, fit, strict=True) if ok]), fit


def parse_time(text: str) -> int:
    """Return the time that a text says, in ns since 1970: ISO 8601, in UTC unless it has an offset, or `now`."""
    from datetime import UTC, datetime

    if text == "now":
        return World().now_ns()
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000) * 1000


def _size(records: Records) -> int:
    columns: list[NDArray[Any]] = [
        *records.fixed.values(),
        *records.rows.values(),
        *(part for texts in records.texts.values() for part in (texts.data, texts.offsets)),
    ]
    return sum(column.nbytes for column in columns)


def _some(batch: Batch, fit: NDArray[np.bool_]) -> Batch:
    """Return some of the rows; their keys, which have other names now, stay as they are."""
    at = np.flatnonzero(fit)
    return replace(
        batch,
        numbers=batch.numbers[at],
        signatures={name: rows[at] for name, rows in batch.signatures.items()},
        meta=None if batch.meta is None else batch.meta.take(at),
        width=None if batch.width is None else batch.width[at],
        height=None if batch.height is None else batch.height[at],
        sha256=None if batch.sha256 is None else batch.sha256[at],
    )


def _readable(dump: Dump) -> Iterator[Batch]:
    """Yield the batches of a dump as far as it can be read.

    Raises DumpUnreadable for one of which nothing can; once there were rows, what is wrong is a fault.
    """
    taken = 0
    try:
        for batch in dump.batches():
            taken += len(batch.keys)
            yield batch
    except DumpUnreadable as error:
        if not taken:
            raise
        dump.faults.append(str(error))
