"""Which names an object can have, the same in every backend."""

from __future__ import annotations

import re

from shards.errors import StorageError

PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
"""One part of a name. 255 bytes is what file systems allow. A leading dot is left to what is no object
(temporary files, a desktop's own), which also keeps `.` and `..` out."""

LONGEST = 1024
"""Bytes of a name: the limit of S3, GCS and Azure."""


def is_name(name: str) -> bool:
    """Whether an object can have this name."""
    return 0 < len(name) <= LONGEST and all(PART.fullmatch(part) for part in name.split("/"))


def check_name(name: str) -> None:
    """Raises StorageError unless an object can have this name."""
    if not is_name(name):
        raise StorageError(
            f"{name!r}: no object can have this name; it is parts of a-z A-Z 0-9 . _ - joined by '/',"
            f" none empty, over 255 characters or beginning with a dot, {LONGEST} in all"
        )


def folder_of(prefix: str) -> str | None:
    """The folder that holds every name with this prefix: "" or ending in `/`. None where no name begins so."""
    folder = prefix[: prefix.rfind("/") + 1]
    return folder if not folder or is_name(folder[:-1]) else None
