"""Large bodies of objects, laid out on a disk of this machine and mapped, so that memory need not hold them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import IO, TypeVar

from shards.errors import StorageError
from shards.storage.maps import SMALLEST_MAP, map_file

Result = TypeVar("Result")

NAMELESS = ""
"""The path of a file that is in no folder."""


def lay_out(write: Callable[[IO[bytes]], Result], failed: str) -> tuple[Result, memoryview]:
    """Have `write` fill a file that nobody else sees; return what it returned, and the file's bytes.

    No descriptor stays open, since a commit may have as many bodies as an index has shards; a small body is never on
    the disk. `failed`: the beginning of the message where that disk has no room, up to the folder. Raises StorageError
    then.
    """
    try:
        with tempfile.SpooledTemporaryFile(max_size=SMALLEST_MAP) as file:
            result = write(file)
            if file.seek(0, os.SEEK_END) <= SMALLEST_MAP:
                file.seek(0)
                return result, memoryview(file.read())
            file.flush()
            return result, map_file(file.fileno(), NAMELESS, os.fstat(file.fileno()))
    except OSError as error:
        raise StorageError(
            f"{failed} {tempfile.gettempdir()}: {error.strerror}; free some room there, or set TMPDIR to a folder with"
            " more"
        ) from error
