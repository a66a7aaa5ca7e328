"""Bringing back what `apply` has done, from its log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from lookalike.duplicates import files, journal, trash
from lookalike.duplicates.applying import Following, Outcome, Progress, settled, unheard
from lookalike.duplicates.files import Left
from lookalike.duplicates.journal import Journal, sync_folder
from lookalike.duplicates.planning import Refusal


class Restores(Protocol):
    """Puts an image that is back in its place into the index again."""

    def __call__(self, key: str, path: str, meta: Mapping[str, Any], source: Mapping[str, Any]) -> None: ...


def undo(index: Following, log: Path, restore: Restores, progress: Progress = unheard) -> Outcome:
    """Play a log back, the last step first. What is back already is not touched; calling it again goes on.

    Raises StorageError where this is no log, or is one of another index.
    """
    with journal.alone():
        return _undo(index, log, restore, progress)


def _undo(index: Following, log: Path, restore: Restores, progress: Progress) -> Outcome:
    past = settled(index, log)
    outcome = Outcome(log)
    steps = sorted(past.done - past.undone, reverse=True)
    with Journal(log) as written:
        for at, n in enumerate(steps):
            progress(at, len(steps))
            step = past.begun[n]
            try:
                if not index.originals.holds(step["path"]):
                    raise Left(f"{step['path']} is in no folder that was added on this machine")
                _bring_back(past.header["action"], step)
            except (Left, OSError) as reason:
                outcome.left.append(Refusal(step["key"], str(reason)))
                continue
            if step["key"] not in index.images([step["key"]]):
                restore(step["key"], step["path"], step["meta"], step["source"])
            written.write({"undone": n})
            outcome.files += 1
            outcome.bytes += step["bytes"]
    progress(len(steps), len(steps))
    return outcome


def _bring_back(action: str, step: Mapping[str, Any]) -> None:
    """Bring one file back. Raises Left and OSError."""
    path = step["path"]
    if action in ("hardlink", "symlink"):
        _part(step)
        return
    if os.path.lexists(path):
        # it is back, or never went
        files.check(path, step["sha256"], "another file is at its place now, which")
        _drop(action, step)
        return
    if action == "folder":
        target = step["target"]
        files.check(target, step["sha256"], f"{target}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        files.move(target, path)
    elif action == "trash":
        _from_trash(step)
    elif action == "delete":
        raise Left("it was deleted, which nothing brings back")


def _drop(action: str, step: Mapping[str, Any]) -> None:
    """Remove the other name of a file that was being brought back when a crash came."""
    if action == "folder" and Path(step["target"]).is_file():
        moved = files.check(step["target"], step["sha256"], step["target"])
        path = files.check(step["path"], step["sha256"], step["path"])
        if not files.are_one(step["path"], step["target"], path, moved):
            os.unlink(step["target"])  # noqa: PTH108
    elif action == "trash":
        for file in trash.found(step["path"]):
            if file.samefile(step["path"]):
                file.unlink()
                trash.forget(file)


def _from_trash(step: Mapping[str, Any]) -> None:
    for file in trash.found(step["path"]):
        try:
            files.check(str(file), step["sha256"], str(file))
        except Left:
            continue
        Path(step["path"]).parent.mkdir(parents=True, exist_ok=True)
        files.move(str(file), step["path"])
        trash.forget(file)
        return
    raise Left("it is in the trash no more")


def _part(step: Mapping[str, Any]) -> None:
    """Let a link be a file of its own again."""
    path, kept = step["path"], step["kept_path"]
    if not os.path.lexists(path):
        raise Left("it is gone")
    is_link = os.path.realpath(path) == os.path.realpath(kept) or (Path(kept).exists() and Path(path).samefile(kept))
    if not is_link:
        files.check(path, step["sha256"], "another file is at its place now, which")
        return
    files.check(os.path.realpath(path), step["sha256"], "what it links to")
    temporary = str(Path(path).parent / f"{files.TEMPORARY}{step['sha256'][:16]}")
    try:
        shutil.copyfile(path, temporary)
        Path(temporary).chmod(step["mode"] & 0o777)
        os.utime(temporary, ns=(step["mtime_ns"], step["mtime_ns"]))
        with open(temporary, "rb") as file:  # noqa: PTH123
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync_folder(Path(path).parent)
