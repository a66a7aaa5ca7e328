"""The signing pool: every task has one outcome, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.ingest.refused import RefusedError
from lookalike.signatures.batch_pool import IN_FLIGHT, Pool
from lookalike.signatures.batch_worker import Failure, Job, Task, sign
from shards.families import family
from shards.pictures.decoding import PictureSettings
from shards.table.format.records import Record
from tests.lookalike.cli.drawing import draw, png
from tests.patience import PATIENCE

JOB = Job(("dhash",), PictureSettings())


class Bomb:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (7,)


class Killer:
    """Has the process that unpickles it killed, as the system does when memory runs out."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return signal.raise_signal, (signal.SIGKILL,)


def task(path: Path, order: int = 1, meta: dict[str, Any] | None = None) -> Task:
    return Task(path.name, str(path), (order, 0), meta, {})


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw(tmp_path, [f"{n:02d}.png" for n in range(20)])
    return tmp_path


def outcomes(pool: Pool, tasks: Iterator[Task]) -> dict[str, Record | Failure]:
    found = [outcome for some in pool.run(tasks) for outcome in some]
    assert len({outcome.key for outcome in found}) == len(found)
    return {outcome.key: outcome for outcome in found}


def test_every_picture_is_signed_as_this_process_would(photos: Path) -> None:
    tasks = [task(path, n) for n, path in enumerate(sorted(photos.iterdir()))]
    with Pool(JOB, 2) as pool:
        found = outcomes(pool, iter(tasks))
    families = (family("dhash"),)
    for one in tasks:
        expected, record = sign(one, families, JOB), found[one.key]
        assert isinstance(expected, Record)
        assert isinstance(record, Record)
        assert (record.order, record.sha256, record.source) == (expected.order, expected.sha256, expected.source)
        assert record.rows is not None
        assert expected.rows is not None
        assert record.rows["dhash"] == expected.rows["dhash"]


def test_the_source_is_that_of_the_file_as_it_was_read(photos: Path) -> None:
    path = photos / "00.png"
    record = sign(task(path), (family("dhash"),), JOB)
    status = path.stat()
    assert isinstance(record, Record)
    assert record.source == {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


@pytest.mark.parametrize(("bomb", "said"), [(Bomb(), "exit status 7"), (Killer(), "SIGKILL); perhaps the memory")])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_process_that_dies_of_a_picture_costs_that_picture_only(
    photos: Path, bomb: object, said: str, processes: int
) -> None:
    deadly = {"03.png", "04.png", "19.png"}
    paths = sorted(photos.iterdir())
    tasks = [task(path, meta={"bomb": bomb} if path.name in deadly else None) for path in paths]
    with Pool(JOB, processes) as pool:
        found = outcomes(pool, iter(tasks))
    assert set(found) == {path.name for path in paths}
    failures = {key: outcome for key, outcome in found.items() if isinstance(outcome, Failure)}
    assert set(failures) == deadly
    assert all(failure.reason == "crashed" and said in failure.message for failure in failures.values())


def test_tasks_are_taken_only_as_there_is_room(photos: Path) -> None:
    taken = 0

    def tasks() -> Iterator[Task]:
        nonlocal taken
        for path in sorted(photos.iterdir()):
            taken += 1
            yield task(path)

    with Pool(JOB, 2) as pool:
        answered = 0
        for some in pool.run(tasks()):
            answered += len(some)
            assert taken - answered <= 2 * IN_FLIGHT
    assert answered == taken == 20


def test_no_more_processes_are_started_than_there_are_tasks(photos: Path) -> None:
    with Pool(JOB, 8) as pool:
        run = pool.run(iter([task(photos / "00.png"), task(photos / "01.png")]))
        next(run)
        assert len(pool.pids) == 2
    assert pool.pids == []


def test_a_pool_that_is_left_early_leaves_no_process(photos: Path) -> None:
    with Pool(JOB, 2) as pool:
        next(pool.run(task(path) for path in sorted(photos.iterdir())))
        pids = pool.pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_that_is_ended_before_it_began_costs_nothing_where_another_could_begin(photos: Path) -> None:
    killed: list[Any] = []
    given = 0

    def tasks() -> Iterator[Task]:
        nonlocal given
        picture, last = min(photos.iterdir()), None
        while last is None or given < last:
            if killed and last is None:
                last = given + 20
            given += 1
            yield task(picture)

    with Pool(JOB, 2) as pool:
        found: list[Record | Failure] = []
        for some in pool.run(tasks()):
            found += some
            if not killed and all(worker.is_ready and worker.pending for worker in pool._workers):
                killed.append(pool._workers[0])
                killed[0].is_ready = False
                os.kill(pool.pids[0], signal.SIGKILL)
        assert killed[0] not in pool._workers
    assert len(found) == given
    assert all(isinstance(one, Record) for one in found)


def test_workers_that_cannot_begin_are_one_error_and_not_one_for_each_file(
    photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Pool(Job(("nonsense",), PictureSettings()), 1) as pool, pytest.raises(RefusedError, match="before it began"):
        outcomes(pool, iter([task(photos / "00.png")]))
    assert "no family is called 'nonsense'" in capfd.readouterr().err


def test_workers_end_with_the_command_that_was_killed(photos: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.lookalike.signatures.test_batch_pool import JOB, Pool, task\n"
        "pool = Pool(JOB, 2)\n"
        "run = pool.run(task(path) for path in sorted(Path(sys.argv[1]).iterdir()))\n"
        "while not next(run):\n"
        "    pass\n"
        "print(*pool.pids)\n"
        "sys.stdout.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # the workers have this process's stderr: it is at its end only when the last of them has gone
    process = subprocess.run([sys.executable, "-c", code, photos], capture_output=True, check=False, timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert len(process.stdout.split()) == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"nothing", "not_an_image"), (png(1)[:300], "truncated"), (None, "unreadable")],
)
def test_what_is_wrong_with_a_picture_is_its_outcome(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = tmp_path / "a.png"
    if data is not None:
        path.write_bytes(data)
    failure = sign(task(path), (family("dhash"),), JOB)
    assert isinstance(failure, Failure)
    assert (failure.key, failure.path, failure.reason) == ("a.png", str(path), reason)
    assert failure.message
