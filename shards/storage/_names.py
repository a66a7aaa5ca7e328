"""The names that an object can have, the same in every backend."""

from __future__ import annotations

import re

from shards.errors import StorageError

PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
"""One part of a name. File systems allow 255 bytes. No part begins with a dot, as temporary files and those of desktops
do; this also keeps `.` and `..` out."""

MAX_NAME_BYTES = 1024
"""Bytes of a name: the limit of S3, GCS and Azure."""


def is_name(name: str) -> bool:
    """Return True if an object can have this name."""
    return 0 < len(name) <= MAX_NAME_BYTES and all(PART.fullmatch(part) for part in name.split("/"))


def check_name(name: str) -> None:
    """Raise StorageError unless an object can have this name."""
    if not is_name(name):
        raise StorageError(
            f"{name!r}: no object can have this name; it is parts of a-z A-Z 0-9 . _ - joined by '/',"
            f" none empty, over 255 characters or beginning with a dot, {MAX_NAME_BYTES} in all"
        )


def folder_of(prefix: str) -> str | None:
    """Return the folder that holds every name with this prefix, "" or ending in `/`; None where no name begins so."""
    folder = prefix[: prefix.rfind("/") + 1]
    return folder if not folder or is_name(folder[:-1]) else None
