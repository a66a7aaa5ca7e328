"""Format 2: what a reader skips, and what it must know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lookalike import FormatUnsupported, Index, Record, Signature
from shards.families import family
from shards.storage.base import Data, Store
from shards.storage.delegating import DelegatingStore
from shards.table.format import columns, envelope, names, settings
from shards.table.format.layout import NEEDS
from shards.table.table import Table
from tests.shards.table.synthetic import make_store
from tests.world import FakeWorld

Document = dict[str, Any]


class Later(DelegatingStore):
    """What a later release writes: documents with more fields."""

    def __init__(self, inner: Store, change: Callable[[str, Document], None]) -> None:
        super().__init__(inner)
        self._change = change

    def create(self, name: str, data: Data) -> bool:
        if name.endswith(".json"):
            document = envelope.unseal(data, name)
            self._change(name, document)
            data = envelope.seal(document)
        return super().create(name, data)


def add_fields(_: str, document: Document) -> None:
    """Everywhere where there are fields."""
    document["later"] = {"deep": [1, {"a": None}]}
    for value in document.get("shards", []) if isinstance(document.get("shards"), list) else []:
        for segment in value:
            segment["later"] = [1]
            for column in segment["columns"].values():
                column["later"] = "x"
    if "pictures" in document:
        document["pictures"]["later"] = True
        for one in document["families"]:
            one["later"] = 0


def write(store: Store, world: FakeWorld) -> None:
    index = Index.create(store, families=["dhash"], thumbnails=0, effects=world)
    for n in range(3):
        index.write([Record(f"{n}.png", index.next_order(), rows={"dhash": family("dhash").parse(f"{n:016x}")})])
        if n < 2:
            index.compact()


def test_fields_that_nobody_knows_are_skipped(world: FakeWorld) -> None:
    store = make_store(world)
    write(Later(store, add_fields), world)
    index = Index.open(store, effects=world)
    assert index.count() == 3
    assert index.search(Signature(f"{1:016x}"), limit=1).hits[0].key == "1.png"
    assert index.verify().is_clean
    index.compact(everything=True)
    assert index.count() == 3
    assert index.verify().is_clean


@pytest.mark.parametrize("which", [names.SETTINGS, names.MANIFEST])
def test_what_is_needed_is_not_skipped(world: FakeWorld, which: str) -> None:
    def need(name: str, document: Document) -> None:
        if which in name:
            document["needs"] = ["packs-of-thumbnails"]

    store = make_store(world)
    # the release that writes it knows it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shards.table.format.layout.NEEDS", NEEDS | {"packs-of-thumbnails"})
        write(Later(store, need), world)
        assert Index.open(store, effects=world).count() == 3
    with pytest.raises(FormatUnsupported, match=r"needs \['packs-of-thumbnails'\], which this release does not know"):
        Index.open(store, effects=world).count()


def test_columns_that_nobody_knows_are_skipped(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """In log objects and in segments."""
    plain = columns.write

    def write_more(file: Any, wanted: Iterator[tuple[str, Any]], **options: Any) -> Any:
        some = list(wanted)
        return plain(file, [*some, ("later.column", np.arange(7, dtype="<u2"))], **options)

    store = make_store(world)
    with monkeypatch.context() as patch:
        for module in ("shards.table.format.columns", "shards.table.format.segment"):
            patch.setattr(f"{module}.write", write_more)
        write(store, world)
    chosen = settings.read(store)
    assert all("later.column" in one.columns for one in Table(store, chosen, effects=world).snapshot().manifest)
    index = Index.open(store, effects=world)
    assert index.count() == 3
    assert index.search(Signature(f"{1:016x}"), limit=1).hits[0].key == "1.png"
    assert index.verify().is_clean
    index.compact(everything=True)
    assert index.count() == 3
    assert index.verify().is_clean


def test_an_index_says_its_format_and_its_id(world: FakeWorld) -> None:
    store = make_store(world)
    write(store, world)
    of_index = envelope.unseal(store.get(names.SETTINGS), names.SETTINGS)
    manifest = names.manifest(2)
    of_manifest = envelope.unseal(store.get(f"{of_index['id']}/{manifest}"), manifest)
    assert of_index["format"] == of_manifest["format"] == 2
    assert of_manifest["index"] == of_index["id"]
    folders = {entry.name.partition("/")[0] for entry in store.list()}
    assert folders == {names.SETTINGS, of_index["id"]}
