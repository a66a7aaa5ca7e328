"""The three tiers of duplicates: how sure it is that a picture is there more than once. Defined here and nowhere else.

identical: the files have the same bytes, whatever they show. same: hashes that are very near each other suggest that
both show the same, and the pixels of both files confirm it. alike: what the family calls a match.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

from shards.errors import QueryError

Tier: TypeAlias = Literal["identical", "same", "alike"]

TIERS: tuple[Tier, ...] = get_args(Tier)
"""The surest first."""

DEFAULT: tuple[Tier, ...] = ("identical", "same")
"""Tiers that are looked at unless told otherwise, by the command, the page and the library alike."""

RADII = {"dhash": 6, "phash": 8, "dhash_vertical": 6, "pdq": 31}
"""Bits within which a hash suggests that two pictures are the same, by family. The pixels decide."""

SCORE = 90.0
"""Score from which another family suggests it, in an index without any of these hashes."""


def tiers_of(names: Iterable[str]) -> tuple[Tier, ...]:
    """Return these tiers, the surest first, each once. Raises QueryError for an unknown one, or for none."""
    given = set(names)
    unknown = sorted(given - set(TIERS))
    if unknown or not given:
        told = f"{unknown[0]!r} is no tier" if unknown else "no tier is given"
        raise QueryError(f"{told}: the tiers are {', '.join(TIERS)}")
    return tuple(tier for tier in TIERS if tier in given)


def less_sure(first: Tier, second: Tier) -> Tier:
    """Return the less sure of two tiers."""
    return max(first, second, key=TIERS.index)
