"""The log of what is done with files: JSON lines, each on the disk before the next thing happens."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lookalike.ingest import roots
from shards.errors import StorageError

VERSION = 1

LONGEST = 1 << 20
"""Bytes of a line."""


def folder() -> Path:
    """Return where logs are unless somebody names another place."""
    return roots.state_file().parent / "jobs"


def new_path() -> Path:
    """Return a place for a new log."""
    return folder() / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.jsonl"


@contextmanager
def alone() -> Iterator[None]:
    """Let no other process of this user touch files of duplicates meanwhile: two that keep what the other removes
    would keep nothing. Raises StorageError where another is at it.
    """
    path = folder() / "lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        if not _lock(descriptor):
            raise StorageError(f"{path}: another process works on files of duplicates; wait until that has ended")
        yield
    finally:
        os.close(descriptor)


class Journal:
    """A log that is written. A context manager."""

    def __init__(self, path: Path, header: dict[str, Any] | None = None) -> None:
        """Begin a new log with this header, or go on with one that is there. Raises StorageError."""
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if header is not None else 0)
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror}; name another log with --log") from error
        if not _lock(self._descriptor):
            os.close(self._descriptor)
            raise StorageError(f"{path}: another process is at it; wait until that has ended")
        if header is None:
            self._end_line()
        else:
            self.write({"log": "lookalike duplicates", "version": VERSION, **header})
            sync_folder(path.parent)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)

    def write(self, line: dict[str, Any]) -> None:
        """Write a line; on return it is on the disk. Raises StorageError: then nothing more may be done."""
        data = (json.dumps(line, ensure_ascii=True) + "\n").encode()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            told = f"{self.path}: cannot be written: {error.strerror}; nothing more is touched"
            raise StorageError(f"{told}; make room, and bring back what was done with 'lookalike undo'") from error

    def _end_line(self) -> None:
        """End a line that a crash has cut."""
        with self.path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    os.write(self._descriptor, b"\n")


def is_in_use(path: Path) -> bool:
    """Return whether a process writes this log now: a lock ends with its process, however that ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a log, the header first; without one that was cut. Raises StorageError where it is none."""
    try:
        with path.open("rb") as file:
            first = True
            while line := file.readline(LONGEST):
                try:
                    document = json.loads(line)
                except ValueError:
                    document = None
                if first and (not isinstance(document, dict) or document.get("log") != "lookalike duplicates"):
                    raise StorageError(f"{path}: is no log of 'lookalike duplicates --apply'")
                if first and isinstance(document, dict) and document.get("version") != VERSION:
                    raise StorageError(f"{path}: was written by another version of lookalike")
                first = False
                if isinstance(document, dict):
                    yield document
            if first:
                raise StorageError(f"{path}: is empty")
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
