"""A cache of checked blocks on a disk of this machine: `/tmp` of a function, any folder of a laptop.

Each column has a sparse file, in which each block lies where it lies in the column. No list says which blocks are
there: a block is there if its CRC-32 is the one in the segment. A hole, a block that was half written when its process
was killed, and a block that the disk changed are all the same: not there. So any number of processes may read and write
at once, without locks; and since segments are immutable, nothing is ever out of date.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shards.errors import StorageError
from shards.table.format.columns import CHECK_BLOCK, CHECKS, Column

CACHE_BYTES = 512 << 20
"""Bytes that are kept by default: the size of a function's `/tmp` that costs nothing."""

OURS = ".lookalike"
"""Ending of the names of a cache's files. No other file is ever removed: the folder may be anybody's."""

LOOK_AFTER = 16
"""A process checks how full the folder is after writing a sixteenth of the limit."""

SPARE = 8
"""An eighth of the limit is left free by that check: two processes at once stay within the limit, and each further one
may pass it by a sixteenth for a moment."""


class DiskCache:
    """Blocks of columns in a folder, up to a limit; the least recently used files go first.

    A disk that cannot be written to any more, full or gone, is no error: blocks that are not kept are fetched again.
    """

    def __init__(
        self, folder: str | os.PathLike[str], limit: int = CACHE_BYTES, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Use `folder` for up to `limit` bytes. `clock` returns ns since 1970. Raises StorageError for a bad folder."""
        self.folder = Path(folder).expanduser().absolute()
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._room = 0
        try:
            # others may neither read what an index holds, nor write what is believed to be in it
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder}: cannot be the cache's folder: {error.strerror}") from error

    def checks(self, segment: str) -> bytes | None:
        """Return the checksums of a segment, or None if they are not there or not whole."""
        with suppress(OSError), self._open(segment, CHECKS, os.O_RDONLY) as file:
            data = os.pread(file, os.fstat(file).st_size, 0)
            # nothing in the segment says whether its checksums are right, so they have a checksum of their own here
            if int.from_bytes(data[:4], "little") == zlib.crc32(data[4:]):
                return data[4:]
        return None

    def save_checks(self, segment: str, data: bytes | memoryview) -> None:
        """Keep the checksums of a segment, all at once."""
        temporary = self.folder / f"{secrets.token_hex(16)}.tmp{OURS}"
        if self._make_room(len(data)):
            with suppress(OSError):
                try:
                    temporary.write_bytes(zlib.crc32(data).to_bytes(4, "little") + data)
                    temporary.replace(self._path(segment, CHECKS))
                finally:
                    temporary.unlink(missing_ok=True)

    def stored(self, segment: str, name: str, column: Column) -> NDArray[np.bool_]:
        """Return (blocks,) bool: the blocks that a column's file has, right or wrong."""
        with suppress(OSError), self._open(segment, name, os.O_RDONLY) as file:
            return _stored(file, column)
        return np.zeros(column.blocks, bool)

    def load(self, segment: str, name: str, column: Column, wanted: NDArray[np.bool_]) -> list[tuple[int, bytes]]:
        """Return (first byte, bytes) of the runs of wanted blocks, (blocks,) bool, that are stored. Not checked yet."""
        runs: list[tuple[int, bytes]] = []
        with suppress(OSError), self._open(segment, name, os.O_RDONLY) as file:
            for start, stop in runs_of(wanted & _stored(file, column), column):
                runs.append((start, os.pread(file, stop - start, start)))
        return runs

    def save(self, segment: str, name: str, pieces: Sequence[tuple[int, memoryview]]) -> None:
        """Keep runs of whole, checked blocks of a column: (first byte, bytes) of each."""
        if not self._make_room(sum(len(data) for _, data in pieces)):
            return
        with suppress(OSError), self._open(segment, name, os.O_WRONLY | os.O_CREAT) as file:
            for start, data in pieces:
                written = 0
                while written < len(data):
                    written += os.pwrite(file, data[written:], start + written)

    def _path(self, segment: str, name: str) -> Path:
        return self.folder / f"{segment.replace('/', '-')}.{name}{OURS}"

    @contextmanager
    def _open(self, segment: str, name: str, flags: int) -> Iterator[int]:
        """Open a column's file, and mark it and the checksums, without which it is of no use, as used now."""
        file = os.open(self._path(segment, name), flags | os.O_NOFOLLOW, 0o600)
        try:
            yield file
            times = (self._clock(),) * 2
            os.utime(file, ns=times)
            os.utime(self._path(segment, CHECKS), ns=times)
        finally:
            os.close(file)

    def _make_room(self, size: int) -> bool:
        """Return True if `size` bytes may be written; removes files for that, the least recently used first."""
        with self._lock:
            if size <= self._room:
                self._room -= size
                return True
            max_bytes = self.limit - self.limit // SPARE - size
            if max_bytes < 0:
                return False
            self._shrink(max_bytes)
            self._room = self.limit // LOOK_AFTER
            return True

    def _shrink(self, max_bytes: int) -> None:
        """Remove files until the rest takes at most `max_bytes` of the disk. A process that has one open keeps it."""
        files: list[tuple[int, int, Path]] = []
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if not entry.name.endswith(OURS):
                    continue
                # another process may just have removed it
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    files.append((status.st_mtime_ns, status.st_blocks * 512, Path(entry.path)))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= max_bytes:
                return
            with suppress(OSError):
                path.unlink()
                total -= size


def runs_of(blocks: NDArray[np.bool_], column: Column) -> list[tuple[int, int]]:
    """Return (first byte, byte after the last) of each run of these blocks, (blocks,) bool, of a column."""
    edges = np.flatnonzero(np.diff(blocks, prepend=False, append=False)).reshape(-1, 2)
    return [(first * CHECK_BLOCK, min(last * CHECK_BLOCK, column.size)) for first, last in edges.tolist()]


def _stored(file: int, column: Column) -> NDArray[np.bool_]:
    """Return (blocks,) bool: the blocks without a hole."""
    is_stored = np.zeros(column.blocks, bool)
    at = 0
    while at < column.size:
        try:
            start = os.lseek(file, at, os.SEEK_DATA)
            at = os.lseek(file, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                # nothing but a hole from here on
                break
            raise
        is_stored[-(-start // CHECK_BLOCK) : column.blocks if at >= column.size else at // CHECK_BLOCK] = True
    return is_stored
