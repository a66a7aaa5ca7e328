"""Finds the images of one index that look alike, in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.hashes.join import plan_join
from shards.families.structure import are_flat
from shards.search.all_rows import AllRows
from shards.search.candidate_filters import CandidateFilter, filters_of
from shards.search.grouping import Grouping
from shards.search.pairs import Memberships, by_candidates, by_comparing, by_near_pairs, by_sorting
from shards.search.query import check_min_score
from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.read.snapshot import Image, Snapshot

FEW = 5_000
"""Number of images up to which all pairs are compared in any case: that takes 3 s by haar, the slowest."""

CANDIDATES_BY = ("dhash", "phash", "dhash_vertical", "whash", "ahash")
"""Families whose 64-bit hashes suggest candidates, in the order in which they are tried: the fewer different pictures a
hash brings together, the earlier. Families that are not named here come last."""

SUGGESTING = 2
"""Hashes that are used together, where an index has so many: one finds what the other misses."""

WORD = 64
"""Bits of a hash that suggests candidates."""

RADIUS = 10
"""Maximum number of differing bits with which a hash suggests a pair: the distance up to which it calls it a match."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copy:
    """An image of a group other than its head."""

    image: Image

    score: float
    """Likeness to the group's head, from 0 to 100."""

    distance: float | None
    """The same in the family's own unit; None where it has no distance."""


@dataclass(frozen=True, slots=True)
class Group:
    """Images that are alike."""

    head: Image
    """The image to keep: the one with the most pixels."""

    copies: tuple[Copy, ...]
    """The others, most alike first."""


@dataclass(frozen=True, slots=True)
class Method:
    """The way in which the pairs were found."""

    name: Literal["exhaustive", "sorting", "candidates"]
    """exhaustive: every pair was compared. sorting: every pair was found by sorting, with the same result.
    candidates: only pairs that one of `hashes` has within `radius` bits were compared, so others are missing."""

    hashes: tuple[str, ...] = ()
    radius: int | None = None

    @property
    def is_exact(self) -> bool:
        """True if no pair can be missing."""
        return self.name != "candidates"

    @property
    def caveat(self) -> str:
        """Sentence that says what was not compared; empty where everything was."""
        return (
            "" if self.is_exact else f"only pairs within {self.radius} bits of {' or '.join(self.hashes)} were compared"
        )


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The duplicates of an index."""

    groups: tuple[Group, ...]
    """The largest first."""

    flat: tuple[Image, ...]
    """Images that are flat (`shards.families.structure`). They are all alike without showing the same: those alone are
    in a group whose bytes are identical, and these here are in none."""

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
    parallel_map: ParallelMap = sequential_map,
) -> Duplicates:
    """Return groups of images that score at least `min_score`, where a pair's larger picture is the query.

    Heads are taken by falling number of pixels, then by key, so the answer does not depend on how the records are
    stored. `others`: all families of the index, some of which may suggest candidates. `progress` gets (steps done,
    steps in all). `parallel_map` reads segments.
    """
    check_min_score(min_score)
    all_rows = AllRows.of(snapshot, parallel_map)
    rows = all_rows.signatures(family)
    is_flat = family.is_flat(rows) | are_flat(others, all_rows.signatures_of, len(rows))
    content = np.flatnonzero(~is_flat)
    rows = rows[content]
    compared = _Compared(all_rows, family, content, rows)
    method, memberships = _compare(compared, others, min_score, grouping, exhaustive, progress)
    identical, flat = _identical(all_rows.images(np.flatnonzero(is_flat)), family)
    groups = [*_describe(compared, memberships), *identical]
    groups.sort(key=lambda group: (-len(group.copies), group.head.key))
    return Duplicates(tuple(groups), tuple(sorted(flat, key=lambda image: image.key)), method)


def _identical(images: Sequence[Image], family: Family) -> tuple[list[Group], list[Image]]:
    """Return the groups of images of the same bytes, and the others."""
    by_digest: dict[str, list[Image]] = {}
    for image in sorted(images, key=lambda image: image.key):
        # an image whose digest is unknown is identical to none that is known
        by_digest.setdefault(image.sha256 or f"of {image.key}", []).append(image)
    same = 100.0
    groups = [
        Group(head, tuple(Copy(copy, same, family.distance_at(same)) for copy in copies))
        for head, *copies in by_digest.values()
        if copies
    ]
    return groups, [head for head, *copies in by_digest.values() if not copies]


@dataclass(frozen=True, slots=True)
class _Compared:
    """The images that are compared: those with content."""

    all_rows: AllRows
    family: Family

    content: NDArray[np.int64]
    """(n,) int64, rising: the numbers of these images among all rows."""

    rows: Rows
    """(n,) their signatures in the family."""

    def signatures(self, family: Family) -> Rows:
        """Return (n,) the signatures of the same images in another family."""
        return self.all_rows.signatures(family)[self.content]

    def in_order(self, some: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return some of the images, which are sorted, in the order of the heads."""
        return np.searchsorted(self.content, self.all_rows.in_order(self.content[some]))


def _compare(
    compared: _Compared,
    others: Sequence[Family],
    min_score: float,
    grouping: Grouping,
    exhaustive: bool,
    progress: Progress | None,
) -> tuple[Method, Memberships]:
    """Group the images in the cheapest way."""
    family, rows = compared.family, compared.rows
    words = None if exhaustive else family.pair_words(rows, min_score)
    if words is not None and words.decides and len(words.words) == 1:
        how = plan_join(len(rows), words.bits, words.radius)
        if how is not None:
            hashes = words.words[0]
            return Method("sorting"), by_sorting(hashes, words.radius, how, compared.in_order, grouping, progress)
    order = compared.in_order(np.arange(len(rows)))
    found = None if exhaustive else by_near_pairs(family, rows, order, min_score, grouping, progress)
    if found is not None:
        return Method("sorting"), found
    if words is not None:
        method, filters = Method("sorting"), filters_of(words.words, words.bits, words.radius)
    elif exhaustive or len(rows) <= FEW:
        method, filters = Method("exhaustive"), []
    else:
        method, filters = _suggestions(compared, others)
    if filters:
        return method, by_candidates(family, rows, filters, order, min_score, grouping, progress)
    return Method("exhaustive"), by_comparing(family, rows, order, min_score, grouping, progress)


def _suggestions(compared: _Compared, others: Sequence[Family]) -> tuple[Method, list[CandidateFilter]]:
    """Return filters made of other families' hashes; none where the index has no such hash."""
    hashes = {family.name: family for family in others if family.word(np.empty(0, family.dtype)) is not None}
    names = [
        *(name for name in CANDIDATES_BY if name in hashes),
        *(name for name in hashes if name not in CANDIDATES_BY),
    ]
    chosen = [hashes[name] for name in names[:SUGGESTING]]
    words = [family.word(compared.signatures(family)) for family in chosen]
    method = Method("candidates", tuple(family.name for family in chosen), RADIUS)
    return method, filters_of([hashed for hashed in words if hashed is not None], WORD, RADIUS)


def _describe(compared: _Compared, memberships: Memberships) -> list[Group]:
    """Return the groups with their images, the copies of each by falling score, then by key."""
    wanted = np.union1d(memberships.heads, memberships.members)
    images = compared.all_rows.images(compared.content[wanted])
    image_of = dict(zip(wanted.tolist(), images, strict=True))
    scores = memberships.scores(compared.family, compared.rows).tolist()
    copies: dict[int, list[Copy]] = {}
    for head, member, score in zip(memberships.heads.tolist(), memberships.members.tolist(), scores, strict=True):
        copy = Copy(image_of[member], score, compared.family.distance_at(score))
        copies.setdefault(head, []).append(copy)
    for group in copies.values():
        group.sort(key=lambda copy: (-copy.score, copy.image.key))
    return [Group(image_of[head], tuple(group)) for head, group in copies.items()]
