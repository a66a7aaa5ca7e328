"""Large bodies of objects, laid out on a disk of this machine and mapped, so that memory need not hold them."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable
from typing import IO, TypeVar

from shards.errors import StorageError

Result = TypeVar("Result")


def lay_out(write: Callable[[IO[bytes]], Result], failed: str) -> tuple[Result, memoryview]:
    """Have `write` fill a file that nobody else sees; return what it returned, and the file's bytes.

    `failed`: the beginning of the message where that disk has no room, up to the folder. Raises StorageError then.
    """
    try:
        with tempfile.TemporaryFile() as file:
            result = write(file)
            file.flush()
            return result, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise StorageError(
            f"{failed} {tempfile.gettempdir()}: {error.strerror}; free some room there, or set TMPDIR to a folder with"
            " more"
        ) from error
