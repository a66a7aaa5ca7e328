"""What to add: files by name, folders, globs, and lists of names, with the key of each picture."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from lookalike.ingest.refused import RefusedError
from shards.errors import KeyInvalid
from shards.table.format import names

EXTENSIONS = frozenset(
    {"apng", "avif", "avifs", "bmp", "dds", "dib", "gif", "heic", "heif", "hif", "icns", "ico", "j2c", "j2k", "jfif"}
    | {"jp2", "jpe", "jpeg", "jpf", "jpg", "jpx", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "psd", "qoi", "sgi"}
    | {"tga", "tif", "tiff", "webp"}
)
"""Of files that are pictures by their name, and that `shards.pictures.decoding` can read."""

MAGIC = "*?["
"""Characters that make a name a glob, unless a file has exactly this name."""

FolderId: TypeAlias = tuple[int, int]
"""Device and inode: equal for equal folders, whatever they are called."""


@dataclass(frozen=True, slots=True)
class Found:
    """A picture to add. `path`: absolute, or a URL. `mtime_ns`: last change, in ns since 1970."""

    key: str
    path: str
    size: int
    mtime_ns: int

    @property
    def source(self) -> dict[str, Any]:
        """What the record says of where it came from; equal means that the picture has not changed."""
        return {"path": self.path, "size": self.size, "mtime_ns": self.mtime_ns}


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something there that cannot be added. `key`: which it would have had; it ends in `/` for a whole folder."""

    key: str
    reason: str
    message: str


Seen: TypeAlias = Found | Unusable


@dataclass(frozen=True, slots=True)
class Rules:
    """`prefix`: stands before every key. `all_files`: whatever the names end in. `skip`: a folder left alone."""

    prefix: str = ""
    all_files: bool = False
    skip: FolderId | None = None

    def is_picture(self, name: str) -> bool:
        return self.all_files or has_picture_extension(name)


def has_picture_extension(name: str) -> bool:
    return os.path.splitext(name)[1][1:].lower() in EXTENSIONS  # noqa: PTH122 - a Path for each file costs seconds


def folder_id(path: str) -> FolderId | None:
    """Which folder this is; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def named(name: str, rules: Rules) -> Iterator[Seen]:
    """A file, whatever its name ends in, or everything in a folder. Raises RefusedError where there is neither."""
    try:
        status = os.stat(name)  # noqa: PTH116
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RefusedError(f"{_printable(name)}: {reason}") from error
    if stat.S_ISDIR(status.st_mode):
        yield from in_folder(name, rules)
    else:
        yield _file(rules.prefix + _as_given(name), os.path.abspath(name), status)  # noqa: PTH100 - links stay links


def in_list(listed: Iterator[str], rules: Rules) -> Iterator[Seen]:
    """As `named`, for each; a name without a file is no reason to give up the others."""
    for name in listed:
        try:
            yield from named(name, rules)
        except RefusedError as error:
            yield Unusable(_printable(rules.prefix + _as_given(name)), "unreadable", str(error))


def is_glob(name: str) -> bool:
    return any(character in name for character in MAGIC) and not os.path.lexists(name)


def in_glob(pattern: str, rules: Rules) -> Iterator[Seen]:
    """The pictures whose names match; `**` stands for any number of folders. Folders that match are not entered.

    Raises RefusedError where nothing matches.
    """
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    first = next(i for i, part in enumerate(parts) if any(character in part for character in MAGIC))
    base = ("/" if pattern.startswith("/") else "") + "/".join(parts[:first])
    wanted = parts[first:]
    depth = None if "**" in wanted else len(wanted)
    prefix = rules.prefix + (os.path.join(_as_given(base), "") if base else "")  # noqa: PTH118
    below = Rules(prefix, rules.all_files, rules.skip)
    any_match = False
    for seen in in_folder(base or ".", below, depth, lambda inside: _matches(inside.split("/"), wanted)):
        any_match = True
        yield seen
    if not any_match:
        raise RefusedError(f"{_printable(pattern)}: no picture's name matches")


def in_folder(
    root: str, rules: Rules, depth: int | None = None, accepts: Callable[[str], bool] = lambda _: True
) -> Iterator[Seen]:
    """Every picture in a folder and the folders in it, `depth` levels at most, by name; hidden ones are left out.

    Keys are the paths inside the folder, the bytes of their names as they are. Links are followed, except into a
    folder that the way there leads through already. Raises RefusedError where the folder cannot be read.
    """
    absolute = os.path.abspath(root)  # noqa: PTH100
    try:
        own = os.stat(root)  # noqa: PTH116
    except OSError as error:
        raise RefusedError(f"{_printable(root)}: {error.strerror}") from error
    folders: list[tuple[str, frozenset[FolderId]]] = [("", frozenset({(own.st_dev, own.st_ino)}))]
    while folders:
        inside, way = folders.pop()
        try:
            with os.scandir(os.path.join(absolute, inside)) as scan:  # noqa: PTH118
                entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda e: e.name)
        except FileNotFoundError:
            continue  # removed since its parent was read
        except OSError as error:
            if not inside:
                raise RefusedError(f"{_printable(root)}: {error.strerror}") from error
            yield Unusable(_printable(rules.prefix + inside), "unreadable", f"cannot open the folder: {error.strerror}")
            continue
        deeper = []
        for entry in entries:
            if _is_folder(entry):
                below = _enter(entry, way, rules.skip)
                if below is not None and (depth is None or inside.count("/") + 1 < depth):
                    deeper.append((f"{inside}{entry.name}/", below))
            elif rules.is_picture(entry.name) and accepts(inside + entry.name):
                seen = _entry(rules.prefix + inside + entry.name, entry)
                if seen is not None:
                    yield seen
        folders += reversed(deeper)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself, say


def _enter(entry: os.DirEntry[str], way: frozenset[FolderId], skip: FolderId | None) -> frozenset[FolderId] | None:
    """The way into this folder, None where it must not be entered or is gone."""
    here = folder_id(entry.path)
    if here is None:
        return None
    return None if here in way or here == skip else way | {here}


def _entry(key: str, entry: os.DirEntry[str]) -> Seen | None:
    try:
        return _file(key, entry.path, entry.stat())
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not entry.is_symlink():
            return None  # removed since its folder was read
        return Unusable(_printable(key), "unreadable", f"{_printable(entry.path)}: {error.strerror}")


def _file(key: str, path: str, status: os.stat_result) -> Seen:
    if not stat.S_ISREG(status.st_mode):
        message = f"{_printable(path)}: this is no file, but a device, a pipe or a socket"
        return Unusable(_printable(key), "unreadable", message)
    return checked(Found(key, path, status.st_size, status.st_mtime_ns))


def checked(found: Found) -> Seen:
    """The same, if its key can be a key, and its path be written down."""
    try:
        found.path.encode()
        names.key_bytes(found.key)
    except UnicodeEncodeError:
        # what is no UTF-8 would not survive as JSON
        message = f"{_printable(found.path)}: the name is not valid UTF-8; rename it"
        return Unusable(_printable(found.key), "name", message)
    except KeyInvalid as error:
        return Unusable(_printable(found.key), "key", str(error))
    return found


def _as_given(name: str) -> str:
    return os.path.normpath(name)


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether the parts of a path match those of a glob."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[n:], pattern[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _printable(name: str) -> str:
    """The name with `\\xff` for each byte that is no UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
