"""Records without pictures: a 64-bit number stands for the signature, and says whose record it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shards.families import Family, family
from shards.storage import Store
from shards.storage.effects import Effects
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.records import DELETE, PUT, Order, Record, Records, meta_bytes
from shards.table.format.settings import SEGMENT_ROWS, IndexSettings
from shards.table.maintain.committing import CommittingTable
from shards.table.read.snapshot import Snapshot
from tests.world import FakeWorld

DHASH = family("dhash")
FAMILIES: list[Family] = [DHASH]

START = 1_800_000_000
"""Seconds since 1970 when a FakeWorld begins."""


def order(seconds: float, tie: int = 0) -> Order:
    """An event so many seconds after the world began."""
    return int((START + seconds) * 10**9), tie


def row(hashed: int) -> np.void:
    rows = np.zeros(1, DHASH.dtype)
    rows["hash"] = hashed
    only: np.void = rows[0]
    return only


def put(key: str, seconds: float, hashed: int = 0, *, tie: int = 0, meta: Mapping[str, Any] | None = None) -> Record:
    return Record(
        key, order(seconds, tie), sha256=bytes([hashed % 256]) * 32, width=hashed % 1000, height=7, meta=meta,
        rows={DHASH.name: row(hashed)},
    )  # fmt: skip


def delete(key: str, seconds: float, *, tie: int = 0) -> Record:
    return Record(key, order(seconds, tie), deleted=True)


def records(*those: Record) -> Records:
    return Records.of(those, FAMILIES)


def many(keys: Sequence[str], seconds: float, *, first: int = 0, deleted: bool = False) -> Records:
    """A record for each key, numbered from `first` on, all of one time."""
    rows = np.zeros(len(keys), DHASH.dtype)
    rows["hash"][:, 0] = np.arange(first, first + len(keys))
    return Records.build(
        keys=keys,
        order=np.tile(np.array(order(seconds), np.uint64), (len(keys), 1)),
        rows={DHASH.name: np.zeros_like(rows) if deleted else rows},
        kind=np.full(len(keys), DELETE if deleted else PUT, np.uint8),
        width=np.arange(first, first + len(keys), dtype=np.uint32) % 1000,
        meta=[meta_bytes({"key": key}, None) for key in keys],
    )


def make_store(world: FakeWorld) -> MemoryStore:
    """An empty store that dates its objects by this world's clock."""
    return MemoryStore(clock=lambda: world.now_ns() / 1e9)


def make_table(
    store: Store, effects: Effects, *, shards: int = 1, segment_rows: int = SEGMENT_ROWS, max_staleness: float = 0.0
) -> CommittingTable:
    """A table of dhashes there, made if there is none."""
    chosen = IndexSettings((DHASH.name,), shards, segment_rows)
    store.create(names.SETTINGS, chosen.to_bytes())
    return CommittingTable(store, chosen, effects=effects, max_staleness=max_staleness)


def shown(snapshot: Snapshot) -> dict[str, int]:
    """The number of each live key. Each lives once."""
    found: dict[str, int] = {}
    for source in snapshot.sources:
        rows = source.live_rows()
        numbers = source.reader.take(DHASH.name, rows)["hash"][:, 0].tolist()
        for image, number in zip(source.images(rows), numbers, strict=True):
            assert image.key not in found, f"{image.key} lives twice"
            assert image.width == number % 1000
            found[image.key] = number
    return found


def read(table: CommittingTable) -> dict[str, int]:
    """Return each key's number, as a reader sees it that begins now."""
    return table.read(shown)
