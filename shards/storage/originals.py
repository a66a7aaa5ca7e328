"""Originals: the images as they were added, in a file or in somebody's bucket, to be read again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256 as digest_of
from typing import TYPE_CHECKING, Any

from lookalike.signatures import compute
from shards.errors import LookalikeError, PictureError, QueryError

if TYPE_CHECKING:
    from shards.storage import Entry
    from shards.storage.bucket import Bucket

URL = re.compile(r"(?P<bucket>(?:s3|gs|az)://[^/]+)/?(?P<prefix>.*)")


def is_url(name: str) -> bool:
    """Whether this names objects rather than files."""
    return URL.fullmatch(name) is not None


def split(url: str) -> tuple[str, str]:
    """`s3://bucket/a/b.jpg` → (`s3://bucket`, `a/b.jpg`). Raises QueryError."""
    found = URL.fullmatch(url)
    if found is None:
        raise QueryError(f"{url}: objects are named s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    return found["bucket"], found["prefix"]


@lru_cache
def opened(bucket: str) -> Bucket:
    """One client a bucket: it keeps its connections."""
    from shards.storage import open_bucket

    return open_bucket(bucket)


def read_object(url: str) -> bytes:
    """The bytes of one object. Raises ObjectNotFound."""
    bucket, name = split(url)
    return opened(bucket).get(name)


def look(url: str) -> Entry | None:
    """What the store says of this object; None where there is none."""
    bucket, name = split(url)
    return opened(bucket).look(name)


def read(source: Mapping[str, Any], max_bytes: int) -> bytes:
    """The bytes at the place an image was read from: the `source` of its record.

    Raises PictureError where the place is not known, is gone, or holds too much, and StorageError where it fails.
    """
    path = source.get("path")
    if not isinstance(path, str):
        raise PictureError("unreadable", "the index does not know where this image was read from")
    if not is_url(path):
        return compute.read(path, max_bytes)
    entry = look(path)
    if entry is None:
        raise PictureError("unreadable", f"{path}: the object is gone")
    if entry.size > max_bytes:
        raise PictureError("too_large_bytes", f"{path} has {entry.size:,} bytes, the limit is {max_bytes:,}")
    return read_object(path)


def unchanged(source: Mapping[str, Any], max_bytes: int, sha256: str) -> bytes | None:
    """The image as it was added, where it still is what it was; None where not, or where it cannot be read."""
    try:
        data = read(source, max_bytes)
    except LookalikeError:
        return None
    return data if digest_of(data).hexdigest() == sha256 else None
