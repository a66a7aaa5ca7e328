"""Images whose hashes differ in at most so many hexadecimal digits, or bits: all of them.

Each differing digit is one to four differing bits. So hashes within n digits are within 4 n bits, which is cheap to
find out for millions; digits are counted among those alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.index import Index
from shards.families import Rows
from shards.families.hashes.hamming import HammingFamily
from shards.families.hashes.join import Pairs, pairs_within, plan_join
from shards.search.all_rows import AllRows
from shards.table.read.snapshot import Snapshot

Unit = Literal["digits", "bits"]

Progress = Callable[[int, int], None]

DIGIT = 4
"""Bits of a hexadecimal digit."""

LOWEST_BITS = np.uint64(0x1111_1111_1111_1111)
"""The lowest bit of each digit. The last digit of a hash ends at the lowest bit of its last word."""


@dataclass(frozen=True, slots=True)
class Group:
    """Images of one hash, or pictures that were asked with, and the images that match them."""

    number: int
    """Which of the hashes it is."""

    matches: tuple[tuple[int, str], ...]
    """Distance and key of each image that matches, by rising distance, then by key."""


def digits_between(hashes: NDArray[np.uint64], query: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return (n,) int64: the hexadecimal digits in which each of (n, words) hashes differs from a (words,) query.

    Or each from its own query, where there are as many.
    """
    differences = hashes ^ query
    differences |= differences >> np.uint64(1)
    differences |= differences >> np.uint64(2)
    digits: NDArray[np.int64] = np.bitwise_count(differences & LOWEST_BITS).sum(axis=1, dtype=np.int64)
    return digits


def within(
    hashes: NDArray[np.uint64], query: NDArray[np.uint64], unit: Unit, threshold: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of (n, words) hashes are within the threshold of a (words,) query, and their distances."""
    bits = np.bitwise_count(hashes[:, 0] ^ query[0]).astype(np.uint16)
    for word in range(1, hashes.shape[1]):
        bits += np.bitwise_count(hashes[:, word] ^ query[word])
    if unit == "bits":
        near = np.flatnonzero(bits <= threshold)
        return near, bits[near].astype(np.int64)
    near = np.flatnonzero(bits <= DIGIT * threshold)
    digits = digits_between(hashes[near], query)
    return near[digits <= threshold], digits[digits <= threshold]


def search(index: Index, family: HammingFamily, queries: Rows, unit: Unit, threshold: int) -> list[Group]:
    """Return for each query all images within the threshold."""

    def ask(snapshot: Snapshot) -> list[Group]:
        stored = AllRows.of(snapshot)
        hashes = stored.signatures(family)["hash"]
        found = [within(hashes, query, unit, threshold) for query in queries["hash"]]
        keys = _keys(stored, [near for near, _ in found])
        return [_group(number, near, distances, keys) for number, (near, distances) in enumerate(found)]

    return index.read(ask)


def duplicates(
    index: Index, family: HammingFamily, unit: Unit, threshold: int, progress: Progress
) -> list[tuple[list[str], Group]]:
    """Return for each hash that matches more than one image: the images of this hash, and all that match it.

    `progress` gets (steps done, steps in all).
    """

    def ask(snapshot: Snapshot) -> list[tuple[list[str], Group]]:
        stored = AllRows.of(snapshot)
        different, which = np.unique(stored.signatures(family)["hash"], axis=0, return_inverse=True)
        which = which.ravel()
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(different) + 1))
        groups: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        neighbours = _neighbours(different, family.bits, unit, threshold, progress)
        for number, (near, distances) in enumerate(neighbours):
            members = [order[starts[each] : starts[each + 1]] for each in near.tolist()]
            lengths = [len(some) for some in members]
            if sum(lengths) > 1:
                own = order[starts[number] : starts[number + 1]]
                groups.append((own, np.concatenate(members), np.repeat(distances, lengths)))
        keys = _keys(stored, [near for _, near, _ in groups])
        return [
            (sorted(keys[row] for row in own.tolist()), _group(number, near, distances, keys))
            for number, (own, near, distances) in enumerate(groups)
        ]

    return sorted(index.read(ask), key=lambda group: group[0])


def _neighbours(
    hashes: NDArray[np.uint64], bits: int, unit: Unit, threshold: int, progress: Progress
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield for each of these different hashes all that are within the threshold of it, and their distances."""
    if threshold == 0:
        zero = np.zeros(1, np.int64)
        for number in range(len(hashes)):
            yield np.array([number]), zero
        return
    radius = DIGIT * threshold if unit == "digits" else threshold
    how = plan_join(len(hashes), bits, radius) if hashes.shape[1] == 1 else None
    if how is not None:
        yield from _joined(hashes, unit, threshold, pairs_within(hashes[:, 0], radius, how, progress))
        return
    for number, query in enumerate(hashes, 1):
        yield within(hashes, query, unit, threshold)
        progress(number, len(hashes))


def _joined(
    hashes: NDArray[np.uint64], unit: Unit, threshold: int, pairs: Iterable[Pairs]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Do as `_neighbours` does with the pairs that may be within the threshold."""
    itself = np.arange(len(hashes), dtype=np.uint32)
    # of each pair, and of each hash with itself: one, the other, and their distance
    edges = [(itself, itself, np.zeros(len(hashes), np.uint8))]
    for some in pairs:
        distances = some.distances
        if unit == "digits":
            distances = digits_between(hashes[some.first], hashes[some.second]).astype(np.uint8)
        near = distances <= threshold
        edges.append((some.first[near], some.second[near], distances[near]))
        edges.append((some.second[near], some.first[near], distances[near]))
    one, other, distance = (np.concatenate(column) for column in zip(*edges, strict=True))
    order = np.lexsort((other, one))
    starts = np.searchsorted(one[order], np.arange(len(hashes) + 1))
    for start, stop in pairwise(starts.tolist()):
        yield other[order[start:stop]].astype(np.int64), distance[order[start:stop]].astype(np.int64)


def _keys(stored: AllRows, found: Sequence[NDArray[np.int64]]) -> dict[int, str]:
    """Return the keys of all images that were found, by their numbers."""
    wanted = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
    return dict(zip(wanted.tolist(), (image.key for image in stored.images(wanted)), strict=True))


def _group(number: int, near: NDArray[np.int64], distances: NDArray[np.int64], keys: dict[int, str]) -> Group:
    return Group(number, tuple(sorted(zip(distances.tolist(), map(keys.__getitem__, near.tolist()), strict=True))))
