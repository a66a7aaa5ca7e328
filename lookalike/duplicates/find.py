"""Duplicates: images of one index that look alike, in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.hashes.hamming import WORD, HammingFamily
from shards.families.hashes.join import plan
from shards.search import sieves
from shards.search.everything import Everything
from shards.search.grouping import Grouping
from shards.search.pairs import Memberships, by_candidates, by_comparing, by_sorting
from shards.search.query import check_min_score
from shards.search.sieves import Sieve
from shards.table.read.snapshot import Image, Snapshot

FEW = 5_000
"""Images up to which all pairs are compared in any case: that takes 3 s by haar, which is the slowest."""

CANDIDATES_BY = ("dhash", "phash", "dhash_vertical", "whash", "ahash")
"""Hashes that can suggest candidates, those first that bring the fewest different pictures together."""

SUGGESTING = 2
"""Of them that are used together, where an index has so many: one finds what the other misses."""

RADIUS = 10
"""Bits within which they suggest a pair: from where on they call it a match."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copy:
    """An image of a group, and how alike it is to the group's head."""

    image: Image
    score: float
    distance: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Images that are alike: `copies` of the `head`, which has the most pixels and is the one to keep."""

    head: Image
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """How the pairs were found.

    `exhaustive`: every pair was compared. `sorting`: every pair was found by sorting, without comparing them all; the
    answer is the same. `candidates`: only those pairs were compared that one of `hashes` has within `radius` bits;
    others are missing.
    """

    name: Literal["exhaustive", "sorting", "candidates"]
    hashes: tuple[str, ...] = ()
    radius: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether no pair can be missing."""
        return self.name != "candidates"

    @property
    def caveat(self) -> str:
        """What was not compared, in words; nothing where all was."""
        return (
            "" if self.is_exact else f"only pairs within {self.radius} bits of {' or '.join(self.hashes)} were compared"
        )


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`groups`, the largest first. `flat`: images without content, all alike, which are left out of the groups.
    `method`: how they were found, and whether pairs can be missing."""

    groups: tuple[Group, ...]
    flat: tuple[Image, ...]
    method: Method


def find(
    snapshot: Snapshot,
    family: Family,
    others: Sequence[Family],
    min_score: float,
    *,
    grouping: Grouping = "star",
    exhaustive: bool = False,
    progress: Progress | None = None,
) -> Duplicates:
    """Groups of what scores at least `min_score`, a pair's larger picture asked about the smaller one.

    Heads are taken by falling number of pixels, then by key, so the answer does not depend on how the records are
    stored. `others`: all families of the index, one of which may suggest candidates. `progress` is told (steps done,
    of how many).
    """
    check_min_score(min_score)
    everything = Everything.of(snapshot)
    rows = everything.signatures(family)
    is_flat = family.is_flat(rows)
    content = np.flatnonzero(~is_flat)
    rows = rows[content]
    compared = _Compared(everything, family, content, rows)
    method, found = _compare(compared, others, min_score, grouping, exhaustive, progress)
    flat = everything.images(np.flatnonzero(is_flat))
    groups = _described(compared, found)
    groups.sort(key=lambda group: (-len(group.copies), group.head.key))
    return Duplicates(tuple(groups), tuple(sorted(flat, key=lambda image: image.key)), method)


@dataclass(frozen=True, slots=True)
class _Compared:
    """What is compared: `content` (n,) int64, which images of everything, rising, and their `rows`."""

    everything: Everything
    family: Family
    content: NDArray[np.int64]
    rows: Rows

    def signatures(self, family: Family) -> Rows:
        """Of the same images, in another family."""
        return self.everything.signatures(family)[self.content]

    def in_order(self, some: NDArray[np.int64]) -> NDArray[np.int64]:
        """These, which are sorted, in the order of the heads."""
        return np.searchsorted(self.content, self.everything.in_order(self.content[some]))


def _compare(
    compared: _Compared,
    others: Sequence[Family],
    min_score: float,
    grouping: Grouping,
    exhaustive: bool,
    progress: Progress | None,
) -> tuple[Method, Memberships]:
    """The groups, by the cheapest way."""
    family, rows = compared.family, compared.rows
    if not exhaustive and isinstance(family, HammingFamily) and family.bits <= WORD:
        radius = family.radius(min_score)
        how = plan(len(rows), family.bits, radius)
        if how is not None:
            return Method("sorting"), by_sorting(rows, radius, how, compared.in_order, grouping, progress)
    order = compared.in_order(np.arange(len(rows)))
    if not exhaustive:
        method, through = _sieves(compared, others, min_score)
        if through:
            return method, by_candidates(family, rows, through, order, min_score, grouping, progress)
    return Method("exhaustive"), by_comparing(family, rows, order, min_score, grouping, progress)


def _sieves(compared: _Compared, others: Sequence[Family], min_score: float) -> tuple[Method, Sequence[Sieve]]:
    """What brings together the pairs that may be alike; no sieves where comparing all pairs is better."""
    family = compared.family
    if isinstance(family, HammingFamily):
        return Method("sorting"), sieves.of_pieces(family, compared.rows, family.radius(min_score))
    hashes = {one.name: one for one in others if isinstance(one, HammingFamily) and one.bits == WORD}
    names = [name for name in CANDIDATES_BY if name in hashes][:SUGGESTING]
    if len(compared.rows) <= FEW:
        names = []
    method = Method("candidates", tuple(names), RADIUS)
    return method, sieves.of_hashes([compared.signatures(hashes[name])["hash"][:, 0] for name in names], WORD, RADIUS)


def _described(compared: _Compared, found: Memberships) -> list[Group]:
    """The groups with what is known of their images, each's copies by falling score, then by key."""
    wanted = np.union1d(found.heads, found.members)
    images = compared.everything.images(compared.content[wanted])
    known = dict(zip(wanted.tolist(), images, strict=True))
    scores = found.scores(compared.family, compared.rows)
    copies: dict[int, list[Copy]] = {}
    for head, member, score in zip(found.heads.tolist(), found.members.tolist(), scores.tolist(), strict=True):
        copy = Copy(known[member], score, compared.family.distance_at(score))
        copies.setdefault(head, []).append(copy)
    for group in copies.values():
        group.sort(key=lambda copy: (-copy.score, copy.image.key))
    return [Group(known[head], tuple(group)) for head, group in copies.items()]
