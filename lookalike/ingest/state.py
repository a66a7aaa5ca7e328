"""What programs note for this user between runs, by the address of the index: small JSON files, none of an index."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from shards.errors import StorageError

MAX_BYTES = 64 << 20

Entry = TypeVar("Entry")


def folder() -> Path:
    """Return where this user's programs keep such things (XDG Base Directory Specification). Raises RuntimeError."""
    given = os.environ.get("XDG_STATE_HOME", "")
    # the specification has relative paths ignored
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "lookalike"


@dataclass(frozen=True, slots=True)
class StateFile(Generic[Entry]):
    """A file of one entry for each index. Processes change it one after the other, and read it whole."""

    name: str

    what: str
    """What it holds, in words."""

    is_entry: Callable[[Any], bool]
    """Returns whether a value of JSON is an entry."""

    @property
    def path(self) -> Path:
        """The file. Raises RuntimeError where this user has no home."""
        return folder() / self.name

    def of(self, index: str) -> Entry | None:
        """Return the entry of the index at this address. Raises StorageError where the file is something else."""
        try:
            return self._read().get(index)
        except RuntimeError:
            return None  # nobody's home

    def change(self, index: str, changed: Callable[[Entry | None], Entry]) -> None:
        """Put what `changed` makes of an index's entry in its place. Raises StorageError, OSError and RuntimeError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self.path.with_suffix(".lock")):
            state = self._read()
            before = state.get(index)
            after = changed(before)
            if after != before:
                _write(self.path, {**state, index: after})

    def _read(self) -> dict[str, Entry]:
        file = self.path
        try:
            with file.open("rb") as opened:
                document = json.loads(opened.read(MAX_BYTES))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise StorageError(f"{file}: cannot be read: {error}; remove it, and add the folders again") from error
        if not isinstance(document, dict) or not all(map(self.is_entry, document.values())):
            raise StorageError(f"{file}: is no list of {self.what} by index; remove it, and add the folders again")
        return document


def _write(file: Path, state: dict[str, Any]) -> None:
    temporary = file.with_suffix(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(state, indent=0), encoding="utf-8")
        temporary.replace(file)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep other processes from writing meanwhile."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
