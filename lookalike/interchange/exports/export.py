"""The contract of an export, and the file that it is written to."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lookalike.index import Index
from shards.errors import QueryError
from shards.table.format.records import Record

STDOUT = "-"


@dataclass(slots=True)
class Export:
    """One run of an export."""

    index: Index
    target: str
    """Path of the file to write; `-` for standard output."""

    family: str | None = None
    """The only family to export; all of them, or the one that the format can hold, unless given."""

    prefix: str = ""
    """Only images whose keys begin so."""

    progress: Callable[[int], None] = lambda _: None
    """Called with numbers of images that are done."""

    rows: int = 0
    """Images that were written."""

    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Keys that the format cannot hold, each with the reason."""

    notes: list[str] = field(default_factory=list)
    """What people should know."""

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families to export."""
        names = tuple(family.name for family in self.index.families)
        if self.family is None:
            return names
        if self.family not in names:
            raise QueryError(f"{self.index.url} has no signatures of {self.family}, only of {', '.join(names)}")
        return (self.family,)

    def records(self) -> Iterator[Record]:
        """Yield the records to export, each counted as done when the next is asked for."""
        for record in self.index.records(prefix=self.prefix):
            yield record
            self.progress(1)

    def path(self, suffix: str) -> Path:
        """Return the path of the file, for formats that are no stream. Raises QueryError for standard output."""
        if self.target == STDOUT:
            raise QueryError(f"this format is a file, no stream: name one, such as -o images{suffix}")
        return Path(self.target)

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """Open the file or standard output to write to. The file is there when all of it is written."""
        if self.target == STDOUT:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with written_whole(Path(self.target)) as temporary, temporary.open("wb") as file:
            yield file


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`, which it replaces at the end, unless there was an error."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # as a file that a program makes is: readable by those that the umask lets
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
