"""Bringing an index up to date: pictures are signed in processes, written in batches, and reported when safe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lookalike.cli.interruption import Interruption
from lookalike.cli.output.human import count, duration, shown
from lookalike.cli.output.output import Output, note
from lookalike.cli.output.progress import Progress
from lookalike.index import Index
from lookalike.ingest.batches import Batches
from lookalike.ingest.changes import ToSign
from lookalike.ingest.files import Unusable
from lookalike.signatures.batch_pool import Pool
from lookalike.signatures.batch_worker import Failure, Job, Task
from lookalike.signatures.process import processors
from shards.table.format.records import Order, Record

REMOVED_AT_ONCE = 5000
"""Deletes in one log object: they carry no signature."""


@dataclass(slots=True)
class Tally:
    """What a run did. `replaced` are among the `added`."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    interruption: Interruption = field(default_factory=Interruption)
    started: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> int:
        if self.interruption:
            return self.interruption.exit_code
        return 1 if self.failed else 0


class Reporter:
    """Says what became of each key: JSON lines for programs, failures only for people."""

    def __init__(self, out: Output, tally: Tally, progress: Progress) -> None:
        self._out = out
        self._tally = tally
        self._progress = progress

    def unchanged(self, keys: Sequence[str]) -> None:
        self._tally.unchanged += len(keys)
        if self._out.is_json:
            for key in keys:
                self._out.json({"key": key, "status": "unchanged"})
            self._out.flush()

    def added(self, keys: Iterable[tuple[str, bool]]) -> None:
        """These are safe; with each, whether it replaced another picture."""
        for key, replaces in keys:
            self._tally.added += 1
            self._tally.replaced += replaces
            if self._out.is_json:
                self._out.json({"key": key, "status": "added", "replaced": replaces})
        self._out.flush()

    def failed(self, failure: Failure | Unusable) -> None:
        self._tally.failed += 1
        self._progress.advance(0, failed=1)
        if self._out.is_json:
            document = {"key": failure.key, "status": "failed", "reason": failure.reason, "message": failure.message}
            if isinstance(failure, Failure):
                document["path"] = failure.path
            self._out.json(document)
            self._out.flush()
        else:
            self._progress.say(f"failed: {shown(failure.key)}: {shown(failure.message)}")

    def removed(self, keys: Sequence[str]) -> None:
        self._tally.removed += len(keys)
        if self._out.is_json:
            for key in keys:
                self._out.json({"key": key, "status": "removed"})
        self._out.flush()


def add(index: Index, wanted: Sequence[ToSign], out: Output, tally: Tally, *, jobs: int | None, batch: int) -> None:
    """Sign and add these, as `adding_options` say. Interrupted, it adds what is signed by then."""
    replaces = {one.found.key for one in wanted if one.replaces}
    job = Job(index.settings.families, index.settings.pictures, index.settings.thumbnails)
    with tally.interruption, out.progress("adding", len(wanted)) as progress, Pool(job, jobs or processors()) as pool:
        reporter = Reporter(out, tally, progress)

        def safe(records: Sequence[Record]) -> None:
            reporter.added((record.key, record.key in replaces) for record in records)

        batches = Batches(index, batch, time.monotonic, safe)
        for outcomes in pool.run(_tasks(index, wanted)):
            for outcome in outcomes:
                progress.advance()
                if isinstance(outcome, Failure):
                    reporter.failed(outcome)
                else:
                    batches.add(outcome)
            batches.write_what_is_due()
            if tally.interruption:
                break
        batches.write()


def remove(index: Index, keys: Sequence[str], order: Order, out: Output, tally: Tally) -> None:
    """Remove these keys, as of the time of `order`: what was added since stays."""
    with tally.interruption, out.progress("removing", len(keys)) as progress:
        reporter = Reporter(out, tally, progress)
        for start in range(0, len(keys), REMOVED_AT_ONCE):
            if tally.interruption:
                return
            some = keys[start : start + REMOVED_AT_ONCE]
            index.write([Record(key, order, deleted=True) for key in some])
            reporter.removed(some)
            progress.advance(len(some))


def tidy(index: Index, tally: Tally) -> None:
    """Leave the index folded, and without the objects that nobody needs any more."""
    if not tally.interruption:
        index.compact()
        index.collect()


def finish(index: Index, out: Output, tally: Tally) -> None:
    """Say what was done."""
    seconds = time.monotonic() - tally.started
    images = index.count()
    if out.is_json:
        out.json(
            {
                "status": "summary",
                "index": index.url,
                "added": tally.added,
                "replaced": tally.replaced,
                "unchanged": tally.unchanged,
                "removed": tally.removed,
                "failed": tally.failed,
                "images": images,
                "seconds": round(seconds, 3),
                "interrupted": bool(tally.interruption),
            }
        )
    else:
        parts = [f"{count(tally.added)} added"]
        parts += [f"{count(tally.replaced)} of them replaced"] if tally.replaced else []
        parts += [f"{count(tally.removed)} removed"] if tally.removed else []
        parts += [f"{count(tally.unchanged)} unchanged", f"{count(tally.failed)} failed"]
        out.line(f"{', '.join(parts)} in {duration(seconds)}; {index.url} has {count(images, 'image')}")
    out.flush()
    if tally.interruption:
        note(
            f"interrupted; the {count(tally.added, 'image')} added so far and all before are safe in the index: run the"
            " same command again to go on"
        )


def _tasks(index: Index, wanted: Sequence[ToSign]) -> Iterator[Task]:
    """In the order found; each gets its order when a worker has room for it, before it is read."""
    for one in wanted:
        found = one.found
        yield Task(found.key, found.path, index.next_order(), one.meta, found.source)
