"""The settings of an index, decided once when it is created."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shards.errors import CorruptObject, FormatUnsupported, IndexExists, IndexNotFound, QueryError, Undecided
from shards.pictures.decoding import PictureSettings
from shards.storage.base import Data
from shards.storage.delegating import DelegatingStore
from shards.storage.memory import MemoryStore
from shards.table.format import envelope, names
from shards.table.format import settings as table_settings
from shards.table.format.settings import FORMAT_1, IndexSettings
from tests.world import FakeWorld

ID = "0123456789abcdef"


def test_settings_are_read_as_they_were_created() -> None:
    store = MemoryStore()
    chosen = IndexSettings(("dhash", "haar"), 7, 1000, id=ID)
    table_settings.create(store, chosen, FakeWorld())
    assert table_settings.read(store) == chosen


def test_an_index_that_says_nothing_of_thumbnails_has_none() -> None:
    document = envelope.unseal(IndexSettings(("dhash",)).to_bytes(), "x")
    del document["thumbnails"]
    store = MemoryStore()
    store.create(names.SETTINGS, envelope.seal(document))
    assert table_settings.read(store).thumbnails == 0


def test_an_index_is_created_once() -> None:
    store = MemoryStore()
    world = FakeWorld()
    table_settings.create(store, IndexSettings(id=ID), world)
    with pytest.raises(IndexExists, match="is an index already"):
        table_settings.create(store, IndexSettings(id=table_settings.new_id(world)), world)
    assert table_settings.read(store).id == ID


class TestALostAnswer:
    """The store wrote `index.json` and did not say so: the repeated request finds what it wrote itself."""

    class Forgetful(DelegatingStore):
        def create(self, name: str, data: Data) -> bool:
            if super().create(name, data) and name == names.SETTINGS:
                raise Undecided("503")
            return False

    def test_to_a_creation_is_no_index_that_was_there_already(self) -> None:
        store = self.Forgetful(MemoryStore())
        table_settings.create(store, IndexSettings(id=ID), FakeWorld())
        assert table_settings.read(store).id == ID

    def test_does_not_hide_an_index_that_was(self) -> None:
        store = MemoryStore()
        table_settings.create(store, IndexSettings(id="0" * 16), FakeWorld())
        with pytest.raises(IndexExists):
            table_settings.create(self.Forgetful(store), IndexSettings(id=ID), FakeWorld())


def test_an_existing_index_gets_no_probe_of_another() -> None:
    store = MemoryStore()
    table_settings.create(store, IndexSettings(id=ID), FakeWorld())
    before = [entry.name for entry in store.list()]
    with pytest.raises(IndexExists):
        table_settings.create(store, IndexSettings(id="f" * 16), FakeWorld())
    assert [entry.name for entry in store.list()] == before


def test_where_there_is_no_index_it_says_how_to_make_one() -> None:
    with pytest.raises(IndexNotFound, match="make one with 'lookalike create memory://'"):
        table_settings.read(MemoryStore())


def test_signatures_of_another_version_are_not_mixed() -> None:
    document = envelope.unseal(IndexSettings(("dhash",)).to_bytes(), "x")
    document["families"][0]["version"] = 99
    store = MemoryStore()
    store.create(names.SETTINGS, envelope.seal(document))
    with pytest.raises(FormatUnsupported, match="signatures of dhash version 99, this release computes version 1"):
        table_settings.read(store)


@pytest.mark.parametrize(
    ("families", "shards", "segment_rows", "problem"),
    [
        ((), 1, 10, "an index needs one or more"),
        (("dhash", "dhash"), 1, 10, "each once"),
        (("nohash",), 1, 10, "no family is called 'nohash'"),
        (("dhash",), 0, 10, "shards is 0"),
        (("dhash",), 65_537, 10, "shards is 65537"),
        (("dhash",), 1, 0, "segment_rows is 0"),
        (("dhash",), 1, (1 << 22) + 1, "segment_rows is 4194305"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    families: tuple[str, ...], shards: int, segment_rows: int, problem: str
) -> None:
    with pytest.raises(QueryError, match=problem):
        IndexSettings(families, shards, segment_rows)


@pytest.mark.parametrize("pixels", [-1, 2049])
def test_thumbnails_have_a_sensible_size(pixels: int) -> None:
    with pytest.raises(QueryError, match=f"thumbnails is {pixels}"):
        IndexSettings(thumbnails=pixels)


@pytest.mark.parametrize(("name", "always", "other"), [("depth", "clip", "scale"), ("frame", "first", "content")])
class TestWhatFormat1DoesNotSay:
    """How greys of more than 8 bits are read, and which frame of an animation."""

    def test_is_said_by_an_index_and_needed_of_its_readers_unless_it_is_as_always(
        self, name: str, always: str, other: str
    ) -> None:
        for value, needs in ((always, {}), (other, {"needs": [name]})):
            chosen = IndexSettings(("dhash",), pictures=replace(FORMAT_1, **{name: value}), id=ID)
            document = envelope.unseal(chosen.to_bytes(), "x")
            assert document["pictures"][name] == value
            assert {key: document[key] for key in ("needs",) if key in document} == needs
            assert IndexSettings.from_json(document, "here") == chosen

    def test_is_as_always_in_an_index_that_does_not_say(self, name: str, always: str, other: str) -> None:
        document = envelope.unseal(IndexSettings(("dhash",), pictures=PictureSettings(), id=ID).to_bytes(), "x")
        assert document["pictures"].pop(name) == other
        assert getattr(IndexSettings.from_json(document, "here").pictures, name) == always

    def test_is_as_always_in_format_1_whatever_stands_there(self, name: str, always: str, other: str) -> None:
        document = envelope.unseal(IndexSettings(("dhash",)).to_bytes(), "x")
        assert name not in document["pictures"]
        document["pictures"][name] = other
        assert getattr(IndexSettings.from_json(document, "here").pictures, name) == always
        with pytest.raises(QueryError, match=f"{name} is not '{always}': an index of format 1 knows no other"):
            IndexSettings(("dhash",), pictures=replace(FORMAT_1, **{name: other})).to_bytes()

    def test_that_nobody_knows_is_refused(self, name: str, always: str, other: str) -> None:
        document = envelope.unseal(IndexSettings(("dhash",), id=ID).to_bytes(), "x")
        document["pictures"][name] = "stretch"
        with pytest.raises(CorruptObject, match=rf"pictures\.{name} is 'stretch', and should be one of"):
            IndexSettings.from_json(document, "here")
