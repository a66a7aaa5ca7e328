"""Checked blocks of segments, kept on a disk of this machine: `/tmp` of a function, any folder of a laptop.

One sparse file a column, in which each block lies where it lies in the column. There is no list of what is there: a
block is there if its CRC-32, which the segment has, says so. A hole, a block that was half written when its process was
killed, and one that the disk changed are all the same: not there. So any number of processes may read and write at
once, without locks; and since segments are immutable, nothing is ever out of date.
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
"""Bytes kept by default: what a function's `/tmp` has without paying for more."""

OURS = ".lookalike"
"""How the names of all files end that belong to a cache, and that it may remove: the folder may be anybody's."""

LOOK_AFTER = 16
"""A process looks how full the folder is after writing a sixteenth of the limit,"""

SPARE = 8
"""and leaves an eighth free then: two processes at once stay within the limit, each other one may pass it by a
sixteenth for a moment."""


class DiskCache:
    """Blocks of columns in `folder`, up to `limit` bytes; files least recently used go first, and no others' files.

    A disk that cannot be written to any more, full or gone, is as good as none: what is not kept is fetched again.
    `clock` gives ns since 1970. Raises StorageError where the folder cannot be made.
    """

    def __init__(
        self, folder: str | os.PathLike[str], limit: int = CACHE_BYTES, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._room = 0
        try:
            # what an index holds is nobody else's business, and neither is what is believed to be in it
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder}: cannot be the cache's folder: {error.strerror}") from error

    def checks(self, segment: str) -> bytes | None:
        """The checksums of a segment, if they are there and whole."""
        with suppress(OSError), self._open(segment, CHECKS, os.O_RDONLY) as file:
            data = os.pread(file, os.fstat(file).st_size, 0)
            # nothing in the segment says whether checksums are right: here something has to
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
        """(blocks,) bool: where a column's file has something. Whether it is right, its CRC-32 tells."""
        with suppress(OSError), self._open(segment, name, os.O_RDONLY) as file:
            return _stored(file, column)
        return np.zeros(column.blocks, bool)

    def load(self, segment: str, name: str, column: Column, wanted: NDArray[np.bool_]) -> list[tuple[int, bytes]]:
        """(first byte, bytes) of runs of those wanted blocks, (blocks,) bool, that are stored. Not yet checked."""
        found: list[tuple[int, bytes]] = []
        with suppress(OSError), self._open(segment, name, os.O_RDONLY) as file:
            for start, stop in runs_of(wanted & _stored(file, column), column):
                found.append((start, os.pread(file, stop - start, start)))
        return found

    def save(self, segment: str, name: str, pieces: Sequence[tuple[int, memoryview]]) -> None:
        """Keep whole, checked blocks of a column: (first byte, bytes) each."""
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
        """A column's file, marked as used now, as are the checksums, without which it is of no use."""
        file = os.open(self._path(segment, name), flags | os.O_NOFOLLOW, 0o600)
        try:
            yield file
            times = (self._clock(),) * 2
            os.utime(file, ns=times)
            os.utime(self._path(segment, CHECKS), ns=times)
        finally:
            os.close(file)

    def _make_room(self, size: int) -> bool:
        """Whether so many bytes may be written; removes files for that, the least recently used first."""
        with self._lock:
            if size <= self._room:
                self._room -= size
                return True
            most = self.limit - self.limit // SPARE - size
            if most < 0:
                return False
            self._shrink(most)
            self._room = self.limit // LOOK_AFTER
            return True

    def _shrink(self, most: int) -> None:
        """Remove files until those left take at most so many bytes of the disk. Whoever has one open keeps it."""
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
            if total <= most:
                return
            with suppress(OSError):
                path.unlink()
                total -= size


def runs_of(blocks: NDArray[np.bool_], column: Column) -> list[tuple[int, int]]:
    """(first byte, byte after the last) of each run of these blocks of a column."""
    edges = np.flatnonzero(np.diff(blocks, prepend=False, append=False)).reshape(-1, 2)
    return [(first * CHECK_BLOCK, min(last * CHECK_BLOCK, column.size)) for first, last in edges.tolist()]


def _stored(file: int, column: Column) -> NDArray[np.bool_]:
    """(blocks,) bool: the blocks without a hole."""
    found = np.zeros(column.blocks, bool)
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
        found[-(-start // CHECK_BLOCK) : column.blocks if at >= column.size else at // CHECK_BLOCK] = True
    return found
