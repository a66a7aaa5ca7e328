"""Listings by name from stores that list by folder.

S3, GCS and Azure list in the order of the names' bytes, where `a-b` comes before `a/b`. Stores that keep their
objects in a tree of folders (SeaweedFS) list a folder where its bare name sorts: `a/b` comes before `a-b`. In
both orders the names that agree up to the first `-`, `.` or `/` stand together, and those runs stand in the same
order. So each run is sorted here, and a listing that begins after a name begins with the run of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from shards.errors import StorageError
from shards.storage._names import is_name
from shards.storage.base import Entry

STEM = re.compile(r"[A-Za-z0-9_]*")
"""The beginning of all names of one run: every character but `-`, `.` and `/`, which sort first."""


def start_after(folder: str, prefix: str, after: str) -> str | None:
    """Return the name after which to start a listing of `folder`, or None for its beginning.

    In either order, all names with the prefix that sort after `after` are listed then; `by_name` leaves out the others.
    """
    # every name with the prefix sorts after the prefix without its last character
    first = max(prefix[len(folder) : -1], after[len(folder) :] if after.startswith(folder) else "")
    # one character less than what the run begins with, since a folder of just that name may count as passed
    before = _stem(first)[:-1]
    return folder + before if before else None


def by_name(entries: Iterable[Entry], folder: str, prefix: str, after: str) -> Iterator[Entry]:
    """Yield the entries with this prefix that sort after `after`, by name, from a folder's entries in either order.

    Leaves out names that no object can have: others may use the bucket too. Holds one run in memory. Raises
    StorageError when the entries come in some other order.
    """
    last = ""
    objects = (entry for entry in entries if is_name(entry.name))
    for _, run in groupby(objects, key=lambda entry: _stem(entry.name[len(folder) :])):
        for entry in sorted(run, key=lambda entry: entry.name):
            if entry.name <= last:
                raise StorageError(
                    f"{entry.name}: listed after {last}, and an index needs a store that lists by name; an S3"
                    " directory bucket does not, so use a general purpose bucket"
                )
            last = entry.name
            if entry.name.startswith(prefix):
                if entry.name > after:
                    yield entry
            elif entry.name > prefix:
                return


def _stem(text: str) -> str:
    match = STEM.match(text)
    return match[0] if match else ""
