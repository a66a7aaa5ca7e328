"""Originals: the images as they were added, in a file or in somebody's bucket, to be read again.

What an index says of their places is believed only below `Roots`: an index may come from anybody.
"""

from __future__ import annotations

import os
import re
import stat
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from hashlib import sha256 as digest_of
from tempfile import TemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeAlias, cast

from shards.errors import LookalikeError, PictureError, QueryError

if TYPE_CHECKING:
    from shards.storage import Entry
    from shards.storage.bucket import Bucket

URL = re.compile(r"(?P<bucket>(?:s3|gs|az)://[^/]+)/?(?P<prefix>.*)")


def is_url(name: str) -> bool:
    """Return True if this names an object rather than a file."""
    return URL.fullmatch(name) is not None


def split(url: str) -> tuple[str, str]:
    """Split a URL: `s3://bucket/a/b.jpg` → (`s3://bucket`, `a/b.jpg`). Raises QueryError."""
    match = URL.fullmatch(url)
    if match is None:
        raise QueryError(f"{url}: objects are named s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    return match["bucket"], match["prefix"]


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders, files and buckets that originals may be read from."""

    paths: frozenset[str]
    """Absolute paths without links."""

    urls: frozenset[str]
    """Without a slash at the end."""

    @classmethod
    def of(cls, places: Iterable[str | os.PathLike[str]]) -> Roots:
        """Return the roots at these paths and URLs; `s3://bucket/folder` stands for all that lies below."""
        told = [os.fspath(place) for place in places]
        return cls(
            frozenset(os.path.realpath(place) for place in told if not is_url(place)),
            frozenset(place.rstrip("/") for place in told if is_url(place)),
        )

    def __or__(self, other: Roots) -> Roots:
        """Return the roots of both."""
        return Roots(self.paths | other.paths, self.urls | other.urls)

    def allow(self, place: str) -> bool:
        """Return True if an original may be read at this path or URL, links resolved."""
        return self.resolved(place) is not None

    def resolved(self, place: str) -> str | None:
        """Return the path without links, or the URL, where it is below a root; else None."""
        if is_url(place):
            return place if not self.urls.isdisjoint(_and_above(place)) else None
        if not place.startswith("/") or "\0" in place:
            return None
        path = os.path.realpath(place)
        return path if not self.paths.isdisjoint(_and_above(path)) else None

    def holds(self, path: str) -> bool:
        """Return True if this name is in a folder below a root, links to folders resolved: it may be a link itself."""
        if not path.startswith("/") or "\0" in path:
            return False
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return False
        return not self.paths.isdisjoint(_and_above(os.path.join(os.path.realpath(folder), name)))  # noqa: PTH118

    def goes_through_link(self, path: str) -> bool:
        """Return True if a link below the root leads to this file: it is then the file of another name, too."""
        for folder in sorted(_and_above(path), key=len):
            place = os.path.realpath(folder)
            if place in self.paths:
                below = path[len(folder) :].lstrip("/")
                return os.path.realpath(path) != (os.path.join(place, below) if below else place)  # noqa: PTH118
        return True


def _and_above(place: str) -> list[str]:
    """Return a path or URL, and all folders that it is in."""
    ends = [at for at, character in enumerate(place) if character == "/"]
    return [place, "/", *(place[:end] for end in ends)]


@lru_cache
def opened(bucket: str) -> Bucket:
    """Return the client of a bucket, the same at each call: it keeps its connections."""
    from shards.storage import open_bucket

    return open_bucket(bucket)


def read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the bytes of a file. Raises PictureError, which names the file, if it cannot be read or has too many."""
    try:
        return _read_file(path, max_bytes)[0]
    except PictureError as error:
        raise PictureError(error.reason, f"{path}: {error}") from error


def read_listed(source: Mapping[str, Any], max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
    """Return the bytes of an original that was just listed, and its source as it was when they were read.

    A file's state is taken before its bytes: should it change in between, the next run finds it changed. An object is
    not asked for its size again. Raises PictureError and StorageError.
    """
    path = source["path"]
    if is_url(path):
        _check_size(int(source["size"]), max_bytes)
        return read_object(path), source
    data, status = _read_file(path, max_bytes)
    return data, {"path": path, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def read_object(url: str, max_bytes: int | None = None) -> bytes:
    """Return the bytes of one object. Raises ObjectNotFound, and CorruptObject where it has more than `max_bytes`."""
    bucket, name = split(url)
    return opened(bucket).get(name, max_bytes)


def look(url: str) -> Entry | None:
    """Return the listing entry of an object; None where there is none."""
    bucket, name = split(url)
    return opened(bucket).look(name)


def read(source: Mapping[str, Any], max_bytes: int, roots: Roots) -> bytes:
    """Return the bytes at the place that an image was read from, the `source` of its record.

    Raises PictureError where the place is unknown, not below the roots, gone, or holds too much, and StorageError where
    the store fails.
    """
    path = source.get("path")
    if not isinstance(path, str):
        raise PictureError("unreadable", "the index does not know where this image was read from")
    place = roots.resolved(path)
    if place is None:
        raise PictureError(
            "unreadable",
            f"{path!r:.300}: this machine was not told that originals of the index are there; add that folder, or name"
            " it with --originals",
        )
    if not is_url(place):
        try:
            return _read_file(place, max_bytes, follow=False)[0]
        except PictureError as error:
            raise PictureError(error.reason, f"{path}: {error}") from error
    entry = look(place)
    if entry is None:
        raise PictureError("unreadable", f"{path}: the object is gone")
    if entry.size > max_bytes:
        raise PictureError("too_large_bytes", f"{path}: {entry.size:,} bytes, the limit is {max_bytes:,}")
    # once more: it may have been replaced since
    return read_object(place, max_bytes)


def unchanged(source: Mapping[str, Any], max_bytes: int, sha256: str, roots: Roots) -> bytes | None:
    """Return the bytes of an image that has not changed since it was added; None where it has, or cannot be read.

    `sha256`: their digest in hex digits; empty where it is unknown, and so is whether they have changed.
    """
    if not sha256:
        return None
    try:
        data = read(source, max_bytes, roots)
    except LookalikeError:
        return None
    return data if digest_of(data).hexdigest() == sha256 else None


class OpenOriginal:
    """An original that was unchanged when it was opened, to be read piece by piece. A context manager."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._state = self._look()
        self.size = self._state.st_size
        """In bytes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def state(self, sha256: str) -> State:
        """Return what stays the same while the bytes do: no program can set the time of a file's last change."""
        state = self._state
        return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, sha256

    def read(self, size: int) -> bytes:
        """Return the next bytes, as many as there are. Raises PictureError where the file changes meanwhile."""
        try:
            data = self._file.read(size)
            state = self._look()
        except (OSError, ValueError) as error:
            raise PictureError("unreadable", str(error)) from error
        if (state.st_size, state.st_mtime_ns) != (self.size, self._state.st_mtime_ns):
            raise PictureError("unreadable", "the file changes while it is read")
        return data

    def _look(self) -> os.stat_result:
        return os.fstat(self._file.fileno())


def open_unchanged(source: Mapping[str, Any], max_bytes: int, sha256: str, roots: Roots) -> OpenOriginal | None:
    """Open an image that has not changed since it was added; None where it has, or cannot be read.

    No more than a piece of a file is in memory at a time. An object is copied into a temporary file. `sha256` as for
    `unchanged`.
    """
    if not sha256:
        return None
    path = source.get("path")
    place = roots.resolved(path) if isinstance(path, str) else None
    try:
        if place is None or is_url(place):
            file = _copy(read(source, max_bytes, roots))
        else:
            file = _open_file(place, max_bytes, follow=False)
    except LookalikeError:
        return None
    original = OpenOriginal(file)
    state = original.state(sha256)
    try:
        if state in _seen or file_digest(file, "sha256").hexdigest() == sha256:  # type: ignore[arg-type]
            file.seek(0)
            _remember(state)
            return original
    except OSError:
        pass
    file.close()
    return None


State: TypeAlias = tuple[int | str, ...]
"""The identity of a file's bytes: device, inode, size, times, and the digest that they had."""

SEEN = 4096
"""Files that are remembered, so that a picture which is asked for again is not hashed again."""

_seen: OrderedDict[State, None] = OrderedDict()
_remembering = Lock()


def _remember(state: State) -> None:
    with _remembering:
        _seen[state] = None
        _seen.move_to_end(state)
        while len(_seen) > SEEN:
            _seen.popitem(last=False)


def _copy(data: bytes) -> BinaryIO:
    file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 - the caller closes it
    file.write(data)
    file.seek(0)
    return file


def _read_file(path: str | os.PathLike[str], max_bytes: int, *, follow: bool = True) -> tuple[bytes, os.stat_result]:
    with _open_file(path, max_bytes, follow=follow) as file:
        status = os.fstat(file.fileno())
        try:
            # a byte more than it may have: should the file have grown, decoding refuses it
            return file.read(max_bytes + 1), status
        except OSError as error:
            raise PictureError("unreadable", error.strerror or str(error)) from error


def _open_file(path: str | os.PathLike[str], max_bytes: int, *, follow: bool) -> BinaryIO:
    """Open a file, and nothing else: a pipe would be waited for without end, and a device has none."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    try:
        _check_regular(os.stat(path))  # noqa: PTH116 - before it is opened: to open a device may do something
        file = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115 - the caller closes it
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise PictureError("unreadable", reason or str(error)) from error
    try:
        status = os.fstat(file.fileno())
        _check_regular(status)
        _check_size(status.st_size, max_bytes)
    except BaseException:
        file.close()
        raise
    return file


def _check_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise PictureError("unreadable", "Is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(
            "unreadable", "this is a pipe, a socket or a device, not a file; to read a pipe, give - for stdin"
        )


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PictureError("too_large_bytes", f"{size:,} bytes, the limit is {max_bytes:,}")
