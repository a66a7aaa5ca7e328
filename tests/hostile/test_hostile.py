"""Somebody else's index: whatever is in it, only errors of ours come out, in bounded time and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lookalike import Index
from shards.storage.local import LocalStore
from tests.hostile.cases import Place, every
from tests.hostile.play import SEED
from tests.torture.corruption import scene
from tests.torture.corruption.asking import Broken, Refused, asked
from tests.world import FakeWorld

SHORT = (
    "index.json: two gigabytes",
    "manifest: shards.0.0.rows is huge",
    "manifest: deep lists",
    "log: a pipe in its place",
    "segments: a device in its place",
    "log: code in a header",
)
"""Cases of which the first tier asks two questions. They would end this process, or the run, if they did harm."""

PARTS = 4

ROOT = Path(__file__).parents[2]


def play(folder: Path, first: int, step: int) -> None:
    """Play every `step`-th case from `first` on, each in the same limited process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.play", str(folder / "index"), str(first), str(step)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    lines = done.stdout.splitlines()
    begun = [line.removeprefix("begin ") for line in lines if line.startswith("begin ")]
    ended = [line for line in lines if not line.startswith("begin ")]
    assert done.returncode == 0, f"{begun[-1:]}: ended with {done.returncode}: {done.stderr[-2000:]}"
    wrong = [f"{name}: {line}" for name, line in zip(begun, ended, strict=True) if line != "fine"]
    assert not wrong, "\n".join(wrong)
    assert begun == [case.name for case in every()[first::step]]


def test_there_are_many_cases_and_no_two_are_the_same() -> None:
    cases = [case.name for case in every()]
    assert len(cases) > 300
    assert len(set(cases)) == len(cases)


@pytest.mark.parametrize("name", SHORT)
def test_a_few_crafted_indexes_do_no_harm(name: str, tmp_path: Path) -> None:
    objects, now_ns = scene.built(SEED)
    place = Place(tmp_path)
    for path, body in scene.placed(objects, SEED).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(body)
    (case,) = (case for case in every() if case.name == name)
    case.make(place)
    answers = [
        asked(lambda: question(Index.open(LocalStore(tmp_path), effects=FakeWorld(8, now_ns))))  # noqa: B023
        for question in (Index.count, Index.verify)
    ]
    assert not [answer for answer in answers if isinstance(answer, Broken)], answers
    assert all(isinstance(answer, Refused) or not answer.is_clean for answer in answers[1:]), "verify sees it"  # type: ignore[attr-defined]


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_no_crafted_index_does_harm(tmp_path: Path, part: int) -> None:
    play(tmp_path, part, PARTS)
