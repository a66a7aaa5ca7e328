"""Fields of metadata, found by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

MAX_PARTS = 16
"""Parts of a name between its dots. Metadata is rarely more than a few levels deep, and each level costs time."""


def values(meta: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Return the values of the field with this name: one or none, or several where a list lies on the way.

    A dot leads into an object: `user.name` is the field `name` of the object `user`. A field that is literally called
    `user.name` wins. Where `users` is a list, `users.name` is the field of each object in it.
    """
    if name in meta:
        return (meta[name],)
    head, dot, rest = name.partition(".")
    if not dot:
        return ()
    inner = meta.get(head)
    if isinstance(inner, dict):
        return values(inner, rest)
    members = inner if isinstance(inner, list) else ()
    return list(chain.from_iterable(values(member, rest) for member in members if isinstance(member, dict)))
