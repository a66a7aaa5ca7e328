"""An original: the file or object that an image of an index is made from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

from shards.errors import LookalikeError

EXTENSIONS = frozenset(
    {"apng", "avif", "avifs", "bmp", "dds", "dib", "gif", "heic", "heif", "hif", "icns", "ico", "j2c", "j2k", "jfif"}
    | {"jp2", "jpe", "jpeg", "jpf", "jpg", "jpx", "mpo", "pbm", "pcx", "pfm", "pgm", "png", "pnm", "ppm", "psd", "qoi"}
    | {"sgi", "tga", "tif", "tiff", "webp"}
)
"""Extensions of names of pictures, of the kinds that `shards.pictures.decoding` can read."""

UNREAD_EXTENSIONS = frozenset(
    {"ai", "bpg", "djvu", "emf", "eps", "exr", "flif", "hdr", "jls", "jxl", "jxr", "pam", "psb", "svg", "svgz", "wdp"}
    | {"wmf", "xcf"}
    # of cameras
    | {"arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw"}
    | {"x3f"}
)
"""Extensions of names of pictures that are not read here."""

RAW = frozenset(
    {"arw", "cr2", "cr3", "dcr", "dng", "erf", "mrw", "nef", "nrw", "orf", "pef", "raf", "rw2", "srw", "x3f"}
)
"""Extensions of raw files of cameras."""

EXTRAS = {"jxl": ("jxl", "pillow_jxl"), **dict.fromkeys(sorted(RAW), ("raw", "rawpy"))}
"""Extensions of pictures that are read where an extra is installed, with its name, and a module of it."""

VIDEOS = frozenset({"3gp", "avi", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "webm", "wmv"})
"""Extensions of videos, of which no picture is taken."""

NO_EXTENSION = "without extension"


def is_picture_name(name: str) -> bool:
    """Return whether this path or key ends as a picture's name does; a folder's, which ends in a slash, never does."""
    ending = extension(name)
    return ending in EXTENSIONS or (ending in EXTRAS and _is_installed(EXTRAS[ending][1]))


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


def extension(name: str) -> str:
    """Return the extension of this path or key, in lower case and without its dot; "" where it has none."""
    return os.path.splitext(name)[1][1:].lower()  # noqa: PTH122 - a Path for each file costs seconds


class SourceUnreadable(LookalikeError):
    """A file, folder, glob or bucket that cannot be read, or that holds nothing to add."""


class OriginalArchived(LookalikeError):
    """An object that its store has put into an archive: it cannot be read until somebody has it restored."""


ARCHIVED_HELP = (
    "objects in an archive (Glacier, Deep Archive, or the archive tiers of Intelligent-Tiering) cannot be read: have"
    " them restored, then copy each over itself in class STANDARD; the event of the copy adds it"
)
"""What to do about them."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file or object as a folder or a listing shows it."""

    key: str
    """The key that its image has in the index, or gets."""

    path: str
    """An absolute path, or a URL."""

    size: int
    """In bytes."""

    mtime_ns: int
    """Its last change, in ns since 1970."""

    is_archived: bool = False
    """Whether the listing says that it cannot be read until somebody has it restored."""

    @property
    def source(self) -> dict[str, Any]:
        """The part of this that a record keeps. While it is equal, the original has not changed."""
        return {"path": self.path, "size": self.size, "mtime_ns": self.mtime_ns}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or object that was not taken from where it lies, since it is no picture that is read here."""

    kind: str
    """What tells it from others: its extension with the dot, or in words what it is."""

    is_picture: bool
    """Whether it is a picture all the same, of a kind that is not read."""

    @property
    def remark(self) -> str:
        """What there is to say of it: nothing of what is no picture."""
        ending = self.kind.removeprefix(".")
        if ending in EXTRAS:
            return f"needs lookalike[{EXTRAS[ending][0]}]"
        return "video" if ending in VIDEOS else "unsupported" if self.is_picture else ""

    @classmethod
    def named(cls, name: str) -> LeftOut:
        """Return what is left out under this name."""
        ending = extension(name)
        return cls(f".{ending}" if ending else NO_EXTENSION, ending in UNREAD_EXTENSIONS)


@dataclass(frozen=True, slots=True)
class Content:
    """An original that was read."""

    original: Original
    """Its size and time are those of the moment when it was read."""

    data: bytes | None = field(repr=False)
    """Its bytes; `None` if there are more than were asked for."""

    meta: Mapping[str, Any]
    """Metadata that lies with the original, for its record to keep."""


class Originals(Protocol):
    """The place that originals are read from, such as a bucket."""

    def read(self, key: str, max_bytes: int) -> Content | None:
        """Return the original of this key as it is now; `None` if there is none.

        Raises StorageError, OriginalArchived, and PictureError if its metadata cannot be read.
        """
        ...
