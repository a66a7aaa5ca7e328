"""The index of tests/golden/format1, made anew: `python -m tests.shards.table.format.format1` writes it.

Files of a format stay as they are for ever. Writing them again is right only while the format is not released.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from shards.storage.base import Store
from shards.storage.probe import PROBES
from shards.table.format import settings
from shards.table.format.manifest import INLINE_DEAD
from shards.table.format.settings import IndexSettings
from shards.table.maintain.committing import CommittingTable
from tests.shards.table.synthetic import DHASH, delete, make_store, many, put, records
from tests.world import FakeWorld

FOLDER = Path(__file__).parents[3] / "golden" / "format1"

KEYS = [f"many/{n:04}.jpg" for n in range(4 * INLINE_DEAD)]
DELETED = 3 * INLINE_DEAD
"""So many of them: over `INLINE_DEAD` in each of two shards."""

LIVE = {
    "cat.jpg": 0xFFFFFFFFFFFFFFFF - 615,
    "ü/3+%.png": 3,
    "🐈": 5,
    "tail.gif": 6,
    "stays": 9,
    **{key: n for n, key in enumerate(KEYS) if n >= DELETED},
}
"""The number of each key, as a reader sees it."""


def build(store: Store, world: FakeWorld) -> None:
    """Segments of two shards, dead rows in manifests and in an object, a log that is folded and a tail."""
    chosen = IndexSettings((DHASH.name,), shards=2, segment_rows=1000)
    settings.create(store, chosen, world)
    table = CommittingTable(store, chosen, effects=world)
    # the ids in names are drawn at random: none of these draws is the clock's
    table.clock.now_ns()
    world.reseed(1)
    table.append(records(put("cat.jpg", 1, 1, meta={"licence": "CC0"}), put("dog.jpg", 1, 2, tie=7)))
    table.append(records(put("ü/3+%.png", 2, 3), delete("never", 2), delete("dog.jpg", 2)))
    table.compact()
    table.write(many(KEYS, 3))
    table.write(many(KEYS[:DELETED], 4, deleted=True))
    table.compact(everything=True)
    table.write(records(put("passing by", 4, 8), delete("passing by", 5), put("stays", 4, 9)))
    table.append(records(put("🐈", 5, 5, meta={"name": "ü", "tags": ["a", 1, None]}), put("tail.gif", 5, 6)))
    table.append(records(put("cat.jpg", 6, LIVE["cat.jpg"]), delete("dog.jpg", 6)))


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    world = FakeWorld()
    made = make_store(world)
    build(made, world)
    for entry in made.list():
        if entry.name.startswith(PROBES):
            continue
        path = FOLDER / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.get(entry.name))
