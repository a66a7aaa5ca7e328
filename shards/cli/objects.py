"""What to add from a bucket: the objects under a prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from shards.cli.files import Found, Rules, Seen, checked
from shards.cli.refusal import RefusedError
from shards.storage import Entry, open_bucket

if TYPE_CHECKING:
    from shards.storage.bucket import Bucket

URL = re.compile(r"(?P<bucket>(?:s3|gs|az)://[^/]+)/?(?P<prefix>.*)")


def is_url(name: str) -> bool:
    """Whether this names objects rather than files."""
    return URL.fullmatch(name) is not None


def split(url: str) -> tuple[str, str]:
    """`s3://bucket/a/b.jpg` → (`s3://bucket`, `a/b.jpg`)."""
    found = URL.fullmatch(url)
    if found is None:
        raise RefusedError(f"{url}: objects are named s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    return found["bucket"], found["prefix"]


@lru_cache
def opened(bucket: str) -> Bucket:
    """One client a bucket: it keeps its connections."""
    return open_bucket(bucket)


def in_bucket(url: str, rules: Rules) -> Iterator[Seen]:
    """The pictures in this folder of a bucket, or the one object of this name. Keys are the objects' full keys.

    Raises RefusedError where there is nothing.
    """
    bucket, prefix = split(url)
    is_empty = True
    for entry in opened(bucket).list(prefix.rstrip("/")):
        is_empty = False
        if rules.is_picture(entry.name):
            yield _found(bucket, entry, rules)
    if not is_empty:
        return
    one = look(url) if prefix else None
    if one is not None:
        yield _found(bucket, one, rules)
        return
    raise RefusedError(f"{url}: no object has this name, or a name that begins so")


def read(url: str) -> bytes:
    """The bytes of one object. Raises ObjectNotFound."""
    bucket, name = split(url)
    return opened(bucket).get(name)


def look(url: str) -> Entry | None:
    """What the store says of this object; None where there is none."""
    bucket, name = split(url)
    return opened(bucket).look(name)


def is_unchanged(url: str, size: object, mtime_ns: object) -> bool:
    """Whether this object is there, and still what it was when it was added."""
    entry = look(url)
    return entry is not None and (entry.size, _changed_ns(entry)) == (size, mtime_ns)


def _found(bucket: str, entry: Entry, rules: Rules) -> Seen:
    return checked(Found(rules.prefix + entry.name, f"{bucket}/{entry.name}", entry.size, _changed_ns(entry)))


def _changed_ns(entry: Entry) -> int:
    # to the microsecond: what a float of seconds since 1970 can hold
    return round(entry.modified * 1e6) * 1000
