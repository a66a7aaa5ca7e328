"""What an evaluation found out so far, kept in a folder: another run goes on from there.

A result is found again by a digest of everything that it depends on, so nothing has to be thrown away when pictures,
settings or versions change. Of the pictures' files, that is name, size and time of the last change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.asking import Answers, Asker, Read
from lookalike.evaluate.related import Rule
from lookalike.evaluate.tally import Strangers
from shards.errors import ObjectNotFound
from shards.families import family
from shards.storage import Store, open_store

Made = TypeVar("Made")

Arrays: TypeAlias = dict[str, NDArray[Any]]

ABOUT = "about"
"""Array of a result with a text: JSON of everything that is no array."""

MADE_BY = {name: version(name) for name in ("lookalike", "numpy", "pillow")}
"""Versions on which results depend. Copies are encoded by libraries that come with Pillow."""


@dataclass(frozen=True, slots=True)
class Kept(Generic[Made]):
    """Results of one kind."""

    store: Store | None
    """None keeps nothing."""

    pack: Callable[[Made], Arrays]

    unpack: Callable[[Arrays], Made]

    def get(self, name: str) -> Made | None:
        """Return the result of this name; None where there is none, or one that is damaged, which is deleted."""
        if self.store is None:
            return None
        try:
            data = self.store.get(name)
        except ObjectNotFound:
            return None
        # checksums of the archive tell whether it is whole; what it holds was written here
        with suppress(BadZipFile, ValueError, KeyError, EOFError), np.load(BytesIO(data), allow_pickle=False) as read:
            return self.unpack(dict(read))
        self.store.delete([name])
        return None

    def put(self, name: str, made: Made) -> None:
        """Keep a result. A process that is killed meanwhile leaves all of it or nothing."""
        if self.store is not None:
            file = BytesIO()
            np.savez_compressed(file, **self.pack(made))  # type: ignore[arg-type]
            self.store.create(name, file.getvalue())


def kept_rows(folder: Path | None) -> Kept[list[Read]]:
    """Return the rows of pictures that are kept in a folder, of several pictures at a time."""
    return Kept(_store(folder), _packed_rows, _unpacked_rows)


def kept_answers(folder: Path | None) -> Kept[Answers]:
    """Return the answers that are kept in a folder, each of one picture that was asked for."""
    return Kept(_store(folder), _packed_answers, _unpacked_answers)


def name_of_rows(paths: Iterable[Path], families: Iterable[str]) -> str:
    """Return the name of the rows of these pictures."""
    return f"rows-{_digest([MADE_BY, _versions(families), [_state(path) for path in paths]])}.npz"


def names_of_answers(asker: Asker, subjects: Sequence[int]) -> list[str]:
    """Return the names of the answers for these pictures.

    They depend on all pictures of the set, and not on which others of them are asked for.
    """
    pictures, rows = asker.stored.pictures, asker.stored.rows
    digest = _digest(
        [
            MADE_BY,
            _versions(asker.families),
            asker.transformations,
            asker.side,
            pictures.names,
            [_state(path) for path in pictures.paths],
            [sha256(rows[name].tobytes()).hexdigest() for name in asker.families],
            [family(name).rates.points for name in asker.families],
            asker.related.series.tolist(),
            sorted((place, sorted(others)) for place, others in asker.related.told.items()),
        ]
    )
    return [f"asked-{digest}-{subject}.npz" for subject in subjects]


def _store(folder: Path | None) -> Store | None:
    return None if folder is None else open_store(str(folder.absolute()))


def _digest(parts: object) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _versions(families: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, family(name).version) for name in families]


def _state(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return path.name, status.st_size, status.st_mtime_ns


def _packed_rows(made: list[Read]) -> Arrays:
    could = [each for each in made if not isinstance(each, str)]
    reasons = [each if isinstance(each, str) else None for each in made]
    seconds = [seconds for _, seconds in could]
    packed: Arrays = {ABOUT: np.array(json.dumps({"reasons": reasons, "seconds": seconds}))}
    for name in could[0][0] if could else ():
        packed[name] = np.concatenate([rows[name] for rows, _ in could])
    return packed


def _unpacked_rows(packed: Arrays) -> list[Read]:
    about = json.loads(str(packed.pop(ABOUT)))
    rows = iter(range(len(about["seconds"])))

    def read(reason: str | None) -> Read:
        if reason is not None:
            return reason
        n = next(rows)
        return {name: of_all[n : n + 1] for name, of_all in packed.items()}, about["seconds"][n]

    return [read(reason) for reason in about["reasons"]]


COUNTED = ("counts", "high", "apart")
"""Arrays of what is counted of strangers."""


def _packed_answers(answers: Answers) -> Arrays:
    about = {
        "subjects": answers.subjects,
        "strangers": {name: [each.pairs, each.top, each.floor] for name, each in answers.strangers.items()},
        "alike": [[*pair, by] for pair, by in answers.alike.items()],
        "left_out": {rule.key: count for rule, count in answers.left_out.items()},
        "seconds": answers.seconds,
    }
    packed: Arrays = {ABOUT: np.array(json.dumps(about)), "own": answers.own, "best_other": answers.best_other}
    for name, strangers in answers.strangers.items():
        packed |= {f"{name}.{array}": getattr(strangers, array) for array in COUNTED}
    return packed


def _unpacked_answers(packed: Arrays) -> Answers:
    about: Mapping[str, Any] = json.loads(str(packed[ABOUT]))

    def strangers(name: str) -> Strangers:
        pairs, top, floor = about["strangers"][name]
        counts, high, apart = (packed[f"{name}.{array}"] for array in COUNTED)
        return Strangers(pairs, counts, top, high, floor, apart)

    return Answers(
        tuple(about["subjects"]),
        packed["own"],
        packed["best_other"],
        {name: strangers(name) for name in about["strangers"]},
        {(a, b): tuple(by) for a, b, by in about["alike"]},
        {Rule[key.upper()]: count for key, count in about["left_out"].items()},
        about["seconds"],
    )
