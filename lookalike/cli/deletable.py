"""Files that can be deleted: the copies of each group whose file is still the one that was indexed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.ingest import objects
from shards.storage import originals

if TYPE_CHECKING:
    from lookalike.duplicates.find import Duplicates
    from shards.storage.originals import Roots
    from shards.table.read.snapshot import Image


@dataclass(frozen=True, slots=True)
class Deletable:
    """The files of the copies, as far as they can be deleted."""

    paths: list[bytes]
    """As the file system names them."""

    left_out: list[tuple[str, str]]
    """Keys whose files are not listed, with the reasons."""


def paths(found: Duplicates, roots: Roots, separator: str) -> Deletable:
    """Return the files below these roots that can be deleted. A file that any group keeps is never listed."""
    kept = {group.head.source.get("path") for group in found.groups}
    listed: list[bytes] = []
    left_out: list[tuple[str, str]] = []
    for group in found.groups:
        for copy in group.copies:
            reason = _why_not(copy.image, kept, roots, separator)
            if reason is None:
                listed.append(os.fsencode(str(copy.image.source["path"])))
            else:
                left_out.append((copy.image.key, reason))
    return Deletable(listed, left_out)


def _why_not(image: Image, kept: set[object], roots: Roots, separator: str) -> str | None:
    path = image.source.get("path")
    if not isinstance(path, str):
        return "the index does not know its file"
    if separator in path:
        return "its name has a line break; list with -0"
    if not roots.allow(path):
        return f"{path} is in no folder that was added here; name its folder with --originals"
    if path in kept:
        return "the same file is the one to keep under another key"
    size, mtime_ns = image.source.get("size"), image.source.get("mtime_ns")
    if originals.is_url(path):
        return None if objects.is_unchanged(path, size, mtime_ns) else f"{path} has changed since it was added"
    try:
        status = Path(path).stat()
    except OSError as error:
        return f"{path}: {error.strerror}"
    if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
        return f"{path} has changed since it was added"
    return None
