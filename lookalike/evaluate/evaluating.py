"""An evaluation from beginning to end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.asking import Answers, Asker, Stored
from lookalike.evaluate.counting import DETAILED, DETAILED_BY, Counting, is_detailed
from lookalike.evaluate.pictures import DEMO, found
from lookalike.evaluate.processes import Workers
from lookalike.evaluate.related import related
from lookalike.evaluate.result import Evaluation
from lookalike.evaluate.tally import together
from shards.errors import QueryError
from shards.families import AUTO, DEFAULT, Rows, family
from shards.pictures.copies import TRANSFORMATIONS

SIDE = 640
"""Pixels of the longer side of the picture that copies are made of: what is copied on the web is rarely larger."""


class Bar(Protocol):
    """A progress bar."""

    def __call__(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a part of the work, and return what counts how much of it is done."""
        ...


def unseen(what: str, total: int) -> Callable[[int], None]:
    """Show no progress."""
    del what, total
    return lambda _: None


def unheard(line: str) -> None:
    """Say nothing."""
    del line


@dataclass(frozen=True, slots=True)
class Settings:
    """How to evaluate."""

    families: tuple[str, ...] = DEFAULT

    transformations: tuple[str, ...] = tuple(TRANSFORMATIONS)

    subjects: int | None = 300
    """How many pictures to ask for, at most; None for all."""

    ask: str = ""
    """Ask only for pictures whose path begins so."""

    detailed: bool = False
    """Ask only for pictures with detail, as their stored rows of `crops` say."""

    rate: float = 1e-6
    """False rate at which recall is stated."""

    side: int = SIDE

    jobs: int | None = None
    """Processes; None for one a processor."""

    work: Path | None = None
    """Folder in which results are kept as they come, and looked for: an evaluation that was interrupted goes on. None
    keeps nothing."""

    left_out: tuple[tuple[str, str], ...] = ()
    """Pairs of names that are no strangers: they show the same thing, or a part of it."""

    series: tuple[tuple[str, ...], ...] = ()
    """Series, each of one folder or more, as in `PictureSet.kinds`: two pictures of one series are no strangers, and
    neither is a picture of it beside a collage that has another in a cell."""


def evaluate(
    folder: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    bar: Bar = unseen,
    say: Callable[[str], None] = unheard,
) -> Evaluation:
    """Copy pictures of this folder in many ways, and count what is found; of the demo's pictures without a folder.

    The same pictures and settings give the same counts. `say` is told what `Settings.work` had already. Raises
    QueryError.
    """
    settings = settings or Settings()
    _check(settings)
    if folder is None and not DEMO.is_dir():
        raise QueryError("the demo's pictures are in lookalike's source alone: say which folder to evaluate")
    start = perf_counter()
    workers = Workers(settings.jobs or os.cpu_count() or 1, settings.work, say)
    count = None if settings.detailed else settings.subjects
    pictures = found(Path(folder or DEMO), ask=settings.ask, subjects=count)
    related(pictures, settings.left_out, settings.series)  # refuses a series that is none before an hour is spent
    made = workers.read_all(pictures.paths, settings.families, bar("reading pictures", len(pictures.paths)))
    unreadable = {pictures.names[n]: each for n, each in enumerate(made) if isinstance(each, str)}
    pictures = pictures.without(n for n, each in enumerate(made) if isinstance(each, str))
    computed = [each for each in made if not isinstance(each, str)]
    most = max((TRANSFORMATIONS[name].companions for name in settings.transformations), default=0)
    if len(pictures.names) < 2 + most or not pictures.subjects:
        raise QueryError(
            f"{folder}: too few pictures can be read, {len(computed)} of the {2 + most} or more that are needed"
        )
    rows = _stacked(settings.families, [rows for rows, _ in computed])
    no_strangers = related(pictures, settings.left_out, settings.series)
    if settings.detailed:
        pictures = pictures.asking(_detailed(rows, pictures.subjects), settings.subjects)
        if not pictures.subjects:
            raise QueryError(f"{folder}: no picture to ask for has {DETAILED} features of {DETAILED_BY}")
    stored = Stored(pictures, rows)
    asker = Asker(stored, settings.families, settings.transformations, settings.side, no_strangers)
    answers = _merged(workers.ask_all(asker, pictures.subjects, bar("asking for copies", len(pictures.subjects))))
    counting = Counting(asker, answers, settings.rate, _mean_seconds(settings.families, [s for _, s in computed]))
    names = pictures.names
    return Evaluation(
        pictures=pictures,
        side=settings.side,
        detailed=int(counting.detailed.sum()),
        transformations=settings.transformations,
        rate=settings.rate,
        results=counting.results(),
        alike={(names[a], names[b]): by for (a, b), by in answers.alike.items()},
        told=tuple((a, b) for a, b in settings.left_out if {a, b} <= set(names)),
        series=settings.series,
        left_out=answers.left_out,
        unreadable=unreadable,
        seconds=perf_counter() - start,
    )


def _check(settings: Settings) -> None:
    for name in settings.families:
        family(name)  # raises where no family has this name
    unknown = [name for name in settings.transformations if name not in TRANSFORMATIONS]
    if unknown or not settings.transformations:
        raise QueryError(f"no transformation is called {', '.join(unknown)!r}; there are {', '.join(TRANSFORMATIONS)}")
    if settings.detailed and DETAILED_BY not in settings.families:
        raise QueryError(f"pictures with detail are those with {DETAILED} features of {DETAILED_BY}: name it, too")
    if not settings.families:
        raise QueryError("no family is to be evaluated: name one or more")
    if not 0 < settings.rate < 1:
        raise QueryError(f"a false rate of {settings.rate} is none: it is above 0 and below 1, such as 1e-6")


def _stacked(families: Iterable[str], computed: Sequence[Mapping[str, Rows]]) -> dict[str, Rows]:
    return {name: np.concatenate([rows[name] for rows in computed]) for name in families}


def _mean_seconds(families: Iterable[str], seconds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in seconds])) for name in families}


def _detailed(rows: Mapping[str, Rows], places: Sequence[int]) -> list[int]:
    return [place for place, detailed in zip(places, is_detailed(rows, places), strict=True) if detailed]


def _merged(parts: Sequence[Answers]) -> Answers:
    def stacked(of: Callable[[Answers], NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([of(part) for part in parts])

    names = (*parts[0].seconds, AUTO)
    return Answers(
        tuple(subject for part in parts for subject in part.subjects),
        stacked(lambda part: part.own),
        stacked(lambda part: part.best_other),
        {name: together([part.strangers[name] for part in parts]) for name in names},
        {pair: by for part in parts for pair, by in part.alike.items()},
        {rule: sum(part.left_out[rule] for part in parts) for rule in parts[0].left_out},
        {name: sum(part.seconds[name] for part in parts) for name in parts[0].seconds},
    )
