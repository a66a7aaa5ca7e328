"""The kinds of signature an index can hold, by name."""

from __future__ import annotations

from functools import lru_cache

from shards.errors import QueryError
from shards.families.base import Family, PairWords, Row, Rows
from shards.families.matches import Matches
from shards.families.reading import ColumnReader

__all__ = ["AUTO", "DEFAULT", "ColumnReader", "Family", "Matches", "PairWords", "Row", "Rows", "family", "names"]

LONGEST_NAME = 64
"""Characters: what is longer is neither taken apart nor repeated."""

DEFAULT = ("haar", "goldberg", "dhash", "pdq", "crops")
"""Families of a new index unless told otherwise. Four see the whole picture: dhash and pdq, haar also for IQDB's
protocol, and goldberg for that of image-match and for negatives. crops sees its parts."""

AUTO = "auto"
"""Name that stands for all families of an index, each heard as far as its false rates go. No family has it."""


def names() -> list[str]:
    """Return the names of all families, those of installed packages last.

    A hash is 8 × 8 unless a size follows its name, as in `phash16`.
    """
    from shards.families.hashes import KINDS
    from shards.families.installed import declared

    return ["haar", "goldberg", *KINDS, "pdq", "crops", *sorted(declared())]


@lru_cache
def family(name: str) -> Family:
    """Return the family of this name. Raises QueryError where there is none.

    A family's code is imported when it is first asked for: a worker that scans hashes loads nothing else.
    """
    if len(name) > LONGEST_NAME:
        raise QueryError(f"no family has a name of {len(name):,} characters, such as {name[:LONGEST_NAME]!r}…")
    if name == "haar":
        from shards.families.haar import Haar

        return Haar()
    if name == "goldberg":
        from shards.families.goldberg import Goldberg

        return Goldberg()
    if name == "crops":
        from shards.families.crops import Crops

        return Crops()
    from shards.families.hashes import KINDS, ImageHash, Pdq

    if name == "pdq":
        return Pdq()
    for kind in KINDS:
        size = name.removeprefix(kind) or "8"
        if name.startswith(kind) and size.isdecimal():
            sized = ImageHash(kind, int(size))
            if sized.name != name:
                # two names of one family would be two columns to whoever compares names
                raise QueryError(f"family {name!r} is called {sized.name!r}")
            return sized
    from shards.families import installed

    brought = installed.load(name)
    if brought is None:
        raise QueryError(f"no family is called {name!r}; there are {', '.join(names())}, and sizes as in phash16")
    return brought
