"""Reports of `add` and `sync`: each key as soon as it is safe, a bar meanwhile, and a summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lookalike import __version__
from lookalike.cli.interruption import Interruption
from lookalike.cli.output.human import count, duration, shown
from lookalike.cli.output.output import Output, note
from lookalike.cli.output.progress import Progress
from lookalike.index import Index
from lookalike.ingest import pipeline, unreadable
from lookalike.ingest.changes import ToAdd
from lookalike.ingest.known import KnownContent
from lookalike.ingest.original import LeftOut
from lookalike.ingest.outcome import Failure
from lookalike.ingest.pipeline import Added
from shards.table.format.records import Order

KINDS = 10
"""Kinds of files that are named in a summary for people, those that are most."""


@dataclass(slots=True)
class Tally:
    """The counts of a run, and whether it was interrupted."""

    added: int = 0

    replaced: int = 0
    """Those of the `added` that had an image before."""

    recognised: int = 0
    """Those of the `added` whose content was known: nothing was computed."""

    unchanged: int = 0

    skipped: int = 0
    """Files that could not be read before, and were not tried again."""

    removed: int = 0
    failed: int = 0

    failures: list[Failure] = field(default_factory=list)
    """The reasons of those that `failed`."""

    left_out: Counter[LeftOut] = field(default_factory=Counter)
    """Numbers of files that lie beside the pictures and were not looked at, by kind."""

    interruption: Interruption = field(default_factory=Interruption)
    started: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self.interruption:
            return self.interruption.exit_code
        return 1 if self.failed else 0


class Reporter:
    """Prints what becomes of each key: JSON lines for programs, failures only for people. Keeps the tally."""

    def __init__(self, out: Output, tally: Tally, progress: Progress) -> None:
        self._out = out
        self._tally = tally
        self._progress = progress

    def advance(self, count: int) -> None:
        """Move the bar by so many keys."""
        self._progress.advance(count)

    def unchanged(self, keys: Sequence[str]) -> None:
        """Report keys that are left alone."""
        self._tally.unchanged += len(keys)
        self._status(keys, "unchanged")

    def added(self, images: Sequence[Added]) -> None:
        """Report images that are safe."""
        for image in images:
            self._tally.added += 1
            # what was only moved is the same image
            self._tally.replaced += image.replaced and image.same_as != image.key
            self._tally.recognised += image.same_as is not None
            if self._out.is_json:
                document = {"key": image.key, "status": "added", "replaced": image.replaced, "path": image.path}
                self._out.json(document if image.same_as is None else {**document, "same_as": image.same_as})
        self._out.flush()

    def failed(self, failure: Failure) -> None:
        """Report an original that was not added."""
        self._tally.failed += 1
        self._tally.failures.append(failure)
        self._progress.advance(0, failed=1)
        if self._out.is_json:
            document = failure.document()
            self._out.json({"key": document.pop("key"), "status": "failed", **document})
            self._out.flush()
        else:
            self._progress.say(f"failed: {shown(failure.key)}: {shown(failure.message)}")

    def skipped(self, files: Sequence[tuple[ToAdd, str]]) -> None:
        """Report files that are not tried again, with the reason why they could not be read."""
        self._tally.skipped += len(files)
        if self._out.is_json:
            for wanted, reason in files:
                original = wanted.original
                self._out.json({"key": original.key, "status": "skipped", "reason": reason, "path": original.path})

    def removed(self, keys: Sequence[str]) -> None:
        """Report keys that are not in the index any more."""
        self._tally.removed += len(keys)
        self._status(keys, "removed")

    def _status(self, keys: Sequence[str], status: str) -> None:
        if self._out.is_json:
            for key in keys:
                self._out.json({"key": key, "status": status})
        self._out.flush()


def add(
    index: Index,
    to_add: Sequence[ToAdd],
    out: Output,
    tally: Tally,
    *,
    jobs: int | None,
    batch: int,
    known: KnownContent | None = None,
    retry: bool = True,
) -> None:
    """Add these as `adding_options` say. Interrupted, it adds what is computed by then.

    `known`: content that needs no computing. Unless it is to `retry`, files that could not be read and have not changed
    are left out.
    """
    with tally.interruption, out.progress("adding", len(to_add)) as progress:
        reporter = Reporter(out, tally, progress)
        if not retry:
            to_add, bad = unreadable.split(index.url, to_add, __version__)
            reporter.skipped(bad)
            progress.advance(len(bad))
        pipeline.add(index, to_add, reporter, lambda: bool(tally.interruption), jobs=jobs, batch=batch, known=known)
    unreadable.remember(index.url, to_add, tally.failures, __version__)


def remove(index: Index, keys: Sequence[str], order: Order, out: Output, tally: Tally) -> None:
    """Remove these keys, as of the time of `order`: what was added since stays."""
    with tally.interruption, out.progress("removing", len(keys)) as progress:
        pipeline.remove(index, keys, order, Reporter(out, tally, progress), lambda: bool(tally.interruption))


def finish(index: Index, out: Output, tally: Tally) -> None:
    """Tidy the index up unless the run was interrupted, and print the summary."""
    if not tally.interruption:
        pipeline.tidy(index)
    seconds = time.monotonic() - tally.started
    images = index.count()
    if out.is_json:
        out.json(
            {
                "status": "summary",
                "index": index.url,
                "added": tally.added,
                "replaced": tally.replaced,
                "recognised": tally.recognised,
                "unchanged": tally.unchanged,
                "removed": tally.removed,
                "failed": tally.failed,
                "skipped": tally.skipped,
                "left_out": left_out_by_kind(tally),
                "images": images,
                "seconds": round(seconds, 3),
                "interrupted": bool(tally.interruption),
            }
        )
    else:
        parts = [f"{count(tally.added)} added"]
        parts += [f"{count(tally.replaced)} of them replaced"] if tally.replaced else []
        parts += [f"{count(tally.recognised)} known by their content"] if tally.recognised else []
        parts += [f"{count(tally.removed)} removed"] if tally.removed else []
        parts += [f"{count(tally.unchanged)} unchanged", f"{count(tally.failed)} failed"]
        out.line(f"{', '.join(parts)} in {duration(seconds)}; {index.url} has {count(images, 'image')}")
        if tally.skipped:
            files = count(tally.skipped, "file")
            out.line(f"{files} not tried again that could not be read and did not change; --retry tries all")
        say_left_out(out, tally)
    out.flush()
    if tally.interruption:
        note(
            f"interrupted; the {count(tally.added, 'image')} added so far and all before are safe in the index: run the"
            " same command again to go on"
        )


def left_out_by_kind(tally: Tally) -> dict[str, int]:
    """Return how many files of which kinds were left out, as JSON, the most frequent first."""
    return {one.kind: number for one, number in _most_first(tally)}


def say_left_out(out: Output, tally: Tally) -> None:
    """Print how many files of which kinds were left out, if any were."""
    most, total = _most_first(tally)[:KINDS], tally.left_out.total()
    if not total:
        return
    kinds = [f"{count(number)} {shown(one.kind)}" + (f" ({one.remark})" if one.remark else "") for one, number in most]
    others = total - sum(number for _, number in most)
    kinds += [f"{count(others)} of other kinds"] if others else []
    out.line(f"{count(total, 'file')} left out: {', '.join(kinds)}; --all-files tries every file")


def _most_first(tally: Tally) -> list[tuple[LeftOut, int]]:
    return sorted(tally.left_out.items(), key=lambda item: (-item[1], item[0].kind))
