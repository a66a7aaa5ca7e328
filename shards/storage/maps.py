"""Maps of files that hold no descriptor open, and the look whether a mapped file is still as long as its map.

Reading a map behind the end of its file ends the process (SIGBUS), whatever the program. No look can rule that out, as
the file may be cut between the look and the read; but a look before each read leaves milliseconds in place of days.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import weakref
from dataclasses import dataclass

if sys.version_info >= (3, 13):

    class FileMap(mmap.mmap):
        """A map of a whole file."""

        file: MappedFile

    def _map(descriptor: int, size: int) -> FileMap:
        return FileMap(descriptor, size, access=mmap.ACCESS_READ, trackfd=False)

else:
    FileMap = ctypes.Array
    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.mmap.restype = ctypes.c_void_p
    _libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
    _libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)

    def _map(descriptor: int, size: int) -> ctypes.Array[ctypes.c_ubyte]:
        # until Python 3.13 an mmap object keeps a copy of the descriptor, and hundreds of them reach the limit
        address = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        array = (ctypes.c_ubyte * size).from_address(address)
        weakref.finalize(array, _libc.munmap, address, size)
        return array


SMALLEST_MAP = 1 << 16
"""Bytes from which on a file is mapped. A copy of a smaller one is as fast, and takes no map of the process's."""


@dataclass(frozen=True, slots=True)
class MappedFile:
    """The file below a map."""

    path: str
    device: int
    inode: int
    size: int


def map_file(descriptor: int, path: str, status: os.stat_result) -> memoryview:
    """Return a read-only map of the whole file that this descriptor, which may be closed then, has open.

    Raises OSError.
    """
    mapped = _map(descriptor, status.st_size)
    mapped.file = MappedFile(path, status.st_dev, status.st_ino, status.st_size)  # type: ignore[attr-defined,unused-ignore]
    return memoryview(mapped).cast("B").toreadonly()


def is_whole(view: memoryview) -> bool:
    """Return False where this is a view of a mapped file that has become shorter than its map: it must not be read.

    True for any other view. A file that was moved, or replaced by another one, cannot be looked at: its map lives on.
    """
    file = getattr(view.obj, "file", None)
    if not isinstance(file, MappedFile):
        return True
    try:
        now = os.stat(file.path)  # noqa: PTH116 - called before each read
    except OSError:
        return True
    return now.st_size >= file.size or (now.st_dev, now.st_ino) != (file.device, file.inode)
