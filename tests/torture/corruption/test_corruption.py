"""Damaged objects: an error that names the object or the right answer, and `verify` finds what there is to find.

`make torture PARTS=corruption` tries thousands of them.
"""

from __future__ import annotations

import warnings
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from lookalike import Index
from shards.table.maintain.verify import Report
from shards.table.read.checked import CheckedBytes
from tests.tiers import scaled
from tests.torture.corruption import run
from tests.torture.corruption.crafting import BOMBS, CRAFTS, Craft, newest, unsealed
from tests.torture.corruption.damages import DAMAGES, Damage, Objects, first_byte, kind
from tests.torture.corruption.trying import PROMISED, Outcome, Place, Trial

KINDS = ("index.json", "log", "manifest", "segments", "dead", "thumbnails")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> dict[Place, Trial]:
    return {place: Trial(place, tmp_path_factory.mktemp("index")) for place in Place}


def objects_of_a_kind(trial: Trial, wanted: str) -> list[str]:
    return [name for name in trial.objects if kind(name) == wanted]


def test_the_index_has_every_kind_of_object_and_every_column_for_searching(trials: dict[Place, Trial]) -> None:
    objects = trials[Place.MEMORY].objects
    assert {kind(name) for name in objects} == set(KINDS)
    columns = {name for columns in living(objects).values() for name in columns}
    assert {"goldberg.positive", "goldberg.classes", "haar.inverted", "dhash.buckets", "pdq.postings"} <= columns
    packed = [name for name in objects if kind(name) == "manifest" and objects[name].startswith(b"\x1f\x8b")]
    assert 0 < len(packed) < len(objects_of_a_kind(trials[Place.MEMORY], "manifest"))


@pytest.mark.scaled
@pytest.mark.parametrize("wanted", KINDS)
def test_no_damage_is_believed(wanted: str, trials: dict[Place, Trial]) -> None:
    random = Random(wanted)
    for n in range(scaled(2)):
        trial = trials[list(Place)[n % len(Place)]]
        tried = trial.try_damage(random.choice(DAMAGES), random.choice(objects_of_a_kind(trial, wanted)), random)
        assert tried is None or tried.outcome in PROMISED, tried


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_no_damage_to_any_object_is_believed(damage: Damage, trials: dict[Place, Trial]) -> None:
    for n, name in enumerate(trials[Place.MEMORY].objects):
        place = list(Place)[n % len(Place)]
        tried = trials[place].try_damage(damage, name, Random(name))
        assert tried is None or tried.outcome in PROMISED, f"{place}: {tried}"


@pytest.mark.scaled
@pytest.mark.parametrize("craft", dict.fromkeys(CRAFTS), ids=lambda craft: craft.__name__)
def test_of_objects_that_somebody_made_come_errors_of_ours(craft: Craft, trials: dict[Place, Trial]) -> None:
    random = Random(craft.__name__)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        for n in range(scaled(1)):
            tried = trials[list(Place)[n % len(Place)]].try_craft(craft, random)
            assert tried.outcome in PROMISED, tried


@pytest.mark.long
def test_bombs_take_neither_time_nor_memory() -> None:
    for craft in BOMBS:
        for place in Place:
            tried = run.bombed(place, craft)
            assert tried.outcome in PROMISED, tried


# what the trial would say, were there no checks


def test_a_reader_that_compares_no_checksums_is_noticed(trials: dict[Place, Trial]) -> None:
    trial = trials[Place.FAR]
    with patch.object(CheckedBytes, "_differing", lambda *_: iter(())):
        tried = trial.try_damage(other_widths, min(living(trial.objects)), Random(1))
    assert tried is not None
    assert tried.outcome is Outcome.WRONG


def living(objects: Objects) -> dict[str, dict[str, Any]]:
    """The columns of each segment of the newest manifest in which more than a few rows count."""
    shards = unsealed(objects[newest(objects)])["shards"]
    return {
        segment["name"]: segment["columns"]
        for shard in shards
        for segment in shard
        if segment["rows"] - segment["dead_rows"] > 10
    }


def other_widths(name: str, objects: Objects, _: Random) -> dict[str, bytes]:
    place = living(objects)[name]["width"]
    body = bytearray(objects[name])
    start, stop = place["offset"], place["offset"] + place["bytes"]
    body[start:stop] = bytes(byte ^ 1 for byte in body[start:stop])
    return {name: bytes(body)}


def test_a_verifier_that_sees_nothing_is_noticed(trials: dict[Place, Trial]) -> None:
    trial = trials[Place.MEMORY]
    with patch.object(Index, "verify", lambda _: Report(0, 0, 0, ())):
        tried = trial.try_damage(first_byte, min(dead_objects(trial.objects)), Random(1))
    assert tried is not None
    assert tried.outcome is Outcome.UNSEEN


def dead_objects(objects: Objects) -> list[str]:
    """The lists of dead rows that the newest manifest names."""
    shards = unsealed(objects[newest(objects)])["shards"]
    return [segment["dead_object"] for shard in shards for segment in shard if "dead_object" in segment]
