"""Stories of an index that is replaced by another one while processes work with it."""

from __future__ import annotations

from shards.table.format import names, settings
from shards.table.format.settings import IndexSettings
from shards.table.maintain.committing import CommittingTable
from tests.shards.table.synthetic import DHASH, make_store, put, read, records
from tests.simulation.interleaving import InterleavedStore
from tests.world import FakeWorld

OLD, NEW = (IndexSettings((DHASH.name,), id=digit * 16) for digit in "12")


def test_a_reader_does_not_believe_a_commit_that_comes_too_late_into_the_old_folder() -> None:
    """Its manifest is the only object there, and says nothing of the index that is at this place now."""
    world = FakeWorld()
    store = make_store(world)
    settings.create(store, OLD, world)
    reader = CommittingTable(store, OLD, effects=world)
    assert read(reader) == {}
    way = InterleavedStore(store)
    writer = CommittingTable(way, OLD, effects=world)
    seen: list[dict[str, int]] = []

    def replace() -> None:
        store.delete([entry.name for entry in store.list()])
        settings.create(store, NEW, world)
        CommittingTable(store, NEW, effects=world).append(records(put("cat", 1, 1)))

    way.before("create", f"{OLD.id}/{names.MANIFEST}", replace)
    way.after("create", f"{OLD.id}/{names.MANIFEST}", lambda: seen.append(read(reader)))
    writer.write(records(put("dog", 1, 2)))
    assert way.all_happened
    assert seen == [{"cat": 1}]
    assert read(reader) == {"cat": 1, "dog": 2}
