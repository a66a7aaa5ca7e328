"""Manifests."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.errors import CorruptObject, FormatUnsupported
from shards.storage.memory import MemoryStore
from shards.table.format import envelope, names
from shards.table.format.columns import Column
from shards.table.format.manifest import Manifest, Segment
from shards.table.read.newest import newest

DIGEST = "00112233445566778899aabbccddeeff"


def segment(n: int = 0, shard: int = 0, rows: int = 10, **more: object) -> Segment:
    columns = {
        "key_hash": Column(128, rows * 8, np.dtype("<u8"), (rows,)),
        "a": Column(64, 0, np.dtype([("sig", "<i2", (3, 40))]), (0,)),
    }
    made = Segment(f"{names.shard_prefix(shard)}{DIGEST}-{n:016x}.npz", shard, rows, 999, columns, modulus=shard + 1)
    return replace(made, **more)  # type: ignore[arg-type]


def manifest(*shards: tuple[Segment, ...], version: int = 3, **more: object) -> Manifest:
    made = Manifest(version, "c0ffee", 1_800_000_000_000, shards or ((),), {"log/x.npz": 5})
    return replace(made, **more)  # type: ignore[arg-type]


def there_and_back(made: Manifest) -> Manifest:
    return Manifest.from_bytes(made.to_bytes(), names.manifest(made.version))


segments = st.builds(
    lambda n, dead, tombstones: segment(
        n, dead=tuple(sorted(dead)), dead_rows=len(dead), tombstones=min(tombstones, len(dead))
    ),
    st.integers(0, 2**64 - 1),
    st.sets(st.integers(0, 9)),
    st.integers(0, 9),
)


@given(st.lists(segments, unique_by=lambda one: one.name), st.dictionaries(st.text(), st.integers(0, 2**53)))
def test_it_comes_back_from_what_is_stored(several: list[Segment], folded: dict[str, int]) -> None:
    made = manifest(tuple(several), (segment(1, shard=1),), folded=folded)
    back = there_and_back(made)
    assert back == made
    assert [list(one.columns) for one in back] == [["a", "key_hash"]] * len(list(made)), "by place in the file"


def test_it_is_json_that_people_and_tools_can_read() -> None:
    document = json.loads(manifest((segment(dead=(1, 4), dead_rows=2, tombstones=1),)).to_bytes())["body"]
    assert document["format"] == 1
    assert document["version"] == 3
    assert document["totals"] == {"segments": 1, "rows": 10, "live": 8, "bytes": 999}
    assert document["shards"][0][0]["dead"] == [1, 4]
    assert document["shards"][0][0]["columns"]["key_hash"] == {
        "offset": 128, "bytes": 80, "dtype": "<u8", "shape": [10],
    }  # fmt: skip


def test_the_same_manifest_gives_the_same_bytes() -> None:
    assert manifest((segment(1), segment(2))).to_bytes() == manifest((segment(1), segment(2))).to_bytes()


def test_a_large_one_is_compressed() -> None:
    made = manifest(tuple(segment(n) for n in range(1000)))
    assert len(made.to_bytes()) < 50_000
    assert there_and_back(made) == made


def test_an_index_that_has_folded_nothing_is_version_0_and_is_never_stored() -> None:
    assert Manifest.empty(3).shards == 3
    assert Manifest.empty(3).live == 0
    with pytest.raises(ValueError, match="version 0"):
        Manifest.empty(3).to_bytes()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (manifest((segment(1), segment(1))), "named twice"),
        (manifest(version=0), "version 0"),
        (replace(manifest(), segments=()), "with 0 shards"),
        (manifest((replace(segment(1), shard=1),)), "is in shard 1"),
        (manifest((replace(segment(1), modulus=2),)), "was made for 2 shards, and there are 1"),
        (manifest((replace(segment(1), modulus=2),), (), ()), "was made for 2 shards, and there are 3"),
        (manifest((), (replace(segment(1, shard=1), modulus=1),)), "was made for 1 shards, and there are 2"),
        (manifest((segment(1, shard=1),), ()), "is in shard 1"),
        (manifest((segment(dead_rows=11, dead_object="dead/x"),)), "11 dead of 10 rows"),
        (manifest((segment(dead_rows=-1, dead_object="dead/x"),)), "-1 dead of 10 rows"),
        (manifest((segment(dead_rows=2, dead=(1,)),)), "lists 1 dead rows, not 2"),
        (manifest((segment(dead_rows=2, dead=(4, 1)),)), "not 2 in order"),
        (manifest((segment(dead_rows=2, dead=(4, 4)),)), "not 2 in order"),
        (manifest((segment(dead_rows=1, dead=(10,)),)), "that it does not have"),
        (manifest((segment(dead_rows=1, dead=(-1,)),)), "that it does not have"),
    ],
)
def test_what_cannot_be_is_not_written(wrong: Manifest, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        wrong.to_bytes()


def resealed(change: dict[str, object]) -> bytes:
    document = envelope.unseal(manifest((segment(),)).to_bytes(), "x")
    return envelope.seal({**document, **change})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"totals": {}}, "totals.segments is missing"),
        (
            {"totals": {"segments": 2, "rows": 10, "live": 10, "bytes": 999}},
            "its totals .* are not those of its segments",
        ),
        ({"version": 4}, "holds version 4"),
        ({"shards": []}, "make no manifest"),
        ({"shards": [[{}]]}, "make no manifest"),
        ({"shards": 5}, "make no manifest"),
        ({"shards": [[{**segment().to_json(1), "modulus": 0}]]}, "modulus is 0, and should be"),
        ({"shards": [[{**segment().to_json(1), "modulus": 3}]]}, "was made for 3 shards"),
        ({"shards": [[{**segment().to_json(1), "rows": 1 << 60}]]}, "rows is 1152921504606846976, and should be"),
        ({"shards": [[{**segment().to_json(1), "rows": 10**400}]]}, "rows is a number of 1,329 bits"),
        ({"shards": [[{**segment().to_json(1), "columns": {"a": 3}}]]}, "column 3 is not offset"),
        ({"shards": [[{**segment().to_json(1), "name": "segments/0000/../x.npz"}]]}, "name is .* should match"),
        ({"shards": [[{**segment().to_json(1), "dead_object": "../index.json"}]]}, "dead_object is .* should match"),
        ({"shards": [[{**segment().to_json(1), "latest": [1]}]]}, "latest is a list of 1, and should be a time"),
        ({"shards": {"a": 1}}, "shards is an object of 1, and should be a list"),
        ({"folded": {"log/x": -1}}, "folded.log/x is -1"),
        ({"created": 1.5}, "created is 1.5"),
        ({"version": True}, "version is True"),
        ({"shards": [[{**segment().to_json(1), "modulus": "1"}]]}, "make no manifest"),
    ],
)
def test_what_cannot_be_is_not_read(change: dict[str, object], problem: str) -> None:
    with pytest.raises(CorruptObject, match=problem):
        Manifest.from_bytes(resealed(change), names.manifest(3))


def test_a_later_format_says_so() -> None:
    with pytest.raises(FormatUnsupported, match="has format 3, this release reads formats 1 and 2"):
        Manifest.from_bytes(resealed({"format": 3}), names.manifest(3))


def test_the_newest_is_the_first_of_one_listing() -> None:
    store = MemoryStore()
    assert newest(store, 4).manifest == Manifest.empty(4)
    for version in (1, 2, 10, 9):
        store.create(names.manifest(version), manifest(version=version).to_bytes())
    assert newest(store, 4).manifest.version == 10


def test_what_a_merge_can_leave_out_is_dead_and_no_tombstone() -> None:
    assert segment(dead_rows=5, tombstones=2).removable == 3
    assert segment(dead_rows=2, tombstones=2).removable == 0
