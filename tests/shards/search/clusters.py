"""Hashes around centres, and the groups that they should make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.hashes import ImageHash, Pdq
from shards.search.grouping import Grouping
from shards.search.pairs import Memberships
from tests.shards.search.oracle import components_of, stars_of

DHASH = ImageHash("dhash")
GROUPINGS: tuple[Grouping, ...] = ("star", "components")


def rows_of(hashes: NDArray[np.uint64], family: ImageHash = DHASH) -> Rows:
    rows = np.zeros(len(hashes), family.dtype)
    rows["hash"][:, 0] = hashes
    return rows


def clustered(seed: int, count: int, clusters: int, flips: int, bits: int = 64) -> NDArray[np.uint64]:
    """Return hashes around some centres, each at most `flips` bits from its own; many are equal where flips are few."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 1 << bits, clusters, np.uint64)[rng.integers(0, clusters, count)]
    for _ in range(flips):
        hashes ^= rng.integers(0, 2, count, np.uint64) << rng.integers(0, bits, count, np.uint64)
    return hashes


def groups_of(found: Memberships) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for head, member in zip(found.heads.tolist(), found.members.tolist(), strict=True):
        groups.setdefault(head, []).append(member)
    return {head: sorted(members) for head, members in groups.items()}


def wanted(
    grouping: Grouping, order: NDArray[np.int64], family: Family, rows: Rows, min_score: float
) -> dict[int, list[int]]:
    """Return the groups by the family's formula and the definition of the groups."""
    scores = np.stack([family.score(row, rows) for row in rows])
    make = stars_of if grouping == "star" else components_of
    return make(order.tolist(), lambda first, second: bool(scores[first, second] >= min_score))


def long_hashes(hashed: Pdq | ImageHash, seed: int, count: int, clusters: int, flips: int) -> Rows:
    """Return hashes up to `flips` bits from some centres, none with a bit that the family does not have."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (clusters, hashed.bits), np.uint8)[rng.integers(0, clusters, count)]
    for _ in range(flips):
        bits[np.arange(count), rng.integers(0, hashed.bits, count)] ^= rng.integers(0, 2, count, np.uint8)
    padded = np.zeros((count, hashed.dtype["hash"].itemsize * 8), np.uint8)
    padded[:, padded.shape[1] - hashed.bits :] = bits
    rows = np.zeros(count, hashed.dtype)
    rows["hash"] = np.packbits(padded, axis=1).view(">u8")
    if "quality" in (hashed.dtype.names or ()):
        rows["quality"] = 100
    return rows
