"""Originals in a bucket: the objects under a prefix."""

from __future__ import annotations

from collections.abc import Iterator

from lookalike.ingest.files import Rules, Seen, checked
from lookalike.ingest.original import LeftOut, Original, SourceUnreadable
from shards.storage import Entry
from shards.storage.originals import look, opened, split


def in_bucket(url: str, rules: Rules) -> Iterator[Seen]:
    """Yield the pictures in this folder of a bucket, or the one object of this name. Keys are the objects' full keys.

    Raises SourceUnreadable if there is nothing.
    """
    bucket, prefix = split(url)
    is_empty = True
    for entry in opened(bucket).list(prefix.rstrip("/")):
        is_empty = False
        # of one without an extension the first bytes would cost a request
        yield _original(bucket, entry, rules) if rules.is_picture(entry.name) else LeftOut.named(entry.name)
    if not is_empty:
        return
    entry_of_that_name = look(url) if prefix else None
    if entry_of_that_name is not None:
        yield _original(bucket, entry_of_that_name, rules)
        return
    raise SourceUnreadable(f"{url}: no object has this name, or a name that begins so")


def is_unchanged(url: str, size: object, mtime_ns: object) -> bool:
    """Return whether this object is there, and still what it was when it was added."""
    entry = look(url)
    return entry is not None and (entry.size, _changed_ns(entry)) == (size, mtime_ns)


def _original(bucket: str, entry: Entry, rules: Rules) -> Seen:
    return checked(Original(rules.prefix + entry.name, f"{bucket}/{entry.name}", entry.size, _changed_ns(entry)))


def _changed_ns(entry: Entry) -> int:
    # to the microsecond: what a float of seconds since 1970 can hold
    return round(entry.modified * 1e6) * 1000
