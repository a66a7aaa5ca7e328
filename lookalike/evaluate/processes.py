"""The work of an evaluation in several processes, which all have the pictures' rows.

What is done is kept, and what a run before has kept is not done again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

import numpy as np

from lookalike.evaluate.asking import Answers, Asker, Read
from lookalike.evaluate.kept import Kept, kept_answers, kept_rows, name_of_rows, names_of_answers
from lookalike.signatures import compute
from shards.errors import PictureError
from shards.families import family
from shards.pictures.decoding import Picture, PictureSettings

Made = TypeVar("Made")

CHUNK = 32
"""Pictures that a process reads at once."""

_asker: Asker | None = None


@dataclass(frozen=True, slots=True)
class _Task(Generic[Made]):
    """A part of the work."""

    name: str
    """Name that its result is kept by."""

    pictures: int

    call: Callable[..., Made]

    given: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that work, and the folder in which their results are kept."""

    jobs: int
    """How many; 1 is this one alone."""

    work: Path | None
    """The folder; None keeps nothing."""

    say: Callable[[str], None]
    """Told what was found in the folder."""

    def read_all(self, paths: Sequence[Path], families: Sequence[str], advance: Callable[[int], None]) -> list[Read]:
        """Return what `read` does, of all pictures, in their order."""
        chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
        tasks = [_Task(name_of_rows(chunk, families), len(chunk), read, (chunk, families)) for chunk in chunks]
        made = self._results(tasks, kept_rows(self.work), advance, "read")
        return [each for chunk in made for each in chunk]

    def ask_all(self, asker: Asker, subjects: Sequence[int], advance: Callable[[int], None]) -> list[Answers]:
        """Ask for every subject, each apart, and return the answers in their order."""
        names = names_of_answers(asker, subjects)
        tasks = [_Task(name, 1, _ask, (subject,)) for name, subject in zip(names, subjects, strict=True)]
        return self._results(tasks, kept_answers(self.work), advance, "asked for", asker)

    def _results(
        self,
        tasks: Sequence[_Task[Made]],
        kept: Kept[Made],
        advance: Callable[[int], None],
        done: str,
        asker: Asker | None = None,
    ) -> list[Made]:
        """Return the results of these tasks, in their order. `advance` is told the pictures of each that is there."""
        results = {n: made for n, task in enumerate(tasks) if (made := kept.get(task.name)) is not None}
        if results:
            before, pictures = sum(tasks[n].pictures for n in results), sum(task.pictures for task in tasks)
            self.say(f"{self.work}: a run before has {done} {before:,} of {pictures:,} pictures; going on from there")
            advance(before)
        rest = {n: task for n, task in enumerate(tasks) if n not in results}
        # closed at once when the work is interrupted, or the processes would go on
        with closing(self._as_they_end(rest, asker)) as ended:
            for n, made in ended:
                kept.put(tasks[n].name, made)
                results[n] = made
                advance(tasks[n].pictures)
        return [results[n] for n in range(len(tasks))]

    def _as_they_end(
        self, tasks: Mapping[int, _Task[Made]], asker: Asker | None
    ) -> Generator[tuple[int, Made], None, None]:
        if self.jobs == 1:
            _begin(asker)
            for n, task in tasks.items():
                yield n, task.call(*task.given)
            return
        pool = ProcessPoolExecutor(self.jobs, get_context("forkserver"), _begin_process, (asker,))
        try:
            places = {pool.submit(task.call, *task.given): n for n, task in tasks.items()}
            for future in as_completed(places):
                yield places[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def read(paths: Sequence[Path], families: Sequence[str]) -> list[Read]:
    """Return for each picture its rows, or why it cannot be read."""
    made: list[Read] = []
    for path in paths:
        try:
            picture = compute.load(path, PictureSettings())
        except PictureError as error:
            made.append(str(error))
            continue
        rows, seconds = {}, {}
        for kind in map(family, families):
            start = perf_counter()
            row = kind.compute(Picture(picture.rgb))
            seconds[kind.name] = perf_counter() - start
            rows[kind.name] = np.array([row], kind.dtype)
        made.append((rows, seconds))
    return made


def _begin_process(asker: Asker | None) -> None:
    # Ctrl-C reaches every process of the terminal: the first of them ends the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _begin(asker)


def _begin(asker: Asker | None) -> None:
    global _asker
    _asker = asker


def _ask(subject: int) -> Answers:
    if _asker is None:
        raise RuntimeError("this process was not begun")
    return _asker.ask([subject])
