"""Doing what a plan says, one file after the other, with a log from which it can go on and be undone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from lookalike.duplicates import files, journal, logged
from lookalike.duplicates.files import Left
from lookalike.duplicates.journal import Journal
from lookalike.duplicates.planning import LINKS, Plan, Refusal, Step
from shards.errors import StorageError
from shards.storage.originals import Roots
from shards.table.read.snapshot import Image
from shards.table.write.marked import Entry

TOGETHER = 64
"""Files after which the index follows: each time it writes one object."""

Progress = Callable[[int, int], None]


def unheard(done: int, of: int) -> None:
    """Take no note of how far it is."""
    del done, of


class Following(Protocol):
    """An index that follows the files: `lookalike.Index` is one."""

    @property
    def url(self) -> str: ...

    @property
    def originals(self) -> Roots: ...

    def images(self, keys: Iterable[str]) -> dict[str, Image]: ...

    def remove(self, keys: Iterable[str]) -> list[str]: ...

    def mark(self, entries: Sequence[Entry]) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What was done."""

    log: Path

    files: int = 0
    """Files that were touched."""

    bytes: int = 0

    left: list[Refusal] = field(default_factory=list)
    """Those that were left as they are, and why."""


@dataclass(slots=True)
class Past:
    """What a log says was done."""

    header: Mapping[str, Any] = field(default_factory=dict)
    begun: dict[int, dict[str, Any]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    left: dict[int, str] = field(default_factory=dict)
    followed: set[str] = field(default_factory=set)
    undone: set[int] = field(default_factory=set)
    has_ended: bool = False

    @classmethod
    def of(cls, log: Path) -> Past:
        """Read a log. Raises StorageError where it is none."""
        past = cls()
        for line in journal.read(log):
            if "log" in line:
                past.header = logged.header(log, line)
            elif "begin" in line:
                past.begun[line["step"]] = logged.checked(log, line["begin"])
            elif "done" in line:
                past.done.add(line["step"])
            elif "left" in line:
                past.left[line["step"]] = line["left"]
            elif "followed" in line:
                past.followed.update(line["followed"])
            elif "undone" in line:
                past.undone.add(line["undone"])
            past.has_ended = past.has_ended or "end" in line
        return past


def apply(index: Following, plan: Plan, log: Path, progress: Progress = unheard) -> Outcome:
    """Do what a plan says. A file that is not as it was when it was compared is left alone, and named.

    `progress` gets (files seen, files in all). Raises StorageError where the log cannot be written.
    """
    with journal.alone():
        return _apply(index, plan, log, progress)


def _apply(index: Following, plan: Plan, log: Path, progress: Progress) -> Outcome:
    outcome = Outcome(log)
    header = {"index": index.url, "action": plan.action, "folder": plan.folder, "files": len(plan.steps)}
    with Journal(log, header) as written:
        done: list[str] = []
        for n, step in enumerate(plan.steps):
            progress(n, len(plan.steps))
            try:
                _do(plan, n, step, written)
            except Left as reason:
                written.write({"step": n, "left": str(reason), "key": step.key, "path": step.path})
                outcome.left.append(Refusal(step.key, str(reason)))
                continue
            outcome.files += 1
            outcome.bytes += step.bytes
            done.append(step.key)
            if len(done) == TOGETHER:
                _follow(index, plan.action, plan.steps, done, written)
                done.clear()
        _follow(index, plan.action, plan.steps, done, written)
        written.write({"end": True, "files": outcome.files, "left_alone": len(outcome.left)})
    progress(len(plan.steps), len(plan.steps))
    return outcome


def settle(index: Following, log: Path) -> Past:
    """Bring to an end what a crash has interrupted: find out what was done, and let the index follow."""
    with journal.alone():
        return settled(index, log)


def settled(index: Following, log: Path) -> Past:
    """Do what `settle` does, for one who works alone already."""
    past = Past.of(log)
    if past.has_ended:
        return past
    action = past.header["action"]
    steps = {n: _step(document) for n, document in past.begun.items()}
    with Journal(log) as written:
        for n, step in steps.items():
            if n in past.done or n in past.left:
                continue
            if index.originals.holds(step.path):
                _sweep(Path(step.path).parent)
            if _was_done(action, step):
                written.write({"step": n, "done": True, "settled": True})
                past.done.add(n)
            else:
                _drop(past.begun[n])
                written.write({"step": n, "left": "it was interrupted", "key": step.key, "path": step.path})
                past.left[n] = "it was interrupted"
        open_ = [steps[n].key for n in sorted(past.done) if steps[n].key not in past.followed]
        _follow(index, action, list(steps.values()), open_, written)
        written.write({"end": True, "files": len(past.done), "left_alone": len(past.left), "settled": True})
    return Past.of(log)


def unfinished(index: Following, folder: Path | None = None) -> Iterator[Path]:
    """Yield the logs of this index that have no end, and that no process writes: of what was interrupted."""
    for log in sorted((folder or journal.folder()).glob("*.jsonl")):
        try:
            past = Past.of(log)
        except StorageError:
            continue
        if past.header.get("index") == index.url and not past.has_ended and not journal.is_in_use(log):
            yield log


def _do(plan: Plan, n: int, step: Step, written: Journal) -> None:
    """Do one step. Raises Left."""
    kept = files.check(step.kept_path, step.kept_sha256, f"the file of {step.kept}, which is kept,")
    status = files.check(step.path, step.sha256, "it")
    try:
        if files.are_one(step.path, step.kept_path, status, kept):
            raise Left(f"it and {step.kept}, which is kept, are one file")
    except OSError as error:
        raise Left(f"the system refuses it: {error.strerror}") from error
    target = None if plan.folder is None else _target(Path(plan.folder), step.key)
    begun = {**step.document(), "target": target, "mode": stat.S_IMODE(status.st_mode), "mtime_ns": status.st_mtime_ns}
    written.write({"step": n, "begin": begun})
    if not files.is_still(step.path, status):
        raise Left("it has changed since it was compared")
    files.do(plan.action, step.path, step.kept_path, target)
    written.write({"step": n, "done": True})


def _target(folder: Path, key: str) -> str:
    """Return a free place in a folder, named as the key is."""
    parts = [part for part in PurePosixPath(key).parts if part not in ("/", "..", ".")] or ["picture"]
    wanted = folder.joinpath(*parts)
    target, n = wanted, 1
    while os.path.lexists(target):
        n += 1
        target = wanted.with_name(f"{wanted.stem} ({n}){wanted.suffix}")
    return str(target)


def _follow(index: Following, action: str, steps: Sequence[Step], keys: Sequence[str], written: Journal) -> None:
    """Take images whose files are gone out of the index, unless they have become others, and their marks away."""
    if not keys:
        return
    if action not in LINKS:
        digests = {step.key: step.sha256 for step in steps if not os.path.lexists(step.path)}
        there = index.images(keys)
        index.remove([key for key in keys if key in there and there[key].sha256 == digests.get(key)])
    index.mark([Entry((key,), None) for key in keys])
    written.write({"followed": list(keys)})


def _was_done(action: str, step: Step) -> bool:
    if action not in LINKS:
        return not os.path.lexists(step.path)
    # a reflink is a file of the same bytes as before: whether it was made makes no difference
    return (os.path.lexists(step.path) and os.path.realpath(step.path) == os.path.realpath(step.kept_path)) or (
        Path(step.path).exists() and Path(step.kept_path).exists() and Path(step.path).samefile(step.kept_path)
    )


def _drop(begun: Mapping[str, Any]) -> None:
    """Remove the second name, or the copy, of a file that is still in its place: a crash came while it was moved."""
    target = begun.get("target")
    if not target or not Path(target).is_file():
        return
    try:
        path = files.check(begun["path"], begun["sha256"], "it")
        moved = files.check(target, begun["sha256"], "its copy")
        if files.are_one(begun["path"], target, path, moved):
            return
    except (Left, OSError):
        return
    os.unlink(target)  # noqa: PTH108 - the place was free when the step began


def _sweep(folder: Path) -> None:
    """Remove what was being made beside a file."""
    if folder.is_dir():
        for made in folder.glob(f"{files.TEMPORARY}*"):
            made.unlink(missing_ok=True)


def _step(document: Mapping[str, Any]) -> Step:
    names = Step.__dataclass_fields__
    return Step(**{name: value for name, value in document.items() if name in names})
