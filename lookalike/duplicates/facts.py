"""Facts of files by which people choose the one to keep: bytes, format, dates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from shards.pictures.containers import media_type
from shards.pictures.taken import read_taken
from shards.storage.originals import Roots, is_url
from shards.table.read.snapshot import Image

HEAD = 256 << 10
"""Bytes of a file that are read: EXIF stands in the first 64 KB of a JPEG, and before the pixels of most others."""

LEAST_COMPRESSED = ("tiff", "bmp", "png", "webp", "avif", "heic", "heif", "jpeg", "gif")
"""Formats, by what is kept of a picture in them: what has no loss first. WebP and AVIF may have none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image's file."""

    bytes: int | None = None

    format: str | None = None
    """Such as JPEG."""

    taken: str | None = None
    """Local time of the camera, as EXIF has it."""

    modified_ns: int | None = None
    """Time of the file's last change, in ns since 1970."""

    has_exif: bool | None = None

    is_grey: bool | None = None
    """Whether the picture has no colours; None where its pixels were not read."""

    is_link: bool = False
    """Whether its place is a symbolic link to a file: what is kept is a file."""

    path: str | None = None
    """Where the file is; None where no file of this machine is known, or it is below no root."""

    @property
    def modified(self) -> str | None:
        """The time of the file's last change, in RFC 3339."""
        if self.modified_ns is None:
            return None
        return f"{datetime.fromtimestamp(self.modified_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"


def folder_of(key: str) -> str:
    """Return the key without its last part, and without a slash at the end."""
    return str(PurePosixPath(key).parent) if "/" in key else ""


def facts_of(images: Iterable[Image], roots: Roots) -> Mapping[str, Facts]:
    """Return the facts of these images, by key. Files alone are looked at, not what lies in buckets."""
    return {image.key: _facts(image, roots) for image in images}


def _facts(image: Image, roots: Roots) -> Facts:
    source = image.source
    size, mtime = source.get("size"), source.get("mtime_ns")
    known = size if isinstance(size, int) else None
    changed = mtime if isinstance(mtime, int) else None
    path = source.get("path")
    place = roots.resolved(path) if isinstance(path, str) and not is_url(path) else None
    suffix = Path(path if isinstance(path, str) else image.key).suffix.lower().removeprefix(".")
    by_name = {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix)
    named = by_name.upper() if by_name in LEAST_COMPRESSED else None
    if place is None:
        return Facts(known, named, None, changed)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            status, head = os.fstat(descriptor), file.read(HEAD)
    except OSError:
        return Facts(known, named, None, changed)
    kind = media_type(head[:512])
    taken = read_taken(head)
    form = named if kind is None else kind.partition("/")[2].upper()
    is_link = Path(str(path)).is_symlink()
    return Facts(status.st_size, form, taken.at, status.st_mtime_ns, taken.has_exif, None, is_link, str(path))
