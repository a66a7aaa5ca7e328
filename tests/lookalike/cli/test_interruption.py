"""Ctrl-C, a stopped service and a killed worker, done to real processes while they add."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lookalike import Index
from lookalike.cli.interruption import Interruption
from tests.lookalike.cli import hanging
from tests.lookalike.cli.drawing import draw
from tests.lookalike.cli.running import lines, run, start, with_status
from tests.patience import PATIENCE

PICTURES, FEW = 400, 40

NAME = "a name so long that the lines of all pictures have no room in a pipe: it holds up who prints them " * 2
"""So no command has printed its last line before a test has read most of the others."""

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw(folder, [f"{n:03d} {NAME}.png" for n in range(PICTURES)])
    return folder


def first_lines(process: subprocess.Popen[bytes], n: int) -> list[dict[str, Any]]:
    """Waits until so many keys were reported."""
    assert process.stdout is not None
    return lines(b"".join(process.stdout.readline() for _ in range(n)))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_an_add_where_the_index_is_whole(
    tmp_path: Path, photos: Path, number: signal.Signals, code: int
) -> None:
    process = start("add", tmp_path / "index", photos, "--batch", 5, "--jobs", 2, cwd=ROOT)
    reported = first_lines(process, 20)
    # to the whole group, as the terminal does
    os.killpg(process.pid, number)
    stdout, stderr = process.communicate()
    *rest, summary = lines(stdout)
    added = with_status([*reported, *rest], "added")
    assert process.returncode == code, stderr
    assert summary["interrupted"] is True
    assert len(added) == summary["added"] == summary["images"] < PICTURES
    said = stderr.decode().splitlines()
    assert said[-1].startswith(f"lookalike: interrupted; the {len(added)} images added so far")
    assert len(said) == 2, "the index was made, and the interruption; the workers say nothing"

    index = Index.open(str(tmp_path / "index"))
    assert index.verify().is_clean
    assert sorted(image.key for image in index.list()) == sorted(added)
    result = run("add", tmp_path / "index", photos)
    assert result.exit_code == 0
    assert lines(result.stdout)[-1]["unchanged"] == len(added)
    assert index.count() == PICTURES


def test_a_second_signal_does_not_wait() -> None:
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption
        assert interruption.exit_code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_signals_mean_again_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_worker_that_is_killed_costs_one_file_and_no_other(tmp_path: Path) -> None:
    photos, pipe = tmp_path / "photos", tmp_path / hanging.PIPE
    draw(photos, [hanging.DEADLY, *(f"{n}.png" for n in range(FEW))])
    os.mkfifo(pipe)
    # also for writing, so that it is open before the process is
    told = os.open(pipe, os.O_RDWR)
    process = start("add", tmp_path / "index", photos, "--batch", 5, "--jobs", 2, cwd=ROOT, program="hanging")
    assert select.select([told], [], [], PATIENCE)[0], "no process came to that picture"
    os.kill(int(os.read(told, 100)), signal.SIGKILL)
    os.close(told)
    stdout, stderr = process.communicate()
    *rest, summary = lines(stdout)
    assert process.returncode == 1, stderr
    (failed,) = (line for line in rest if line["status"] == "failed")
    assert (failed["key"], failed["reason"], "SIGKILL" in failed["message"]) == (hanging.DEADLY, "crashed", True)
    assert len(set(with_status(rest, "added"))) == FEW
    assert (summary["added"], summary["failed"]) == (FEW, 1)
    assert run("add", tmp_path / "index", photos, "--jobs", 1).exit_code == 0
    assert Index.open(str(tmp_path / "index")).count() == FEW + 1
