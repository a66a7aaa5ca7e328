"""Files to import: recognised by their content, unpacked where they are gzip, and known by a digest."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, cast

from shards.errors import DumpUnreadable

HEAD = 1 << 16
"""Bytes by which a file is recognised."""

PIECE = 1 << 20

GZIP = b"\x1f\x8b"


DAMAGED = (EOFError, OSError, zlib.error)
"""What reading raises where a file is damaged, or was cut off, in its packing."""


class _Unpacked(gzip.GzipFile):
    """A file of gzip that gives all that comes before a damage, and then raises."""

    _damage: Exception | None = None

    def read(self, size: int | None = -1) -> bytes:
        """Return as many bytes, fewer before the end or before a damage. Raises one of DAMAGED."""
        if self._damage is not None:
            raise self._damage
        missing = sys.maxsize if size is None or size < 0 else size
        pieces: list[bytes] = []
        try:
            while missing and (piece := self.read1(min(missing, PIECE))):
                pieces.append(piece)
                missing -= len(piece)
        except DAMAGED as error:
            if not pieces:
                raise
            self._damage = error
        return b"".join(pieces)


class DumpFile:
    """A file, perhaps packed by gzip. A context manager: on leaving, what was unpacked is deleted."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Use this file. `name`: what messages call it. Raises DumpUnreadable where it cannot be read."""
        self.path = path
        self.name = name or str(path)
        self._stack = ExitStack()
        self.packed_size = 0
        if self.path.is_dir():
            self.is_gzip = False
            return
        if not self.path.is_file():
            raise DumpUnreadable(f"{self.name}: {'is no file' if self.path.exists() else 'no such file'}")
        try:
            self.packed_size = self.path.stat().st_size
            with self.path.open("rb") as file:
                self.is_gzip = file.read(2) == GZIP
        except OSError as error:
            raise DumpUnreadable(f"{self.name}: {error.strerror}") from error

    @classmethod
    def given(cls, source: str) -> DumpFile:
        """Return the file of a command's argument; `-` is standard input, which is kept on disk meanwhile.

        It has to be read twice: once to know whether it was imported before.
        """
        if source != "-":
            return cls(Path(source))
        folder = tempfile.TemporaryDirectory(prefix="lookalike-import-")
        path = Path(folder.name) / "standard input"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, PIECE)
        made = cls(path, "standard input")
        made._stack.enter_context(folder)
        return made

    def __enter__(self) -> DumpFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete what was unpacked."""
        self._stack.close()

    @cached_property
    def head(self) -> bytes:
        """The first `HEAD` bytes of the content, unpacked; none of a folder."""
        if self.path.is_dir():
            return b""
        with self.open() as file:
            return file.read(HEAD)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the content, unpacked. Raises DumpUnreadable, while it is read too."""
        try:
            with _Unpacked(self.path, "rb") if self.is_gzip else self.path.open("rb") as file:
                yield cast("IO[bytes]", file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DumpUnreadable(f"{self.name}: the gzip file is damaged or ends early ({error})") from error
        except OSError as error:
            raise DumpUnreadable(f"{self.name}: {error.strerror or error}") from error

    @staticmethod
    def position(content: IO[bytes]) -> int:
        """Return how many bytes of the file, as it is packed, were read of the content that `open` gave."""
        return int(getattr(content, "fileobj", content).tell())

    def unpacked(self) -> Path:
        """Return the path of a file with the unpacked content, for readers that need one: it lives until `close`."""
        if not self.is_gzip:
            return self.path
        path = self.folder() / "unpacked"
        with self.open() as packed, path.open("wb") as file:
            shutil.copyfileobj(packed, file, PIECE)
        return path

    def folder(self) -> Path:
        """Return a new, empty folder that lives until `close`."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalike-import-")))

    def digest(self) -> str:
        """Return the digest of the content as it is packed: 32 hex digits of BLAKE2b.

        What SQLite has written but not moved into its database is part of it.
        """
        digest = hashlib.blake2b(digest_size=16)
        for path in (self.path, *self.unsettled()):
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
        return digest.hexdigest()

    def unsettled(self) -> list[Path]:
        """Return the files beside an SQLite database without which its content is not complete, as far as they exist.

        These are the write-ahead log and the rollback journal, which go into the database or away as soon as SQLite
        opens it for writing. SQLite has them beside the file that a link leads to.
        """
        file = self.path.resolve()
        beside = (file.with_name(file.name + ending) for ending in ("-wal", "-journal"))
        return [path for path in beside if path.is_file() and path.stat().st_size]
