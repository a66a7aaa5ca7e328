"""The work of an evaluation in several processes, which all have the pictures' rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import numpy as np

from lookalike.evaluate.asking import Answers, Asker
from lookalike.signatures import compute
from shards.errors import PictureError
from shards.families import Rows, family
from shards.pictures.decoding import Picture, PictureSettings

Made = TypeVar("Made")

CHUNK = 32
"""Pictures that a process computes at once."""

_asker: Asker | None = None


def stored_rows(paths: Sequence[Path], families: Sequence[str]) -> list[tuple[dict[str, Rows], dict[str, float]] | str]:
    """Return for each picture its rows by family and the seconds of each; or why it cannot be read."""
    made: list[tuple[dict[str, Rows], dict[str, float]] | str] = []
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


def compute_all(
    paths: Sequence[Path], families: Sequence[str], jobs: int, advance: Callable[[int], None]
) -> list[tuple[dict[str, Rows], dict[str, float]] | str]:
    """Return what `stored_rows` does, of all pictures, in their order."""
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    made = _in_order([(stored_rows, (chunk, families)) for chunk in chunks], jobs, lambda n: advance(len(chunks[n])))
    return [each for chunk in made for each in chunk]


def ask_all(asker: Asker, subjects: Sequence[int], jobs: int, advance: Callable[[int], None]) -> list[Answers]:
    """Ask for every subject, each apart, in their order."""
    calls = [(_ask, (subject,)) for subject in subjects]
    return _in_order(calls, jobs, lambda _: advance(1), asker)


def _begin(asker: Asker | None) -> None:
    global _asker
    _asker = asker


def _ask(subject: int) -> Answers:
    if _asker is None:
        raise RuntimeError("this process was not begun")
    return _asker.ask([subject])


def _in_order(
    calls: Sequence[tuple[Callable[..., Made], tuple[object, ...]]],
    jobs: int,
    done: Callable[[int], None],
    asker: Asker | None = None,
) -> list[Made]:
    """Return the results of these calls, in their order; `done` is called with the place of each as it ends."""
    if jobs == 1:
        _begin(asker)
        return list(_one_by_one(calls, done))
    with ProcessPoolExecutor(jobs, get_context("forkserver"), _begin, (asker,)) as pool:
        places: dict[Future[Made], int] = {pool.submit(call, *given): n for n, (call, given) in enumerate(calls)}
        results: dict[int, Made] = {}
        for future in as_completed(places):
            results[places[future]] = future.result()
            done(places[future])
    return [results[n] for n in range(len(calls))]


def _one_by_one(
    calls: Sequence[tuple[Callable[..., Made], tuple[object, ...]]], done: Callable[[int], None]
) -> Iterator[Made]:
    for n, (call, given) in enumerate(calls):
        yield call(*given)
        done(n)
