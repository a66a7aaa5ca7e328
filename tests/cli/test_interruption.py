"""Ctrl-C, a stopped service and a killed worker, done to real processes while they add."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shards import Index
from shards.cli.interruption import Interruption
from tests.cli.drawing import draw
from tests.cli.running import lines, run, start, with_status

PICTURES = 400
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw(folder, [f"{n:03d}.png" for n in range(PICTURES)])
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


def processor_time(pid: int) -> int:
    """Of this process, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers as only Linux tells them")
def test_a_worker_that_is_killed_costs_one_file_and_no_other(tmp_path: Path, photos: Path) -> None:
    process = start("add", tmp_path / "index", photos, "--batch", 5, "--jobs", 2, cwd=ROOT)
    reported = first_lines(process, 20)
    workers = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert len(workers) == 2
    # the one that has worked most: the other may not have begun yet
    os.kill(max(workers, key=processor_time), signal.SIGKILL)
    stdout, stderr = process.communicate()
    *rest, summary = lines(stdout)
    assert process.returncode == 1, stderr
    failed = [line for line in rest if line["status"] == "failed"]
    assert [(line["reason"], "SIGKILL" in line["message"]) for line in failed] == [("crashed", True)]
    added = with_status([*reported, *rest], "added")
    assert len({*added, failed[0]["key"]}) == PICTURES
    assert (summary["added"], summary["failed"]) == (PICTURES - 1, 1)
    assert run("add", tmp_path / "index", photos, "--jobs", 1).exit_code == 0
    assert Index.open(str(tmp_path / "index")).count() == PICTURES
