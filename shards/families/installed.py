"""Families that other installed packages bring, by entry points of the group `lookalike.families`.

docs/families.md says how a package declares one. Nothing is looked up until a name is asked for that no built-in family
has: reading what all installed packages declare takes 10 ms or more.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import metadata

from shards.errors import QueryError
from shards.families.base import Family

GROUP = "lookalike.families"

NAME = re.compile("[a-z][a-z0-9_]*")
"""Names that can stand in a column, a URL and a file."""


@lru_cache
def declared() -> dict[str, list[metadata.EntryPoint]]:
    """Return the entry points of installed packages by the family's name; several where packages disagree."""
    by_name: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        by_name.setdefault(entry.name, []).append(entry)
    return by_name


def load(name: str) -> Family | None:
    """Return the family of this name from the package that declares it, None where no package does.

    Raises QueryError where two packages declare it, and where what they declare cannot be loaded or is no family.
    """
    entries = declared().get(name)
    if entries is None:
        return None
    if len(entries) > 1:
        raise QueryError(f"family {name!r} is in several packages, {_origins(entries)}: uninstall all but one")
    where = f"family {name!r} of {_origins(entries)}"
    try:
        family = entries[0].load()()
    except Exception as error:
        raise QueryError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(family, Family):
        raise QueryError(f"{where} is {type(family).__name__}, which does not derive from shards.families.Family")
    if family.name != name or not NAME.fullmatch(name):
        raise QueryError(
            f"{where} calls itself {family.name!r}: the entry point must have the family's name, of lower-case letters,"
            " digits and underscores"
        )
    return family


def _origins(entries: list[metadata.EntryPoint]) -> str:
    return " and ".join(f"{entry.value} ({entry.dist.name if entry.dist else 'no package'})" for entry in entries)
