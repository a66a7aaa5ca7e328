"""Reading a whole dump for a test, and what a command would say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.interchange.dump import Dump, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable

INTEROP = Path(__file__).parents[2] / "interop"


@dataclass(frozen=True, slots=True)
class Expected:
    """What an import of a file gives: a row of an `expect.json`."""

    name: str
    options: str
    exit_code: int
    imported: int | None
    skipped: int
    refused: int | None
    words: Sequence[str]

    def __str__(self) -> str:
        return self.name


def expected(system: str) -> list[Expected]:
    document = json.loads((INTEROP / system / "expect.json").read_text(encoding="utf-8"))
    return [Expected(*row) for row in document["files"]]


@dataclass(frozen=True, slots=True)
class Read:
    """Everything that a dump gave."""

    texts: Mapping[str, Mapping[str, str]]
    """The signatures of each key, as text, by family; of equal keys the later."""

    keys: Sequence[str]
    meta: Sequence[Any]
    numbers: Sequence[int]
    refused: Sequence[Refused]
    skipped: int
    said: Sequence[str]
    """Notes, faults, and the places and reasons of the rows that were refused."""

    exit_code: int


def read(kind: type[Dump], path: Path, options: DumpOptions | None = None) -> Read:
    """Read a file that `kind` recognises. Raises DumpUnreadable, for which the command's exit code is 2."""
    with DumpFile(path) as file:
        assert kind.recognises(file)  # type: ignore[attr-defined]
        return gathered(kind.open(file, options or DumpOptions()))  # type: ignore[attr-defined]


def gathered(dump: Dump) -> Read:
    """Read a dump that is open."""
    from shards.families import family

    batches = list(dump.batches())
    families = [family(name) for name in dump.families]
    texts: dict[str, dict[str, str]] = {}
    keys: list[str] = []
    meta: list[Any] = []
    refused: list[Refused] = []
    for batch in batches:
        stored = [key.decode() for key in batch.keys.tolist()]
        assert len(stored) == len(batch.numbers)
        for row, key in enumerate(stored):
            texts[key] = {kind.name: kind.format(batch.signatures[kind.name][row]) for kind in families}
        keys += stored
        meta += [None] * len(stored) if batch.meta is None else [json.loads(m or "{}") for m in batch.meta.tolist()]
        refused += batch.refused
    numbers = np.concatenate([np.empty(0, np.uint64), *(batch.numbers for batch in batches)])
    assert (numbers[1:] > numbers[:-1]).all()
    said = [*dump.notes, *dump.faults, *(f"{row.place}: {row.reason}" for row in refused)]
    return Read(
        texts,
        keys,
        meta,
        numbers.tolist(),
        refused,
        sum(batch.skipped for batch in batches),
        said,
        1 if refused or dump.faults else 0,
    )


def check(expected: Expected, reading: Callable[[], Read]) -> None:
    """Assert that reading gives what is expected."""
    try:
        found = reading()
    except DumpUnreadable as error:
        assert expected.exit_code == 2, error
        for word in expected.words:
            assert word in str(error)
        return
    said = "\n".join(found.said)
    assert found.exit_code == expected.exit_code, said
    assert expected.imported in (None, len(set(found.keys)))
    assert expected.refused in (None, len(found.refused))
    assert found.skipped == expected.skipped
    for word in expected.words:
        assert word in said
