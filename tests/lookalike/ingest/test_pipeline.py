"""The pipeline: whoever asked for it is told of each key, and of none before it is safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lookalike import Index
from lookalike.ingest import pipeline
from lookalike.ingest.changes import ToAdd
from lookalike.ingest.original import Original
from lookalike.ingest.outcome import Failure
from lookalike.ingest.pipeline import Added
from tests.lookalike.cli.drawing import png


@dataclass
class Notes:
    """A reporter that looks whether what it is told is so."""

    index: Index
    is_added: list[Added] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    is_removed: list[str] = field(default_factory=list)
    steps: int = 0

    def advance(self, count: int) -> None:
        self.steps += count

    def added(self, images: Sequence[Added]) -> None:
        assert self.index.has(image.key for image in images) == {image.key for image in images}
        self.is_added += images

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def removed(self, keys: Sequence[str]) -> None:
        assert not self.index.has(keys)
        self.is_removed += keys


@pytest.fixture
def index() -> Index:
    return Index.create("memory://", families=("dhash",))


@pytest.fixture
def notes(index: Index) -> Notes:
    return Notes(index)


def to_add(folder: Path, name: str, data: bytes, *, replaces: bool = False) -> ToAdd:
    path = folder / name
    path.write_bytes(data)
    status = path.stat()
    return ToAdd(Original(name, str(path), status.st_size, status.st_mtime_ns), {"n": name}, replaces)


def test_each_key_is_told_once_it_is_safe(index: Index, notes: Notes, tmp_path: Path) -> None:
    wanted = [
        to_add(tmp_path, "a.png", png(1)),
        to_add(tmp_path, "b.png", png(2), replaces=True),
        to_add(tmp_path, "bad.png", png(3)[:50]),
    ]
    pipeline.add(index, wanted, notes, lambda: False, jobs=1, batch=1)
    assert sorted(notes.is_added, key=lambda image: image.key) == [
        Added("a.png", str(tmp_path / "a.png"), replaced=False),
        Added("b.png", str(tmp_path / "b.png"), replaced=True),
    ]
    (failure,) = notes.failures
    assert (failure.key, failure.path) == ("bad.png", str(tmp_path / "bad.png"))
    assert notes.steps == 3
    image = index.get("a.png").image
    assert (image.source, image.meta) == (wanted[0].original.source, {"n": "a.png"})


def test_what_is_computed_when_it_is_stopped_is_added(index: Index, notes: Notes, tmp_path: Path) -> None:
    wanted = [to_add(tmp_path, f"{n}.png", png(n)) for n in range(30)]
    pipeline.add(index, wanted, notes, lambda: notes.steps > 0, jobs=1, batch=100)
    assert 0 < notes.steps < 30
    assert len(notes.is_added) == notes.steps == index.count()


def test_what_was_added_since_outlives_a_removal(index: Index, notes: Notes) -> None:
    index.add("old.png", png(1))
    order = index.next_order()
    index.add("new.png", png(2))
    pipeline.remove(index, ["old.png"], order, notes, lambda: False)
    assert notes.is_removed == ["old.png"]
    pipeline.remove(index, ["new.png"], order, Silent(index), lambda: False)
    assert index.has(["old.png", "new.png"]) == {"new.png"}
    pipeline.remove(index, ["new.png"], index.next_order(), notes, lambda: True)
    assert index.has(["new.png"]) == {"new.png"}, "nothing is begun when it is to stop"


class Silent(Notes):
    """A reporter that believes what it is told."""

    def removed(self, keys: Sequence[str]) -> None:
        self.is_removed += keys
