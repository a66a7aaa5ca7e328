"""A store that asks again while the other one cannot say."""

from __future__ import annotations

import pytest

from shards.errors import Undecided
from shards.storage import patient
from shards.storage.memory import MemoryStore
from shards.storage.patient import PatientStore
from tests.simulation.interleaving import InterleavedStore, refuse
from tests.world import FakeWorld


@pytest.fixture
def way() -> InterleavedStore:
    store = MemoryStore()
    for n in range(10):
        store.create(f"{n}", b"body")
    return InterleavedStore(store)


def test_reads_and_deletions_are_made_again(way: InterleavedStore) -> None:
    way.before("get", "", refuse)
    way.before("get_ranges", "", refuse)
    way.before("size", "", refuse)
    way.before("delete", "", refuse)
    store = PatientStore(way, FakeWorld())
    assert bytes(store.get("1")) == b"body"
    assert [bytes(body) for body in store.get_ranges("1", [(0, 2), (2, 4)])] == [b"bo", b"dy"]
    assert store.size("1") == 4
    store.delete(["1"])
    assert way.all_happened


def test_of_a_listing_only_the_page_that_failed_is_asked_for_again(
    way: InterleavedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient, "PAGE", 4)
    way.before("list", "", refuse, nth=2)
    store = PatientStore(way, FakeWorld())
    assert [entry.name for entry in store.list()] == [f"{n}" for n in range(10)]
    assert way.all_happened
    assert len(way.requests) == 4
    assert [entry.name for entry in store.list(after="1", limit=6)] == [f"{n}" for n in range(2, 8)]


def test_a_creation_is_left_to_who_knows_whose_object_it_finds(way: InterleavedStore) -> None:
    way.before("create", "", refuse)
    with pytest.raises(Undecided):
        PatientStore(way, FakeWorld()).create("new", b"body")


def test_in_the_end_it_gives_up(way: InterleavedStore) -> None:
    for n in range(10):
        way.before("get", "", refuse, nth=n + 1)
    with pytest.raises(Undecided):
        PatientStore(way, FakeWorld()).get("1")
