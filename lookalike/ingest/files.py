"""Originals in files: by name, in folders, by globs and by lists of names, each with its key."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

from lookalike.ingest.original import LeftOut, Original, SourceUnreadable, extension, is_picture_name
from lookalike.ingest.outcome import Failure
from shards.errors import KeyInvalid
from shards.pictures.kinds import kind_of
from shards.table.format import names

MAGIC = "*?["
"""Characters that make a name a glob, unless a file has exactly this name."""

FolderId: TypeAlias = tuple[int, int]
"""Device and inode: equal for equal folders, whatever they are called."""

Found: TypeAlias = Original | Failure
"""An original, or the reason why what was to be one is none."""

Seen: TypeAlias = Found | LeftOut
"""An entry of a folder, bucket or list."""

HEAD = 4096
"""Bytes of a file without an extension that are read, to see whether it is a picture."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for keys, and for which entries count as originals."""

    prefix: str = ""
    """Text in front of every key."""

    all_files: bool = False
    """Take every file, whatever its name ends in."""

    skip: FolderId | None = None
    """A folder that is not entered."""

    def is_picture(self, name: str) -> bool:
        """Return whether the entry of this name counts."""
        return self.all_files or is_picture_name(name)


def folder_id(path: str) -> FolderId | None:
    """Return the identity of this folder; `None` if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def named(name: str, rules: Rules) -> Iterator[Seen]:
    """Yield this file, whatever its name ends in, or everything in this folder. Raises SourceUnreadable."""
    try:
        status = os.stat(name)  # noqa: PTH116
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceUnreadable(f"{_printable(name)}: {reason}") from error
    if stat.S_ISDIR(status.st_mode):
        yield from in_folder(name, rules)
    else:
        yield at(rules.prefix + _as_given(name), os.path.abspath(name), status)  # noqa: PTH100 - links stay links


def in_list(listed: Iterator[str], rules: Rules) -> Iterator[Seen]:
    """Do as `named` for each of these; a name without a file yields a failure."""
    for name in listed:
        try:
            yield from named(name, rules)
        except SourceUnreadable as error:
            yield Failure(_printable(rules.prefix + _as_given(name)), "unreadable", str(error))


def is_glob(name: str) -> bool:
    """Return whether this is a pattern, not the name of a file."""
    return any(character in name for character in MAGIC) and not os.path.lexists(name)


def split_glob(pattern: str) -> tuple[str, list[str]]:
    """Return the folder in which a glob looks, "" for the current one, and the parts that names below it match."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    first = next(i for i, part in enumerate(parts) if any(character in part for character in MAGIC))
    return ("/" if pattern.startswith("/") else "") + "/".join(parts[:first]), parts[first:]


def in_glob(pattern: str, rules: Rules) -> Iterator[Seen]:
    """Yield the pictures whose names match; `**` stands for any number of folders. Folders that match are not entered.

    Raises SourceUnreadable if nothing matches.
    """
    base, wanted = split_glob(pattern)
    depth = None if "**" in wanted else len(wanted)
    prefix = rules.prefix + (os.path.join(_as_given(base), "") if base else "")  # noqa: PTH118
    below = Rules(prefix, rules.all_files, rules.skip)
    any_match = False
    for seen in in_folder(base or ".", below, depth, lambda inside: _matches(inside.split("/"), wanted)):
        any_match |= not isinstance(seen, LeftOut)
        yield seen
    if not any_match:
        raise SourceUnreadable(f"{_printable(pattern)}: no picture's name matches")


def in_folder(
    root: str, rules: Rules, depth: int | None = None, accepts: Callable[[str], bool] = lambda _: True
) -> Iterator[Seen]:
    """Yield the pictures of a folder and of the folders in it, `depth` levels at most, by name, without hidden ones.

    A picture is told by the extension of its name; where that has none, by its first bytes. Keys are the paths inside
    the folder, the bytes of their names unchanged. Links are followed, except into a folder that the path leads through
    already. `accepts`: says of a path inside the folder whether it is wanted. Raises SourceUnreadable.
    """
    absolute = os.path.abspath(root)  # noqa: PTH100
    try:
        own = os.stat(root)  # noqa: PTH116
    except OSError as error:
        raise SourceUnreadable(f"{_printable(root)}: {error.strerror}") from error
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
                raise SourceUnreadable(f"{_printable(root)}: {error.strerror}") from error
            yield Failure(_printable(rules.prefix + inside), "unreadable", f"cannot open the folder: {error.strerror}")
            continue
        deeper = []
        for entry in entries:
            if _is_folder(entry):
                below = _enter(entry, way, rules.skip)
                if below is not None and (depth is None or inside.count("/") + 1 < depth):
                    deeper.append((f"{inside}{entry.name}/", below))
            elif accepts(inside + entry.name):
                left_out = None if rules.is_picture(entry.name) else _left_out(entry)
                seen = left_out or _entry(rules.prefix + inside + entry.name, entry)
                if seen is not None:
                    yield seen
        folders += reversed(deeper)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself, say


def _enter(entry: os.DirEntry[str], way: frozenset[FolderId], skip: FolderId | None) -> frozenset[FolderId] | None:
    """Return the folders on the way with this one; `None` if it must not be entered, or is gone."""
    here = folder_id(entry.path)
    if here is None:
        return None
    return None if here in way or here == skip else way | {here}


def _left_out(entry: os.DirEntry[str]) -> LeftOut | None:
    """Return what this entry is, whose name is not that of a picture; None if it is a picture all the same."""
    if extension(entry.name):
        return LeftOut.named(entry.name)
    try:
        # a pipe would wait for somebody to write
        head = _head(entry.path) if entry.is_file() else b""
    except OSError:
        head = b""
    kind = kind_of(head)
    if kind is None:
        return LeftOut.named(entry.name)
    return None if kind.pillow else LeftOut(kind.name, is_picture=True)


def _head(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - of many files
        return file.read(HEAD)


def _entry(key: str, entry: os.DirEntry[str]) -> Found | None:
    try:
        return at(key, entry.path, entry.stat())
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not entry.is_symlink():
            return None  # removed since its folder was read
        return Failure(_printable(key), "unreadable", f"{_printable(entry.path)}: {error.strerror}")


def at(key: str, path: str, status: os.stat_result) -> Found:
    """Return the original at this path, or a failure if what is there is no file, or its key cannot be a key."""
    if not stat.S_ISREG(status.st_mode):
        message = f"{_printable(path)}: this is no file, but a device, a pipe or a socket"
        return Failure(_printable(key), "unreadable", message)
    return checked(Original(key, path, status.st_size, status.st_mtime_ns))


def checked(original: Original) -> Found:
    """Return the original, or a failure if its key cannot be a key, or its path cannot be written down."""
    try:
        original.path.encode()
        names.key_bytes(original.key)
    except UnicodeEncodeError:
        # what is no UTF-8 would not survive as JSON
        message = f"{_printable(original.path)}: the name is not valid UTF-8; rename it"
        return Failure(_printable(original.key), "name", message)
    except KeyInvalid as error:
        return Failure(_printable(original.key), "key", str(error))
    return original


def _as_given(name: str) -> str:
    return os.path.normpath(name)


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Return whether the parts of a path match those of a glob."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[n:], pattern[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _printable(name: str) -> str:
    """Return the name with `\\xff` for each byte that is no UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
