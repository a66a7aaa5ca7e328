"""kill -9 at any moment of an add loses nothing that was reported."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from lookalike import Index, Key
from tests.lookalike.cli.drawing import draw
from tests.lookalike.cli.running import lines, run, start, with_status
from tests.lookalike.cli.test_interruption import NAME

PICTURES, INDEXES, KILLS_EACH = 2000, 12, 5
SEED = 20_261_121
FAMILIES = ("dhash", "phash")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw(folder, [f"{n // 100:02d}/{n:04d} {NAME}.png" for n in range(PICTURES)])
    return folder


def kill(process: subprocess.Popen[bytes]) -> None:
    """The command and whatever is in its group; no harm where it has ended by itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def printed_until_killed(process: subprocess.Popen[bytes], after: int, delay: float) -> bytes:
    """All that the command printed. It is killed so many seconds after it reported so many pictures as added."""
    assert process.stdout is not None
    timer = Timer(delay, kill, (process,))
    printed, added = b"", 0
    if after == 0:
        timer.start()
    for line in process.stdout:
        printed += line
        added += b'"added"' in line
        if added == after > 0 and not timer.ident:
            # nothing is read before the kill: the pipe holds up a command that would be done by then
            timer.start()
            timer.join()
    _, stderr = process.communicate()
    timer.cancel()
    assert stderr == b""
    return printed


@pytest.mark.long
@pytest.mark.parametrize("n", range(INDEXES))
def test_whatever_was_reported_survives_kill_9(n: int, tmp_path: Path, photos: Path) -> None:
    print(f"seed {SEED + n}")
    moments = random.Random(SEED + n)
    run("create", tmp_path / "index", "--family", ",".join(FAMILIES))
    index = Index.open(str(tmp_path / "index"))
    reported: set[str] = set()
    killed = 0
    for attempt in range(KILLS_EACH):
        # the first kill of each index may come before anything is done, the others while much is done or left
        after = int((PICTURES - len(reported)) * moments.uniform(0, 0.35)) if attempt else 0
        delay = moments.uniform(0, 0.05) if attempt else moments.uniform(0.1, 1.0)
        # small batches: many log objects, and a compaction on the way
        process = start("add", tmp_path / "index", photos, "--batch", 10, "--jobs", 2, cwd=ROOT)
        said = lines(printed_until_killed(process, after, delay))
        killed += process.returncode == -signal.SIGKILL
        new = {line["key"] for line in said if line["status"] in ("added", "unchanged")} - reported
        reported |= new
        print(f"killed {delay:.3f} s after {after} were added: exit {process.returncode}, {len(reported)} reported")

        assert index.verify().problems == ()
        assert {image.key for image in index.list()} >= reported
        for key in sorted(new):
            assert index.get(key).image.key == key
            assert key in [hit.key for hit in index.search(Key(key), family="dhash", limit=3).hits]
    assert killed >= KILLS_EACH - 1, "the adds ended before they were killed: they need more pictures"

    result = run("add", tmp_path / "index", photos, "--batch", 100)
    assert result.exit_code == 0
    *keys, summary = lines(result.stdout)
    assert {*with_status(keys, "unchanged")} >= reported
    assert {*with_status(keys, "added"), *with_status(keys, "unchanged")} == {image.key for image in index.list()}
    assert summary["images"] == index.count() == PICTURES
    assert index.verify().problems == ()
