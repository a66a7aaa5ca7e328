"""Listings by name from stores that list by folder.

S3, GCS and Azure list in the order of the names' bytes, where `a-b` comes before `a/b`. Stores that keep their
objects in a tree of folders (SeaweedFS) list a folder where its bare name sorts: `a/b` comes before `a-b`. In
both orders the names that agree up to the first `-`, `.` or `/` stand together, and those runs stand in the same
order; so it takes sorting each run, and asking for what comes after a name by the run it is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from shards.errors import StorageError
from shards.storage._names import is_name
from shards.storage.base import Entry

STEM = re.compile(r"[A-Za-z0-9_]*")
"""What the names of one run begin with: all that a name can hold but `-`, `.` and `/`, which sort first."""


def start_after(folder: str, prefix: str, after: str) -> str | None:
    """The name to start listing `folder` after so that in either order nothing is missed that has the prefix and
    sorts after `after`; None for the beginning. What is listed besides is for `by_name` to leave out.
    """
    # every name with the prefix sorts after the prefix without its last character
    first = max(prefix[len(folder) : -1], after[len(folder) :] if after.startswith(folder) else "")
    # one character less than what the run begins with, since a folder of just that name may count as passed
    before = _stem(first)[:-1]
    return folder + before if before else None


def by_name(entries: Iterable[Entry], folder: str, prefix: str, after: str) -> Iterator[Entry]:
    """Those with this prefix that sort after `after`, by name, of the entries of a folder in either order.

    Leaves out what is no object's name: others may use the bucket too. Holds one run in memory. Raises
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
    found = STEM.match(text)
    return found[0] if found else ""
