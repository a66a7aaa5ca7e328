"""Objects from one store to another: each is read in pieces, checked, and created where there is none of its name.

Memory: a few pieces, whatever the size of a segment. A segment that is larger than a piece lies in a temporary file
until it is checked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import IO, TypeVar

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage.base import Data, Entry, Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.storage.laid_out import lay_out
from shards.storage.parallel import PARALLEL, parallel_map
from shards.table.format import names, thumbnails, whole
from shards.table.maintain.segment_check import PIECE
from shards.table.write import calibrated, imported, marked

Item = TypeVar("Item")
Result = TypeVar("Result")

NOTES = (names.IMPORTS, names.RATES, names.MARKS)
"""Beginnings of the names of notes: objects beside the index that no search needs."""

BATCH_BYTES = 1 << 30
"""Bytes of segments that are on their way at once: so much room the temporary folder needs, or that of one segment."""

THUMBNAILS_AT_ONCE = 16 * PARALLEL
"""Thumbnails that are copied before the next part of the listings is compared."""


class VanishedError(Exception):
    """An object of the source that is not there any more: it was merged or folded, and collected."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(slots=True)
class Tally:
    """Counts of what was transferred. Safe to use from several threads."""

    progress: Callable[[int, int], None] | None = None
    """Gets (bytes done, bytes known to be done)."""

    objects: int = 0
    size: int = 0
    """Bytes of those objects."""

    there: int = 0
    """Objects that the destination had already."""

    extra: int = 0
    """Thumbnails that only the destination has."""

    damaged: list[str] = field(default_factory=list)
    """Thumbnails and notes of imports that were left out because they are damaged in the source."""

    done: int = 0
    """Bytes that were read."""

    total: int = 0
    """Bytes that are known to be read in all."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, size: int) -> None:
        """Note that so many bytes are to be transferred."""
        with self.lock:
            self.total += size

    def advance(self, size: int) -> None:
        """Note that so many bytes were read."""
        with self.lock:
            self.done += size
            if self.progress is not None:
                self.progress(self.done, max(self.done, self.total))

    def created(self, size: int) -> None:
        """Note that an object of so many bytes is at the destination."""
        with self.lock:
            self.objects += 1
            self.size += size


class Transfer:
    """The way from one store to another."""

    def __init__(self, source: Store, destination: Store, effects: Effects, tally: Tally) -> None:
        self._source = source
        self._destination = destination
        self._effects = effects
        self._tally = tally

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Map over items: several at once if one of the two stores is far away."""
        return parallel_map(self._destination if self._source.mapped else self._source, function, items)

    def segments(self, wanted: dict[str, int]) -> None:
        """Transfer these segments, given with their bytes. Raises VanishedError, and CorruptObject."""
        lacking = self._lacking(names.SEGMENTS, wanted)
        self._tally.expect(sum(lacking.values()))
        for batch in _batches(list(lacking.items())):
            self.map(lambda item: self._segment(*item), batch)

    def dead(self, wanted: dict[str, int]) -> None:
        """Transfer these lists of dead rows, given with their bytes. Raises VanishedError, and CorruptObject."""
        lacking = self._lacking(names.DEAD, wanted)
        self._tally.expect(sum(lacking.values()))
        self.map(self._dead, list(lacking))

    def log(self, name: str) -> memoryview:
        """Return a log object of the source, checked. Raises VanishedError, and CorruptObject."""
        return self._checked(name)

    def thumbnails(self) -> None:
        """Transfer the thumbnails that the destination lacks, and count those that only it has.

        One that is damaged in the source is left out: it can be drawn again.
        """
        lacking = self._lacking_thumbnails()
        while batch := list(islice(lacking, THUMBNAILS_AT_ONCE)):
            self._tally.expect(sum(entry.size for entry in batch))
            self.map(lambda entry: self._spare(entry, thumbnails.unseal), batch)

    def notes(self, wanted: Sequence[Entry]) -> None:
        """Transfer these notes: of imports, false rates and duplicates. What is damaged in the source is left out."""
        there = {entry.name for prefix in NOTES for entry in self._destination.list(prefix)}
        lacking = [entry for entry in wanted if entry.name not in there]
        self._tally.there += len(wanted) - len(lacking)
        self._tally.expect(sum(entry.size for entry in lacking))
        self.map(lambda entry: self._spare(entry, _note), lacking)

    def _lacking(self, prefix: str, wanted: dict[str, int]) -> dict[str, int]:
        """Return those of these objects that the destination lacks, and delete what has only the name of one."""
        there = {entry.name: entry.size for entry in self._destination.list(prefix)}
        cut = [name for name, size in wanted.items() if there.get(name, size) != size]
        if cut:
            self._destination.delete(cut)
        lacking = {name: size for name, size in wanted.items() if there.get(name) != size}
        self._tally.there += len(wanted) - len(lacking)
        return lacking

    def _lacking_thumbnails(self) -> Iterator[Entry]:
        """Yield what the destination lacks. Both listings are sorted by name, and are read side by side."""
        theirs = iter(self._destination.list(names.THUMBNAILS))
        other = next(theirs, None)
        for entry in self._source.list(names.THUMBNAILS):
            while other is not None and other.name < entry.name:
                self._tally.extra += 1
                other = next(theirs, None)
            if other is not None and other.name == entry.name:
                self._tally.there += 1
                other = next(theirs, None)
            elif names.thumbnail_sha256(entry.name) is not None:
                yield entry
        self._tally.extra += (other is not None) + sum(1 for _ in theirs)

    def _spare(self, entry: Entry, check: Callable[[str, memoryview], object]) -> None:
        """Transfer an object that no search needs, unless it is gone or damaged."""
        try:
            data = whole.get(self._source, entry.name)
            check(entry.name, data)
        except ObjectNotFound:
            return
        except CorruptObject:
            self._tally.damaged.append(entry.name)
            return
        self._create(entry.name, data)
        self._tally.advance(len(data))

    def _dead(self, name: str) -> None:
        data = self._checked(name)
        self._create(name, data)
        self._tally.advance(len(data))

    def _checked(self, name: str) -> memoryview:
        def read() -> memoryview:
            data = whole.get(self._source, name)
            names.check_content(name, data)
            return data

        try:
            return _twice(read)
        except ObjectNotFound:
            raise VanishedError(name) from None

    def _segment(self, name: str, size: int) -> None:
        try:
            if size <= PIECE:
                self._create(name, _twice(lambda: self._small(name, size)))
                self._tally.advance(size)
            else:
                self._large(name, size)
        except ObjectNotFound:
            raise VanishedError(name) from None

    def _small(self, name: str, size: int) -> memoryview:
        data = self._piece(name, size, 0)
        names.check_content(name, data)
        return data

    def _large(self, name: str, size: int) -> None:
        def fetch(file: IO[bytes]) -> None:
            file.seek(0)
            digest = blake2b(digest_size=16)
            for start in range(0, size, PIECE):
                piece = self._piece(name, size, start)
                digest.update(piece)
                file.write(piece)
            names.check_digest(name, digest.hexdigest(), size)

        _, data = lay_out(lambda file: _twice(lambda: fetch(file)), f"{name}, {size:,} bytes, cannot be laid down in")
        self._create(name, data)
        self._tally.advance(size)

    def _piece(self, name: str, size: int, start: int) -> memoryview:
        """Return a piece of a segment; of the last one, one byte more is asked for, which must not be there."""
        stop = start + PIECE if start + PIECE < size else size + 1
        (piece,) = self._source.get_ranges(name, [(start, stop)])
        if len(piece) != min(stop, size) - start:
            raise CorruptObject(name, f"has not the {size:,} bytes that its manifest says")
        return piece

    def _create(self, name: str, data: Data) -> None:
        write_once(self._destination, self._effects, name, data)
        self._tally.created(len(data))


def _twice(read: Callable[[], Result]) -> Result:
    """Read, and once more if the bytes are wrong: they may have been changed on their way."""
    try:
        return read()
    except CorruptObject:
        return read()


def _batches(items: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """Yield objects, given with their bytes, in batches that may be on their way at once."""
    rest = iter(items)
    batch: list[tuple[str, int]] = []
    for item in rest:
        if batch and (len(batch) == PARALLEL or sum(size for _, size in batch) + item[1] > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _note(name: str, data: Data) -> None:
    """Raise CorruptObject where these bytes are not the note that the name says."""
    if names.RATES_NAME.fullmatch(name):
        calibrated.parse(name, data)
    elif names.MARKS_NAME.fullmatch(name):
        marked.parse(name, data)
    else:
        imported.parse(name, data)
