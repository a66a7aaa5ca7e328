"""Collecting thumbnails that no image has any more, in memory that does not grow with the index.

Digests are spread evenly, so the thumbnails of a part of all digests are a part of all thumbnails, and the names of a
part begin alike: parts are listed beside each other, and one after the other is compared with what the images have. Of
these, 8 bytes of each digest are held: where two agree in them, a thumbnail stays that could go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

from shards.storage.base import Entry, Store
from shards.storage.parallel import PARALLEL
from shards.table.format import names
from shards.table.format.records import SHA256
from shards.table.maintain.collect import ORPHAN_SECONDS, Collected, store_now
from shards.table.read.snapshot import Snapshot, Source
from shards.table.table import Table

HELD = 1 << 24
"""Images whose digests are held at once: 8 bytes each, and as many again while they are put together."""

ROWS = 1 << 18
"""Rows of a segment whose digests are read at a time: 8 MB."""

FEW = 1000
"""Thumbnails up to which they are listed at once, as one request lists so many."""

PARTS = 256
"""Parts in which more are listed, at least: by two digits of their names."""

LISTED = 1 << 16
"""Images for which there is a part of its own at most, where there are more: some 64 requests."""

CHUNK = 4096
"""Names that are compared at a time."""

DELETED = 1000
"""Names that one request deletes."""

TAIL = "log"
"""The name of the source that changes."""


@dataclass(frozen=True, slots=True)
class _Unused:
    """Thumbnails that no image has."""

    digests: NDArray[np.uint8]
    """(thumbnails, 32) uint8."""

    sizes: NDArray[np.int64]
    """(thumbnails,) int64, bytes."""


@dataclass(frozen=True, slots=True)
class _Used:
    """Digests of images."""

    heads: NDArray[np.uint64]
    """(images,) uint64, sorted: the first eight bytes of each, as a big-endian number."""

    sources: frozenset[str]
    """Names of the sources in which they were looked for."""

    within: tuple[float, float]
    """The part of all digests that they are from, 0 to 1."""

    def has(self, heads: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return (heads,) bool: whether each is the beginning of one of these."""
        if not len(self.heads):
            return np.zeros(len(heads), bool)
        found = np.searchsorted(self.heads, heads)
        return np.equal(self.heads[np.minimum(found, len(self.heads) - 1)], heads)


def collect_thumbnails(table: Table, *, place: float = 0.0, is_over: Callable[[], bool] = lambda: False) -> Collected:
    """Delete the thumbnails of images that the table does not have any more.

    Only those over an hour old: a younger one may belong to records that are about to be written. An image that is
    added again in this very moment, long after it was removed, may lose its thumbnail, and nothing else.

    Goes once around all thumbnails from a place, 0 to 1, in the order of their names, and ends when the time is over:
    then the result has the place at which to go on. Holds 16 bytes an image, of HELD images at most.
    """
    store = table.store
    first = list(store.list(names.THUMBNAILS, limit=FEW + 1))
    if not first:
        return Collected((), 0)
    now = store_now(table)
    if now is None:
        # no object is from the future
        now = max((entry.modified for entry in store.list(names.THUMBNAILS)), default=0.0)
    before = now - ORPHAN_SECONDS
    if len(first) <= FEW and not any(_may_go(entry, before) for entry in first):
        return Collected((), 0)
    images = table.read(lambda snapshot: snapshot.live)
    parts = 1 if store.mapped or len(first) <= FEW else PARTS
    while parts > 1 and images > parts * LISTED:
        parts *= 16
    slices = 1
    while images > slices * HELD and slices < parts:
        slices *= 2
    order = [(int(place * parts) + part) % parts for part in range(parts)]
    collected, done = Collected((), 0), 0
    for number, some in groupby(order, key=lambda part: part * slices // parts):
        within = (number / slices, (number + 1) / slices)
        used = table.read(partial(_all_digests, within))
        waiting = iter(some)
        while group := list(islice(waiting, PARALLEL)):
            if is_over():
                return collected + Collected((), 0, covered=done / parts, next=group[0] / parts)
            unused = table.parallel_map(partial(_unused, store, parts, used, before), group)
            collected += _delete(table, used, unused)
            done += len(group)
    return collected


def _all_digests(within: tuple[float, float], snapshot: Snapshot) -> _Used:
    return _digests(snapshot.sources, within)


def _digests(sources: Iterable[Source], within: tuple[float, float]) -> _Used:
    """Return the digests of all images of these sources that are in this part of all digests."""
    first, last = (np.uint64(min(round(bound * 2**64), 2**64 - 1)) for bound in within)
    read = [np.zeros(0, np.uint64)]
    seen: list[str] = []
    for source in sources:
        seen.append(source.name)
        if source.reader.length(SHA256) is None:
            continue
        for start in range(0, source.reader.rows, ROWS):
            stop = min(start + ROWS, source.reader.rows)
            known = source.reader.column(SHA256, start, stop)[source.live_rows(start, stop) - start]
            # of an image whose bytes are unknown there is no thumbnail
            heads = _heads(known[known.any(axis=1)])
            read.append(heads[(first <= heads) & (heads <= last)])
    heads = np.concatenate(read)
    read.clear()
    heads.sort()
    return _Used(heads, frozenset(seen), within)


def _heads(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return (digests,) uint64: the first eight bytes of each of these (digests, 32) uint8."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64)


def _unused(store: Store, parts: int, used: _Used, before: float, part: int) -> _Unused:
    """Return the thumbnails of one of so many parts that are older (s since 1970) and that no image has."""
    digits = (parts.bit_length() - 1) // 4
    prefix = names.THUMBNAILS + (f"{part:0{digits}x}" if digits else "")
    old = (
        (names.thumbnail_sha256(entry.name) or b"", entry.size)
        for entry in store.list(prefix)
        if _may_go(entry, before)
    )
    digests, sizes = [np.zeros((0, 32), np.uint8)], [np.zeros(0, np.int64)]
    while chunk := list(islice(old, CHUNK)):
        some = np.frombuffer(b"".join(digest for digest, _ in chunk), np.uint8).reshape(-1, 32)
        is_unused = ~used.has(_heads(some))
        digests.append(some[is_unused])
        sizes.append(np.array([size for _, size in chunk], np.int64)[is_unused])
    return _Unused(np.concatenate(digests), np.concatenate(sizes))


def _may_go(entry: Entry, before: float) -> bool:
    """Return whether this is a thumbnail, and older (s since 1970)."""
    return entry.modified < before and names.thumbnail_sha256(entry.name) is not None


def _delete(table: Table, used: _Used, found: Sequence[_Unused]) -> Collected:
    """Delete these, but for those that images have which were added since the others were looked at."""
    digests = np.concatenate([one.digests for one in found])
    sizes = np.concatenate([one.sizes for one in found])
    if not len(digests):
        return Collected((), 0)

    def later(snapshot: Snapshot) -> _Used:
        others = [one for one in snapshot.sources if one.name == TAIL or one.name not in used.sources]
        return _digests(others, used.within)

    is_gone = ~table.read(later).has(_heads(digests))
    gone = [names.thumbnail(digest.tobytes()) for digest in digests[is_gone]]
    table.parallel_map(table.store.delete, [gone[n : n + DELETED] for n in range(0, len(gone), DELETED)])
    return Collected((), 0) + Collected(tuple(gone), int(sizes[is_gone].sum()))
