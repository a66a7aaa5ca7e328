"""The pool: every picture has one answer, in time, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lookalike.signatures import crew
from lookalike.signatures.compute import compute_picture
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.messages import Result
from lookalike.signatures.pool import IN_FLIGHT, Original, Pool
from lookalike.signatures.process import Process
from lookalike.signatures.worker import Task, WorkerSettings
from shards.errors import LookalikeError, PictureError, WorkerNotStarted
from shards.families import family
from shards.pictures.decoding import PictureSettings
from shards.storage import originals
from shards.table.format.settings import IndexSettings
from tests.lookalike.cli.drawing import draw, png
from tests.lookalike.signatures.encoded import black
from tests.lookalike.signatures.exchanges import Exchanges, exchanges
from tests.patience import PATIENCE

__all__ = ["exchanges"]

SETTINGS = WorkerSettings.of(IndexSettings(("dhash",), pictures=PictureSettings(max_pixels=50_000_000)))


def reading_pool(processes: int, settings: WorkerSettings = SETTINGS) -> Pool:
    return Pool(settings, processes, PATIENCE, reader=originals.read_listed)


class Bomb(bytes):
    """A picture that ends the process which unpickles it."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (7,)


class Killer(bytes):
    """A picture that has the process which unpickles it killed, as the system does when memory runs out."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return signal.raise_signal, (signal.SIGKILL,)


class Hang(bytes):
    """A picture at which the process that unpickles it hangs."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return time.sleep, (10_000,)


def task(path: Path) -> Original:
    return Original({"path": str(path)})


def tasks_of(folder: Path) -> Iterator[tuple[str, Task | Original]]:
    for path in sorted(folder.iterdir()):
        yield path.name, task(path)


def results_of(pool: Pool, tasks: Iterator[tuple[str, Task | Original]]) -> dict[str, Result]:
    results = [labelled for some in pool.run(tasks) for labelled in some]
    assert len(dict(results)) == len(results)
    return dict(results)


def babbling_process(module: str) -> Process:
    return Process("tests.lookalike.signatures.babbling")


def refusal(compute: Callable[[bytes], ComputedPicture], data: bytes) -> PictureError:
    with pytest.raises(PictureError) as caught:
        compute(data)
    return caught.value


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw(tmp_path, [f"{n:02d}.png" for n in range(20)])
    return tmp_path


@pytest.fixture
def single() -> Iterator[Pool]:
    """A pool of one process, which has computed a picture."""
    with Pool(SETTINGS, 1, PATIENCE) as pool:
        pool.compute(png(1))
        yield pool


class TestOnePicture:
    """`compute`, for which somebody waits."""

    def test_processes_start_when_they_are_needed_and_end_with_the_pool(self) -> None:
        pool = Pool(SETTINGS, 4, PATIENCE)
        assert pool.pids == []
        pool.compute(png(1))
        pool.compute(png(2))
        (pid,) = pool.pids
        pool.close()
        assert pool.pids == []
        assert is_gone(pid)

    def test_one_may_be_started_beforehand(self) -> None:
        with Pool(SETTINGS, 1, PATIENCE) as pool:
            pool.start()
            pool.compute(png(1))
            # the only thread started it before it took the picture
            assert len(pool.pids) == 1

    def test_a_picture_that_takes_too_long_is_given_up_and_its_process_replaced(
        self, single: Pool, exchanges: Exchanges
    ) -> None:
        (before,) = single.pids
        # it is sent the picture, and does not answer
        os.kill(before, signal.SIGSTOP)
        exchanges.is_over = lambda number: number == 0
        error = refusal(single.compute, png(1))
        assert exchanges.limits == [PATIENCE]
        assert (error.reason, str(error)) == (
            "timeout",
            f"its signatures were not computed within {PATIENCE:g} s; send a smaller copy",
        )
        assert single.pids == []
        assert is_gone(before)
        assert single.compute(png(1)).width == 24
        assert single.pids not in ([], [before])

    def test_the_time_limit_holds_for_a_process_that_takes_not_even_the_picture(
        self, single: Pool, exchanges: Exchanges
    ) -> None:
        os.kill(single.pids[0], signal.SIGSTOP)
        exchanges.is_over = lambda number: True
        assert refusal(single.compute, bytes(1 << 22)).reason == "timeout"
        assert single.pids == []

    def test_the_time_that_a_picture_waits_for_a_process_does_not_count(
        self, single: Pool, exchanges: Exchanges
    ) -> None:
        for future in [single.submit(Task(png(n))) for n in range(10)]:
            future.result()
        assert len(exchanges.limits) == 10
        assert not exchanges.overlap

    def test_a_process_that_dies_of_a_picture_costs_that_picture_only(self, single: Pool, exchanges: Exchanges) -> None:
        (pid,) = single.pids
        os.kill(pid, signal.SIGSTOP)
        guilty, waiting = single.submit(Task(png(2))), single.submit(Task(png(3)))
        assert exchanges.begun.wait(PATIENCE)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PictureError, match=r"SIGKILL\); perhaps the memory") as caught:
            guilty.result()
        assert caught.value.reason == "crashed"
        assert waiting.result().sha256 == sha256(png(3)).digest()
        assert single.pids not in ([], [pid])

    def test_a_process_that_died_while_it_was_idle_costs_nothing(
        self, single: Pool, caplog: pytest.LogCaptureFixture
    ) -> None:
        (pid,) = single.pids
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert single.compute(png(2)).sha256 == sha256(png(2)).digest()
        assert single.pids not in ([], [pid])
        assert caplog.messages == ["an idle process ended (SIGKILL)"]

    def test_a_process_that_babbles_has_crashed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crew, "Process", babbling_process)
        with Pool(SETTINGS, 1, PATIENCE) as pool:
            assert refusal(pool.compute, png(1)).reason == "crashed"
            assert pool.pids == []

    def test_closing_ends_what_is_at_work_and_what_waits(self, single: Pool, exchanges: Exchanges) -> None:
        (pid,) = single.pids
        os.kill(pid, signal.SIGSTOP)
        work, waiting = single.submit(Task(png(2))), single.submit(Task(png(3)))
        assert exchanges.begun.wait(PATIENCE)
        single.close()
        with pytest.raises(PictureError):
            work.result()
        with pytest.raises((CancelledError, WorkerNotStarted)):
            waiting.result()
        assert single.pids == []
        assert is_gone(pid)

    def test_a_picture_that_needs_too_much_memory_ends_no_process(self) -> None:
        with Pool(replace(SETTINGS, memory=160 << 20), 1, PATIENCE) as pool:
            assert pool.compute(png(1)).width == 24
            before = pool.pids
            error = refusal(pool.compute, black(7_000))
            assert (error.reason, "send a smaller copy" in str(error)) == ("memory", True)
            assert pool.compute(png(1)).width == 24
            assert pool.pids == before

    def test_the_largest_picture_allowed_is_computed_within_the_limit_of_memory(self) -> None:
        four = IndexSettings(pictures=PictureSettings(max_pixels=50_000_000))
        with Pool(WorkerSettings.of(four), 1, PATIENCE) as pool:
            assert pool.compute(black(7_071)).width == 7_071

    def test_processes_that_cannot_begin_are_no_fault_of_the_picture(self, capfd: pytest.CaptureFixture[str]) -> None:
        with Pool(replace(SETTINGS, families=("nonsense",)), 1, PATIENCE) as pool:
            with pytest.raises(WorkerNotStarted, match=r"ended before it began \(exit status 1\)"):
                pool.compute(png(1))
            assert pool.pids == []
        assert "no family is called 'nonsense'" in capfd.readouterr().err

    def test_a_process_that_does_not_begin_in_time_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crew, "START_SECONDS", 0)
        with Pool(SETTINGS, 1, PATIENCE) as pool:
            with pytest.raises(WorkerNotStarted, match=r"ended before it began \(SIGKILL\)"):
                pool.compute(png(1))
            assert pool.pids == []


class TestManyPictures:
    """`run`, for which nobody waits."""

    def test_every_picture_is_computed_as_this_process_would(self, photos: Path) -> None:
        with reading_pool(2) as pool:
            results = results_of(pool, tasks_of(photos))
        for name, labelled in tasks_of(photos):
            assert isinstance(labelled, Original)
            data, source = originals.read_listed(labelled.source, 1 << 20)
            expected = compute_picture(data, (family("dhash"),), SETTINGS.pictures, thumbnail=SETTINGS.thumbnail)
            assert results[name] == replace(expected, source=source)

    @pytest.mark.parametrize(
        ("bomb", "said"), [(Bomb(b"bomb"), "exit status 7"), (Killer(b"bomb"), "SIGKILL); perhaps the memory")]
    )
    @pytest.mark.parametrize("processes", [1, 2])
    def test_a_process_that_dies_of_a_picture_costs_that_picture_only(
        self, photos: Path, bomb: Any, said: str, processes: int
    ) -> None:
        deadly = {"03.png", "04.png", "19.png"}
        tasks = ((name, Task(bomb) if name in deadly else task) for name, task in tasks_of(photos))
        with reading_pool(processes) as pool:
            results = results_of(pool, tasks)
        assert len(results) == 20
        failures = {name: result for name, result in results.items() if isinstance(result, LookalikeError)}
        assert set(failures) == deadly
        for failure in failures.values():
            assert isinstance(failure, PictureError)
            assert failure.reason == "crashed"
            assert said in str(failure)

    def test_a_picture_that_hangs_costs_that_picture_only(self, photos: Path, exchanges: Exchanges) -> None:
        exchanges.is_over = lambda number: number == 2
        tasks = ((name, Task(Hang()) if name == "02.png" else task) for name, task in tasks_of(photos))
        with reading_pool(1) as pool:
            results = results_of(pool, tasks)
        hung = results.pop("02.png")
        assert isinstance(hung, PictureError)
        assert hung.reason == "timeout"
        assert len(results) == 19
        assert all(isinstance(result, ComputedPicture) for result in results.values())
        assert set(exchanges.limits) == {PATIENCE}

    def test_a_picture_that_needs_too_much_memory_costs_that_picture_only(self, photos: Path) -> None:
        (photos / "05.png").write_bytes(black(7_000))
        with reading_pool(1, replace(SETTINGS, memory=160 << 20)) as pool:
            results = results_of(pool, tasks_of(photos))
        failures = {name: result.reason for name, result in results.items() if isinstance(result, PictureError)}
        assert failures == {"05.png": "memory"}

    def test_tasks_are_taken_only_as_there_is_room(self, photos: Path) -> None:
        taken = 0

        def tasks() -> Iterator[tuple[str, Task]]:
            nonlocal taken
            for labelled in tasks_of(photos):
                taken += 1
                yield labelled

        with reading_pool(2) as pool:
            answered = 0
            for some in pool.run(tasks()):
                answered += len(some)
                assert taken - answered <= 2 * IN_FLIGHT
        assert answered == taken == 20

    def test_no_more_processes_are_started_than_there_are_tasks(self, photos: Path) -> None:
        with reading_pool(8) as pool:
            tasks = [(n, task(photos / "00.png")) for n in range(2)]
            assert len([labelled for some in pool.run(tasks) for labelled in some]) == 2
            assert 1 <= len(pool.pids) <= 2
        assert pool.pids == []

    def test_it_comes_back_without_news_so_that_its_caller_can_see_to_other_things(
        self, single: Pool, exchanges: Exchanges
    ) -> None:
        (pid,) = single.pids
        os.kill(pid, signal.SIGSTOP)
        run = single.run([("a", Task(png(1)))])
        assert next(run) == []
        os.kill(pid, signal.SIGCONT)
        assert [label for some in run for label, _ in some] == ["a"]

    def test_a_pool_that_is_left_early_leaves_no_process(self, photos: Path) -> None:
        with reading_pool(2) as pool:
            run = pool.run(tasks_of(photos))
            while not next(run):
                pass
            pids = pool.pids
        assert pids
        assert all(is_gone(pid) for pid in pids)

    def test_tasks_that_fail_to_come_end_the_run(self, photos: Path) -> None:
        def tasks() -> Iterator[tuple[str, Task]]:
            yield from tasks_of(photos)
            raise LookupError("no more")

        with reading_pool(2) as pool, pytest.raises(LookupError, match="no more"):
            results_of(pool, tasks())

    def test_one_that_is_ended_before_it_began_costs_nothing_where_another_could_begin(
        self, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with reading_pool(2) as pool:
            pool.compute(png(1))
            (pid,) = pool.pids
            ended = []

            def start(settings: object) -> None:
                """End the second process as soon as there is one."""
                (new,) = set(pool.pids) - {pid}
                os.kill(new, signal.SIGKILL)
                ended.append(new)
                monkeypatch.undo()

            monkeypatch.setattr(Process, "send", lambda process, settings: start(settings))
            results = results_of(pool, tasks_of(photos))
            assert len(ended) == 1
            assert pid in pool.pids
        assert len(results) == 20
        assert all(isinstance(result, ComputedPicture) for result in results.values())

    def test_workers_that_cannot_begin_are_one_error_and_not_one_for_each_file(
        self, photos: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        settings = replace(SETTINGS, families=("nonsense",))
        with reading_pool(1, settings) as pool, pytest.raises(WorkerNotStarted, match="before it began"):
            results_of(pool, tasks_of(photos))
        assert "no family is called 'nonsense'" in capfd.readouterr().err

    def test_workers_end_with_the_command_that_was_killed(self, photos: Path) -> None:
        code = (
            "import os, signal, sys\n"
            "from pathlib import Path\n"
            "from tests.lookalike.signatures.test_pool import reading_pool, tasks_of\n"
            "pool = reading_pool(2)\n"
            "run = pool.run(tasks_of(Path(sys.argv[1])))\n"
            "while not next(run):\n"
            "    pass\n"
            "print(*pool.pids)\n"
            "sys.stdout.flush()\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        # the workers have this process's stderr: it is at its end only when the last of them has gone
        command = [sys.executable, "-c", code, str(photos)]
        process = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL
        assert 1 <= len(process.stdout.split()) <= 2
