"""A small index that has every kind of object, and every column that a search reads."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from unittest.mock import patch

import numpy as np

from lookalike import Index, Record, Records
from shards.families import family
from shards.families.goldberg import family as goldberg
from shards.families.haar import search as haar_search
from shards.families.hashes import hamming
from shards.storage.memory import MemoryStore
from shards.storage.probe import PROBES
from shards.table.format import envelope, names, segment, settings
from shards.table.format.records import DELETE, PUT, meta_bytes
from shards.testing.samples import samples
from tests.world import FakeWorld

FAMILIES = ("haar", "goldberg", "dhash", "pdq")

IMAGES, DELETED, REPLACED = 120, 50, 30

SEARCH_FROM = 16
"""Rows from which on a segment has search columns here."""

TAIL = "tail.png"
"""The key of the image that the log alone has, and that has a thumbnail."""


@contextmanager
def small_constants() -> Iterator[None]:
    """Limits so low that a hundred images have all that a million would."""
    with ExitStack() as patches:
        for module, name, value in (
            (goldberg, "FEW", SEARCH_FROM),
            (haar_search, "SEARCH_FROM", SEARCH_FROM),
            (hamming, "INDEXED", SEARCH_FROM),
            (segment, "INLINE_DEAD", 8),
            (envelope, "GZIP_FROM", 6_000),
        ):
            patches.enter_context(patch.object(module, name, value))
        yield


def key(n: int) -> str:
    return f"images/{n:03}.jpg"


def build(world: FakeWorld) -> MemoryStore:
    """Segments of two shards, dead rows in manifests and in objects, folded log objects, a tail, thumbnails."""
    store = MemoryStore(clock=lambda: world.now_ns() / 1e9)
    with small_constants():
        index = Index.create(store, families=FAMILIES, shards=2, segment_rows=400, thumbnails=16, effects=world)
        index.write_bulk(records(index, range(10), 3))
        index.write_bulk(records(index, range(IMAGES), 0))
        index.write_bulk(records(index, range(DELETED), 1, deleted=True))
        index.add("folded.png", picture(2), {"n": -2})
        index.commit()
        index.write_bulk(records(index, range(IMAGES - REPLACED, IMAGES), 2))
        index.add(TAIL, picture(1), {"n": -1})
        index.write([Record(key(IMAGES - 1), index.next_order(), deleted=True)])
    return store


@lru_cache
def built(seed: int) -> tuple[Mapping[str, bytes], int]:
    """The objects of such an index, by name, and the time when it was done, in ns since 1970.

    Their names are those within the index: `placed` says where they lie.
    """
    world = FakeWorld(seed)
    store = build(world)
    data = settings.read(store).data(store)
    objects = {entry.name: bytes(data.get(entry.name)) for entry in data.list() if not entry.name.startswith(PROBES)}
    return {names.SETTINGS: bytes(store.get(names.SETTINGS)), **objects}, world.now_ns()


def placed(objects: Mapping[str, bytes], seed: int) -> dict[str, bytes]:
    """Return such objects, changed or not, by their names in the store: all but one are in the folder of the index."""
    data = envelope.unseal(built(seed)[0][names.SETTINGS], names.SETTINGS)["id"]
    return {name if name == names.SETTINGS else f"{data}/{name}": body for name, body in objects.items()}


def records(index: Index, numbers: range, seed: int, *, deleted: bool = False) -> Records:
    """A record for each number, with signatures that resemble each other as those of real pictures do."""
    chosen = np.random.default_rng(seed).integers(0, 24, len(numbers))
    signatures = {name: samples(family(name)).signatures[chosen] for name in FAMILIES}
    return Records.build(
        keys=[key(n) for n in numbers],
        order=np.array([index.next_order() for _ in numbers], np.uint64),
        kind=np.full(len(numbers), DELETE if deleted else PUT, np.uint8),
        sha256=np.full((len(numbers), 32), seed, np.uint8),
        width=np.full(len(numbers), 640 + seed, np.uint32),
        height=np.full(len(numbers), 480, np.uint32),
        meta=[meta_bytes(None if deleted else {"n": n, "seed": seed}, None) for n in numbers],
        rows={name: np.zeros_like(rows) if deleted else rows for name, rows in signatures.items()},
    )


def picture(seed: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()
