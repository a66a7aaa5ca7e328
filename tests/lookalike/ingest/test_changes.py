"""Changes: originals against the images of an index, whichever way these are read."""

from __future__ import annotations

import pytest

from lookalike import Index
from lookalike.ingest import changes
from lookalike.ingest.changes import Changes, ToAdd, compare_all, compare_some
from lookalike.ingest.original import Original
from tests.lookalike.cli.drawing import png


def original(key: str, size: int = 1) -> Original:
    return Original(key, f"/photos/{key}", size, 1_700_000_000 * 10**9)


@pytest.fixture
def index() -> Index:
    index = Index.create("memory://", families=("dhash",), thumbnails=0)
    for key in ("same.png", "changed.png", "gone.png"):
        index.add(key, png(1), {"album": key}, source=original(key).source)
    return index


ORIGINALS = {one.key: one for one in (original("new.png"), original("same.png"), original("changed.png", size=2))}

TO_ADD = [
    ToAdd(ORIGINALS["new.png"], None, replaces=False),
    ToAdd(ORIGINALS["changed.png"], {"album": "changed.png"}, replaces=True),
]


class Steps:
    """Counts the images that were compared."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_all_images_are_compared_to_know_which_are_gone(index: Index) -> None:
    steps = Steps()
    assert compare_all(index, ORIGINALS, "", steps) == Changes(TO_ADD, ["same.png"], ["gone.png"], 3)
    assert steps.count == 3


def test_images_of_another_prefix_are_left_alone(index: Index) -> None:
    assert compare_all(index, {}, "s", Steps()) == Changes([], [], ["same.png"], 1)


@pytest.mark.parametrize("ask_below", [0, 1000], ids=["by asking for each", "by reading all"])
def test_of_some_nothing_is_gone(index: Index, monkeypatch: pytest.MonkeyPatch, ask_below: int) -> None:
    monkeypatch.setattr(changes, "ASK_BELOW", ask_below)
    assert compare_some(index, ORIGINALS, {}, Steps()) == Changes(TO_ADD, ["same.png"], [], 2)


def test_new_metadata_is_a_change_too(index: Index) -> None:
    meta = {"album": "zoo"}
    found = compare_some(index, {"same.png": ORIGINALS["same.png"]}, meta, Steps())
    assert found == Changes([ToAdd(ORIGINALS["same.png"], meta, replaces=True)], [], [], 1)
    assert compare_some(index, {"same.png": ORIGINALS["same.png"]}, {"album": "same.png"}, Steps()).to_add == []
