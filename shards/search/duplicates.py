"""Duplicates: images of one index that look alike, in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.hashes.hamming import WORD, HammingFamily
from shards.families.hashes.join import plan
from shards.search.stars import Star, stars_by_joining, stars_by_scoring
from shards.table.snapshot import Image, Snapshot


@dataclass(frozen=True, slots=True)
class Copy:
    """An image of a group, and how alike it is to the group's head."""

    image: Image
    score: float
    distance: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Images that are alike: each of `copies` to the `head`, which has the most pixels and is the one to keep."""

    head: Image
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`groups`, the largest first. `flat`: images without content, all alike, which are left out of the groups."""

    groups: tuple[Group, ...]
    flat: tuple[Image, ...]


def find(
    snapshot: Snapshot, family: Family, min_score: float, *, progress: Callable[[int, int], None] | None = None
) -> Duplicates:
    """Groups by star: every copy scores at least `min_score` against its group's head.

    Connected components would chain (a picture like one that is like another that …). Heads are taken by falling
    number of pixels, then by key, so the answer does not depend on how the records are stored. Hashes of one word
    within a few bits are joined by sorting; everything else compares every pair. `progress` is told (steps done, of
    how many).
    """
    everything = _Everything.of(snapshot, family)
    is_flat = family.is_flat(everything.rows)
    content = np.flatnonzero(~is_flat)
    stars = list(_stars(family, everything, content, min_score, progress))
    wanted = np.unique(np.concatenate([np.empty(0, np.int64), *([star.head, *star.members] for star in stars)]))
    known = dict(zip(wanted.tolist(), everything.images(wanted), strict=True))
    groups = []
    for star in stars:
        copies = [
            Copy(known[row], score, family.distance_at(score))
            for row, score in zip(star.members.tolist(), star.scores.tolist(), strict=True)
        ]
        copies.sort(key=lambda copy: (-copy.score, copy.image.key))
        groups.append(Group(known[star.head], tuple(copies)))
    groups.sort(key=lambda group: (-len(group.copies), group.head.key))
    flat = everything.images(np.flatnonzero(is_flat))
    return Duplicates(tuple(groups), tuple(sorted(flat, key=lambda image: image.key)))


def _stars(
    family: Family,
    everything: _Everything,
    content: NDArray[np.int64],
    min_score: float,
    progress: Callable[[int, int], None] | None,
) -> Iterable[Star]:
    """The stars among these rows, by the cheapest way."""
    if isinstance(family, HammingFamily) and family.bits <= WORD:
        radius = family.radius(min_score)
        how = plan(len(content), family.bits, radius)
        if how is not None:
            rows = everything.rows[content]

            def in_order(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
                return np.searchsorted(content, everything.in_order(content[chosen]))

            for star in stars_by_joining(family, rows, radius, how, in_order, progress):
                yield Star(int(content[star.head]), content[star.members], star.scores)
            return
    yield from stars_by_scoring(family, everything.rows, everything.in_order(content), min_score, progress)


@dataclass(frozen=True, slots=True)
class _Everything:
    """Every image of a snapshot, source after source.

    `rows`: (n,) signatures. `area`: (n,) int64 pixels. `at`: (n,) int64, the row in its source. `starts`: (sources +
    1,) int64, where each source's images begin.
    """

    snapshot: Snapshot
    rows: Rows
    area: NDArray[np.int64]
    at: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, snapshot: Snapshot, family: Family) -> _Everything:
        rows = [np.empty(0, family.dtype)]
        area = [np.empty(0, np.int64)]
        at = [np.empty(0, np.int64)]
        for source in snapshot.sources:
            live = source.live_rows()
            at.append(live)
            rows.append(source.reader.column(family.name)[live])
            area.append(source.reader.column("width")[live].astype(np.int64) * source.reader.column("height")[live])
        starts = np.cumsum([len(live) for live in at])
        return cls(snapshot, np.concatenate(rows), np.concatenate(area), np.concatenate(at), starts)

    def images(self, wanted: NDArray[np.int64]) -> list[Image]:
        """What is known of these; `wanted` is sorted."""
        found: list[Image] = []
        for source, part in zip(self.snapshot.sources, self._by_source(wanted), strict=True):
            found += source.images(part)
        return found

    def in_order(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """These by falling number of pixels, then by key; `wanted` is sorted."""
        keys: list[bytes] = []
        for source, part in zip(self.snapshot.sources, self._by_source(wanted), strict=True):
            keys += source.reader.texts("key", part)
        by_key = wanted[np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)]
        return by_key[np.argsort(-self.area[by_key], kind="stable")]

    def _by_source(self, wanted: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        edges = np.searchsorted(wanted, self.starts)
        return [self.at[wanted[first:last]] for first, last in pairwise(edges)]
