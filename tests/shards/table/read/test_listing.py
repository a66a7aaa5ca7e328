"""Listings: every image once, in one order, from any key on."""

from __future__ import annotations

import numpy as np
import pytest

from shards.table.format import names
from shards.table.read.listing import LISTED, in_hash_order, listed
from shards.table.read.reader import TailReader
from shards.table.read.snapshot import Source
from tests.shards.table.synthetic import delete, make_store, make_table, many, put, records
from tests.world import FakeWorld


@pytest.mark.parametrize("rows", [0, 1, LISTED, LISTED + 1, 2 * LISTED + 5])
def test_a_source_is_listed_by_rising_hash_whatever_is_read_at_a_time(rows: int) -> None:
    dead = np.arange(0, rows, 3, dtype=np.uint32)
    one = Source(TailReader(many([str(i) for i in range(rows)], 1).latest()), dead)
    found = list(in_hash_order(one, 0, Source.images))
    assert [image.key for _, image in found] == [image.key for image in one.images(one.live_rows())]
    hashes = [hashed for hashed, _ in found]
    assert hashes == sorted(hashes)
    if hashes:
        middle = hashes[len(hashes) // 2]
        assert [hashed for hashed, _ in in_hash_order(one, middle, Source.images)] == hashes[len(hashes) // 2 :]


def test_a_snapshot_is_listed_across_its_segments_and_tail_and_goes_on_after_any_key() -> None:
    world = FakeWorld()
    table = make_table(make_store(world), world, shards=2)
    table.write(many([str(i) for i in range(50)], 1))
    table.append(records(put("7", 2, 300), put("new", 2), delete("8", 2)))
    snapshot = table.snapshot()
    keys = {str(i) for i in range(50)} - {"8"} | {"new"}
    order = sorted(keys, key=lambda key: (names.key_hash(key.encode()), key))
    assert [image.key for image in listed(snapshot)] == order
    assert [image.width for image in listed(snapshot) if image.key == "7"] == [300]
    for n, key in enumerate(order):
        assert [image.key for image in listed(snapshot, key)] == order[n + 1 :]
    gone = names.key_hash(b"8")
    assert [image.key for image in listed(snapshot, "8")] == [
        key for key in order if names.key_hash(key.encode()) > gone
    ]
