"""Bringing an index up to date: signatures are computed in processes, records written in batches, keys reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.ingest.batch_writer import BatchWriter
from lookalike.ingest.changes import ToAdd
from lookalike.ingest.known import KnownContent, Recognised, records
from lookalike.ingest.outcome import Failure
from lookalike.ingest.writer import Writer
from lookalike.signatures.pool import Original, Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import LookalikeError
from shards.storage import originals
from shards.table.format.records import Order, Record

REMOVED_AT_ONCE = 5000
"""Deletes in one log object: they carry no signature."""

IsStopped: TypeAlias = Callable[[], bool]
"""Returns whether to stop: what is computed is still written, and nothing more is begun."""


@dataclass(frozen=True, slots=True)
class Added:
    """An image that is safe in the index."""

    key: str

    path: str
    """The file or URL that it was made from."""

    replaced: bool
    """Whether its key had an image before."""

    same_as: str | None = None
    """The key of the image whose content it has, where that was known and nothing had to be computed."""


class Reporter(Protocol):
    """Whoever wants to know what becomes of each key."""

    def advance(self, count: int, /) -> None:
        """Take note of keys whose work is done; they may not be safe yet."""
        ...

    def added(self, images: Sequence[Added], /) -> None:
        """Take note of images that are safe in the index."""
        ...

    def failed(self, failure: Failure, /) -> None:
        """Take note of an original that was not added."""
        ...

    def removed(self, keys: Sequence[str], /) -> None:
        """Take note of keys that are not in the index any more."""
        ...


def add(
    index: Writer,
    to_add: Sequence[ToAdd],
    reporter: Reporter,
    is_stopped: IsStopped,
    *,
    jobs: int | None,
    batch: int,
    known: KnownContent | None = None,
) -> None:
    """Compute the signatures of these originals in `jobs` processes, and add them, `batch` in a log object.

    `jobs`: one for each processor if `None`. `known`: content that needs no computing. When stopped, it adds what is
    computed by then.
    """
    if known is not None:
        to_add = add_recognised(index, to_add, known, reporter, is_stopped, batch=batch)
        to_add = [wanted for wanted in to_add if not _is_another_roots(wanted, reporter)]
    replaces = {wanted.original.key for wanted in to_add if wanted.replaces}

    paths = {wanted.original.key: wanted.original.path for wanted in to_add}

    def report(records: Sequence[Record]) -> None:
        reporter.added([Added(record.key, paths[record.key], record.key in replaces) for record in records])

    writer = BatchWriter(index, batch, time.monotonic, report)
    with Pool(WorkerSettings.of(index.settings), jobs, reader=originals.read_listed) as pool:
        for outcomes in pool.run(_tasks(index, to_add)):
            for (wanted, order), picture in outcomes:
                reporter.advance(1)
                if isinstance(picture, LookalikeError):
                    reporter.failed(replace(Failure.of(wanted.original.key, picture), path=wanted.original.path))
                else:
                    writer.add(picture.record(wanted.original.key, order, wanted.meta))
            writer.write_if_due()
            if is_stopped():
                break
        writer.write()


def add_recognised(
    index: Writer,
    to_add: Sequence[ToAdd],
    known: KnownContent,
    reporter: Reporter,
    is_stopped: IsStopped,
    *,
    batch: int,
) -> list[ToAdd]:
    """Add those of these originals whose content the index has, with its signatures; return the others."""
    others = list[ToAdd]()
    waiting = list[Recognised]()
    max_bytes = index.settings.pictures.max_bytes

    def write() -> None:
        made, gone = records(index, waiting)
        index.write(made)
        of = {one.wanted.original.key: one for one in waiting}
        added = [(record.key, of[record.key]) for record in made]
        reporter.added([Added(key, one.wanted.original.path, one.wanted.replaces, one.key) for key, one in added])
        reporter.advance(len(made))
        others.extend(gone)
        waiting.clear()
        if BACKPRESSURE.should_fold_soon(*index.pressure()):
            index.compact()

    for wanted in to_add:
        if is_stopped():
            break
        recognised = known.recognised(wanted, max_bytes)
        if recognised is None:
            others.append(wanted)
            continue
        waiting.append(recognised)
        if len(waiting) == batch:
            write()
    if waiting:
        write()
    return others


def remove(index: Writer, keys: Sequence[str], order: Order, reporter: Reporter, is_stopped: IsStopped) -> None:
    """Remove these keys, as of the time of `order`: what was added since stays."""
    for start in range(0, len(keys), REMOVED_AT_ONCE):
        if is_stopped():
            return
        some = keys[start : start + REMOVED_AT_ONCE]
        orders = index.orders(some, at=order)
        index.write([Record(key, late, deleted=True) for key, late in zip(some, orders, strict=True)])
        reporter.removed(some)
        reporter.advance(len(some))


def tidy(index: Writer) -> None:
    """Leave the index folded, and without the objects that nobody needs any more."""
    index.compact()
    index.collect()


def _is_another_roots(wanted: ToAdd, reporter: Reporter) -> bool:
    """Report an original that would take the place of another file's image, and return True."""
    if wanted.instead_of is None:
        return False
    key, path = wanted.original.key, wanted.original.path
    message = (
        f"{path} has other content than {wanted.instead_of}, which is gone, and of which the image with this key was"
        " made: add its folder with --root-name NAME, or with --replace"
    )
    reporter.failed(Failure(key, "another_root", message, path))
    reporter.advance(1)
    return True


def _tasks(index: Writer, to_add: Sequence[ToAdd]) -> Iterator[tuple[tuple[ToAdd, Order], Original]]:
    """Yield the tasks as workers have room for them: each gets its order then, before its original is read."""
    for wanted in to_add:
        (order,) = index.orders([wanted.original.key])
        yield (wanted, order), Original(wanted.original.source)
