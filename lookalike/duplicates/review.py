"""A review of an index: its duplicates in tiers, each group with the image to keep first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.duplicates import find
from lookalike.duplicates.confirming import Confirms
from lookalike.duplicates.facts import Facts, facts_of
from lookalike.duplicates.keep import Keeping
from lookalike.duplicates.suggested import suggested
from lookalike.duplicates.tiers import DEFAULT, Tier, less_sure
from shards.families import Family
from shards.families.structure import are_flat
from shards.search.all_rows import AllRows
from shards.search.filters import Filter
from shards.storage.originals import Roots
from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.read.snapshot import Image, Snapshot

HEADS = 128
"""Heads whose pixels are read together."""

Phase: TypeAlias = Literal["reading", "comparing", "confirming", "describing"]
Progress: TypeAlias = Callable[[Phase, int, int], None]
"""Gets the phase, and of it (done, in all)."""

Pair: TypeAlias = frozenset[str]
"""The keys of two images."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a review is to look at."""

    tiers: tuple[Tier, ...] = DEFAULT

    prefix: str = ""
    """Only images whose keys begin so."""

    against: str | None = None
    """Where this is given, only those whose keys begin with it can go, and only for one that begins with `prefix`."""

    where: Filter = field(default_factory=lambda: Filter.of(None))
    """Only images of such metadata."""

    def accepts(self, key: str) -> bool:
        return key.startswith(self.prefix) or (self.against is not None and key.startswith(self.against))

    def may_go(self, head: str, copy: str) -> bool:
        """Return whether a copy can go because this head is kept."""
        if self.against is None:
            return True
        return copy.startswith(self.against) and head.startswith(self.prefix) and not head.startswith(self.against)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One image of a group."""

    image: Image
    facts: Facts

    tier: Tier | None
    """How sure it is that it shows what the first of its group shows; None for the first."""

    confirmed: bool | None = None
    """Whether the pixels of both files were laid on each other; None where that was not needed."""

    score: float | None = None
    """Likeness by the family, where it is alike only."""


@dataclass(frozen=True, slots=True)
class ReviewGroup:
    """Images that are there more than once, the one to keep first."""

    images: tuple[Reviewed, ...]

    @property
    def tier(self) -> Tier:
        """The least sure tier of its copies."""
        tier: Tier = "identical"
        for each in self.images[1:]:
            tier = less_sure(tier, each.tier or "identical")
        return tier


@dataclass(frozen=True, slots=True)
class Review:
    """The duplicates of an index at one time."""

    asked: Asked

    groups: tuple[ReviewGroup, ...]
    """The largest first."""

    images: int
    """Images that were looked at."""

    flat: int
    """Of these, flat ones, which are only ever in the first tier."""

    unconfirmed: int
    """Pairs that hashes suggest and whose pixels nobody could compare: they are alike at most."""

    def copies(self, tier: Tier) -> list[Reviewed]:
        """Return the copies of this tier."""
        return [each for group in self.groups for each in group.images[1:] if each.tier == tier]


@dataclass(slots=True)
class _Groups:
    """Groups in the making: each image has one head, perhaps itself."""

    heads: dict[int, int] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    ties: dict[int, tuple[Tier, bool | None, float | None]] = field(default_factory=dict)

    def head(self, number: int) -> int:
        return self.heads.get(number, number)

    def join(
        self, head: int, number: int, tier: Tier, confirmed: bool | None = None, score: float | None = None
    ) -> None:
        self.heads[number] = head
        self.ties[number] = tier, confirmed, score
        self.members.setdefault(head, []).append(number)

    def leave(self, head: int) -> list[int]:
        """Dissolve the group of a head, and return its other images."""
        members = self.members.pop(head, [])
        for number in members:
            del self.heads[number]
        return members


def review(
    snapshot: Snapshot,
    families: Sequence[Family],
    likely: tuple[Family, float],
    asked: Asked,
    confirms: Confirms,
    roots: Roots,
    *,
    decided: Collection[Pair] = (),
    progress: Progress | None = None,
    parallel_map: ParallelMap = sequential_map,
) -> Review:
    """Find the duplicates.

    `likely`: the family and the score from which on images are alike. `decided`: pairs that somebody has called no
    duplicates. Each copy is a copy of the head itself, so groups do not chain.
    """
    progress = progress or _unheard
    progress("reading", 0, 1)
    rows = AllRows.of(snapshot, parallel_map)
    wanted = _wanted(rows, asked)
    digests = rows.digests()[wanted]
    _, class_of, sizes = np.unique(digests, return_inverse=True, return_counts=True)
    is_known = digests != np.zeros(1, "V32")
    finding = _Finding(rows, families, asked, confirms, decided, progress)
    flat = np.empty(0, np.int64)
    if asked.tiers != ("identical",):
        flat = _flat(rows, families)
    firsts = finding.identical(wanted, np.where(is_known, class_of, -1), sizes)
    if "same" in asked.tiers or "alike" in asked.tiers:
        finding.same(np.setdiff1d(firsts, flat))
    if "alike" in asked.tiers:
        finding.alike(snapshot, likely, parallel_map, wanted)
    groups = finding.described(roots)
    return Review(asked, groups, len(wanted), len(np.intersect1d(flat, wanted)), finding.unconfirmed)


def _unheard(phase: Phase, done: int, of: int) -> None:
    del phase, done, of


def _wanted(rows: AllRows, asked: Asked) -> NDArray[np.int64]:
    """Return the numbers of the images to look at, rising."""
    everything = np.arange(len(rows.at))
    if not asked.prefix and asked.against is None and not asked.where:
        return everything
    keys = rows.keys(everything)
    by_key: NDArray[np.int64] = everything[
        np.array([asked.accepts(key.decode(errors="replace")) for key in keys], bool)
    ]
    if not asked.where:
        return by_key
    fits = np.array([asked.where.accepts(image.meta) for image in rows.images(by_key)], bool)
    fitting: NDArray[np.int64] = by_key[fits]
    return fitting


def _flat(rows: AllRows, families: Sequence[Family]) -> NDArray[np.int64]:
    is_flat: NDArray[np.bool_] = are_flat(families, rows.signatures_of, len(rows.at))
    for family in families:
        if family.name in ("dhash", "phash", "pdq"):
            is_flat |= family.is_flat(rows.signatures(family))
    return np.flatnonzero(is_flat)


class _Finding:
    """The search, tier by tier."""

    def __init__(
        self,
        rows: AllRows,
        families: Sequence[Family],
        asked: Asked,
        confirms: Confirms,
        decided: Collection[Pair],
        progress: Progress,
    ) -> None:
        self.rows, self.families, self.asked = rows, families, asked
        self.confirms, self.decided, self.progress = confirms, set(decided), progress
        self.groups = _Groups()
        self.images: dict[int, Image] = {}
        self.unconfirmed = 0
        self._unseen: list[tuple[int, int]] = []

    def identical(
        self, wanted: NDArray[np.int64], class_of: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Group images of the same bytes, and return the numbers of one image of each kind of bytes, rising."""
        is_several = (class_of >= 0) & (sizes[class_of] > 1)
        several, classes = wanted[is_several], class_of[is_several]
        self._know(several)
        head_of: dict[int, list[int]] = {}
        klass = dict(zip(several.tolist(), classes.tolist(), strict=True))
        for number in self._in_order(several):
            heads = head_of.setdefault(klass[number], [])
            head = next((head for head in heads if self._may_join(head, number)), None)
            if head is None or "identical" not in self.asked.tiers:
                heads.append(number)
            if head is not None and "identical" in self.asked.tiers:
                self.groups.join(head, number, "identical")
        copies = np.array(list(self.groups.heads), np.int64)
        return np.setdiff1d(wanted, copies)

    def same(self, images: NDArray[np.int64]) -> None:
        """Group images of which hashes suggest that they show the same, where the pixels confirm it."""
        pairs = images[
            suggested(self.rows, self.families, images, lambda done, of: self.progress("comparing", done, of))
        ]
        several = np.unique(pairs)
        self._know(several)
        order = self._in_order(several)
        place = {number: n for n, number in enumerate(order)}
        others: dict[int, list[int]] = {}
        for first, second in pairs.tolist():
            head, copy = (first, second) if place[first] < place[second] else (second, first)
            others.setdefault(head, []).append(copy)
        heads = sorted(others, key=place.__getitem__)
        for start in range(0, len(heads), HEADS):
            self.progress("confirming", start, len(heads))
            some = [head for head in heads[start : start + HEADS] if head not in self.groups.heads]
            involved = dict.fromkeys(number for head in some for number in (head, *others[head]))
            self.confirms.prepare(self.images[number] for number in involved if number not in self.groups.heads)
            for head in some:
                if head not in self.groups.heads:
                    self._confirm(head, sorted(others[head], key=place.__getitem__))
        self.progress("confirming", len(heads), len(heads))

    def _confirm(self, head: int, copies: Sequence[int]) -> None:
        for copy in copies:
            if copy in self.groups.heads or not self._may_join(head, copy) or self._are_identical(head, copy):
                continue
            verdict = self.confirms.same(self.images[head], self.images[copy])
            if verdict is None:
                self.unconfirmed += 1
                self._unseen.append((head, copy))
            elif verdict and "same" in self.asked.tiers:
                self._join_all(head, copy, "same", True, None)

    def alike(
        self,
        snapshot: Snapshot,
        likely: tuple[Family, float],
        parallel_map: ParallelMap,
        wanted: NDArray[np.int64],
    ) -> None:
        """Group what the family calls a match, and what nobody could confirm."""
        family, threshold = likely
        found = find.find(
            snapshot,
            family,
            self.families,
            threshold,
            progress=lambda done, of: self.progress("comparing", done, of),
            parallel_map=parallel_map,
        )
        involved = {image.key for group in found.groups for image in (group.head, *(c.image for c in group.copies))}
        keys = self.rows.keys(wanted)
        number_of = {
            text: number
            for key, number in zip(keys, wanted.tolist(), strict=True)
            if (text := key.decode(errors="replace")) in involved
        }
        self._know(np.array(sorted(number_of.values()), np.int64))
        for group in found.groups:
            for copy in group.copies:
                if group.head.key in number_of and copy.image.key in number_of:
                    self._join_alike(number_of[group.head.key], number_of[copy.image.key], None, copy.score)
        for head, copy_ in self._unseen:
            self._join_alike(head, copy_, False, None)

    def _join_alike(self, first: int, second: int, confirmed: bool | None, score: float | None) -> None:
        head, other = self.groups.head(first), self.groups.head(second)
        if head != other and self._may_join(head, other):
            self._join_all(head, other, "alike", confirmed, score)

    def _join_all(self, head: int, other: int, tier: Tier, confirmed: bool | None, score: float | None) -> None:
        """Let an image, and those of its own group, join a group."""
        own = [(number, self.groups.ties[number]) for number in self.groups.leave(other)]
        self.groups.join(head, other, tier, confirmed, score)
        for number, (its, _, _) in own:
            if self._may_join(head, number):
                self.groups.join(head, number, less_sure(its, tier), confirmed, score)

    def _are_identical(self, first: int, second: int) -> bool:
        return self.images[first].sha256 == self.images[second].sha256 != ""

    def _may_join(self, head: int, copy: int) -> bool:
        head_key, copy_key = self.images[head].key, self.images[copy].key
        return frozenset((head_key, copy_key)) not in self.decided and self.asked.may_go(head_key, copy_key)

    def _in_order(self, numbers: NDArray[np.int64]) -> list[int]:
        """Return images in the order of the heads: those that are to stay first, the largest first."""
        ordered: list[int] = self.rows.in_order(numbers).tolist()
        if self.asked.against is None:
            return ordered
        against = self.asked.against
        return sorted(ordered, key=lambda number: self.images[number].key.startswith(against))

    def _know(self, numbers: NDArray[np.int64]) -> None:
        unknown = np.array([number for number in numbers.tolist() if number not in self.images], np.int64)
        self.images.update(zip(unknown.tolist(), self.rows.images(unknown), strict=True))

    def described(self, roots: Roots) -> tuple[ReviewGroup, ...]:
        """Return the groups with the facts of their files, the best image of each first."""
        groups = []
        for n, (head, members) in enumerate(self.groups.members.items()):
            if n % 256 == 0:
                self.progress("describing", n, len(self.groups.members))
            groups.append(self._group(head, [head, *members], roots))
        groups.sort(key=lambda group: (-len(group.images), group.images[0].image.key))
        return tuple(groups)

    def _group(self, head: int, numbers: Sequence[int], roots: Roots) -> ReviewGroup:
        images = [self.images[number] for number in numbers]
        facts = {
            key: replace(each, is_grey=self.confirms.is_grey(image))
            for image, (key, each) in zip(images, facts_of(images, roots).items(), strict=True)
        }
        keeping = Keeping()

        def rank(number: int) -> Any:
            image = self.images[number]
            is_alike = number != head and self.groups.ties[number][0] == "alike"
            may_go = self.asked.against is not None and number != head
            return (may_go, is_alike, *keeping.rank(image, facts[image.key]))

        ordered = sorted(numbers, key=rank)
        return ReviewGroup(tuple(self._reviewed(head, ordered[0], number, facts) for number in ordered))

    def _reviewed(self, head: int, best: int, number: int, facts: Mapping[str, Facts]) -> Reviewed:
        image = self.images[number]
        if number == best:
            return Reviewed(image, facts[image.key], None)
        if image.sha256 and image.sha256 == self.images[best].sha256:
            return Reviewed(image, facts[image.key], "identical")
        ties = [self.groups.ties[each] for each in (number, best) if each != head]
        tier, confirmed, score = ties[0]
        for other, seen, scored in ties[1:]:
            if less_sure(tier, other) != tier:
                tier, confirmed, score = other, seen, scored
        return Reviewed(image, facts[image.key], tier, confirmed, score)
