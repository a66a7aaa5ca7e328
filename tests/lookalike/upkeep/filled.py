"""An index with merges that are due."""

from __future__ import annotations

from dataclasses import replace

from lookalike import Index
from shards.table.format.records import Record
from tests.lookalike.cli.drawing import png
from tests.shards.table.synthetic import make_store
from tests.world import FakeWorld

PICTURE = png(1)


def filled(rounds: int, shards: int = 1, where: str | None = None) -> Index:
    """Return an index with so many segments in each shard, and one log object that is not folded."""
    world = FakeWorld()
    index = Index.create(where or make_store(world), families=["dhash"], shards=shards, effects=world)
    signed = index.sign("a", PICTURE)
    for n in range(rounds * shards * 4):
        index.write([_named(signed, f"{n}.png", index)])
        if n % (shards * 4) == shards * 4 - 1:
            index.commit()
    index.write([_named(signed, "fresh.png", index)])
    return index


def _named(record: Record, key: str, index: Index) -> Record:
    return replace(record, key=key, order=index.next_order())
