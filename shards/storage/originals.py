"""Originals: the images as they were added, in a file or in somebody's bucket, to be read again."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256 as digest_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def read_object(url: str) -> bytes:
    """Return the bytes of one object. Raises ObjectNotFound."""
    bucket, name = split(url)
    return opened(bucket).get(name)


def look(url: str) -> Entry | None:
    """Return the listing entry of an object; None where there is none."""
    bucket, name = split(url)
    return opened(bucket).look(name)


def read(source: Mapping[str, Any], max_bytes: int) -> bytes:
    """Return the bytes at the place that an image was read from, the `source` of its record.

    Raises PictureError where the place is unknown, gone, or holds too much, and StorageError where the store fails.
    """
    path = source.get("path")
    if not isinstance(path, str):
        raise PictureError("unreadable", "the index does not know where this image was read from")
    if not is_url(path):
        return read_file(path, max_bytes)
    entry = look(path)
    if entry is None:
        raise PictureError("unreadable", f"{path}: the object is gone")
    if entry.size > max_bytes:
        raise PictureError("too_large_bytes", f"{path}: {entry.size:,} bytes, the limit is {max_bytes:,}")
    return read_object(path)


def unchanged(source: Mapping[str, Any], max_bytes: int, sha256: str) -> bytes | None:
    """Return the bytes of an image that has not changed since it was added; None where it has, or cannot be read."""
    try:
        data = read(source, max_bytes)
    except LookalikeError:
        return None
    return data if digest_of(data).hexdigest() == sha256 else None


def _read_file(path: str | os.PathLike[str], max_bytes: int) -> tuple[bytes, os.stat_result]:
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            _check_size(status.st_size, max_bytes)
            # a byte more than it may have: should the file have grown, decoding refuses it
            return file.read(max_bytes + 1), status
    except OSError as error:
        raise PictureError("unreadable", error.strerror or str(error)) from error


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PictureError("too_large_bytes", f"{size:,} bytes, the limit is {max_bytes:,}")
