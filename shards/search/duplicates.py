"""Duplicates: images of one index that look alike, in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.table.snapshot import Image, Snapshot

BLOCK = 1 << 13
"""Rows compared with a head at a time."""


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
    number of pixels, then by key, so the answer does not depend on how the records are stored. Compares every pair;
    `progress` is told (heads done, of how many).
    """
    rows, keys, area, images = _read(snapshot, family)
    is_flat = family.is_flat(rows)
    order = np.array(sorted(np.flatnonzero(~is_flat).tolist(), key=lambda i: (-area[i], keys[i])), np.int64)
    stars = list(_stars(family, rows[order], min_score, progress))
    wanted = sorted({int(order[i]) for head, near, _ in stars for i in (head, *near.tolist())})
    flat = np.flatnonzero(is_flat)
    known = dict(zip(wanted, images(np.array(wanted, np.int64)), strict=True))
    groups = []
    for head, near, scores in stars:
        copies = [
            Copy(known[int(order[i])], score, family.distance_at(score))
            for i, score in zip(near.tolist(), scores.tolist(), strict=True)
        ]
        copies.sort(key=lambda copy: (-copy.score, copy.image.key))
        groups.append(Group(known[int(order[head])], tuple(copies)))
    groups.sort(key=lambda group: (-len(group.copies), group.head.key))
    return Duplicates(tuple(groups), tuple(sorted(images(flat), key=lambda image: image.key)))


def _stars(
    family: Family, rows: Rows, min_score: float, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """(head, those near it, their scores), as positions in `rows`; each row is in one star at most."""
    is_free = np.ones(len(rows), bool)
    for head in range(len(rows)):
        if progress is not None and head % 256 == 0:
            progress(head, len(rows))
        if not is_free[head]:
            continue
        near = [np.empty(0, np.int64)]
        scores = [np.empty(0, np.float64)]
        for start in range(head + 1, len(rows), BLOCK):
            block = family.score(rows[head], rows[start : start + BLOCK])
            found = np.flatnonzero((block >= min_score) & is_free[start : start + BLOCK])
            near.append(found + start)
            scores.append(block[found])
        members = np.concatenate(near)
        is_free[members] = False
        if len(members):
            yield head, members, np.concatenate(scores)
    if progress is not None:
        progress(len(rows), len(rows))


def _read(
    snapshot: Snapshot, family: Family
) -> tuple[Rows, list[bytes], NDArray[np.int64], Callable[[NDArray[np.int64]], list[Image]]]:
    """Signatures, keys and pixels of every image, and how to get what else is known of some of them."""
    rows = [np.empty(0, family.dtype)]
    area = [np.empty(0, np.int64)]
    keys: list[bytes] = []
    at: list[tuple[int, int]] = []
    for i, source in enumerate(snapshot.sources):
        live = source.live_rows()
        reader = source.reader
        keys += reader.texts("key", live)
        rows.append(reader.column(family.name)[live])
        area.append(reader.column("width")[live].astype(np.int64) * reader.column("height")[live])
        at += [(i, row) for row in live.tolist()]

    def images(wanted: NDArray[np.int64]) -> list[Image]:
        by_source: dict[int, list[int]] = {}
        for n in wanted.tolist():
            by_source.setdefault(at[n][0], []).append(at[n][1])
        found = {
            (i, row): image
            for i, mine in by_source.items()
            for row, image in zip(mine, snapshot.sources[i].images(np.array(mine, np.int64)), strict=True)
        }
        return [found[at[n]] for n in wanted.tolist()]

    return np.concatenate(rows), keys, np.concatenate(area), images
