"""Searches for the copies: how many originals each family finds, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

from demo.edits import EDITS, Edit
from demo.place import PICTURES
from lookalike import Index, Key, Picture
from lookalike.signatures.compute import compute_signatures
from shards.families import AUTO
from shards.pictures.decoding import decode


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one edit, searched for in one way.

    `found`: by family, and by all of them, how many originals were the best hit of their copy, and a match; None where
    the family cannot be asked that. `wrong`: the same, how many copies had another picture as such a hit. `surely_by`:
    the families that must find them all.
    """

    name: str
    found: Mapping[str, int | None]
    wrong: Mapping[str, int]
    surely_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of asking: median seconds to compute a signature of a decoded picture, and to search for it."""

    signing: float
    searching: float


def originals() -> dict[str, bytes]:
    """Return the demo's pictures, by name."""
    return {path.name: path.read_bytes() for path in sorted(PICTURES.glob("*.jpg"))}


def rows(index: Index, pictures: Mapping[str, bytes]) -> Iterator[Row]:
    """Yield the rows of the table, in order, each as soon as it is ready.

    An edit that is found with an option only has one row without it and one with it.
    """

    def of_edit(edit: Edit) -> list[Row]:
        copies = {name: decode(edit.apply(original)) for name, original in pictures.items()}
        if not edit.option:
            return [_row(edit.name, index, copies, "", edit.surely_by)]
        return [
            _row(edit.name, index, copies, "", ()),
            _row(f"  with {edit.option}=True", index, copies, edit.option, edit.surely_by),
        ]

    with ThreadPoolExecutor(2) as pool:
        for of_one in pool.map(of_edit, EDITS):
            yield from of_one


def _row(name: str, index: Index, copies: Mapping[str, Picture], option: str, surely_by: tuple[str, ...]) -> Row:
    found: dict[str, int | None] = {}
    wrong: dict[str, int] = {}
    one = next(iter(copies.values()))
    unable = [family.name for family in index.families if family.invert(family.compute(one)) is None]
    for column in asked(index):
        if option == "negatives" and column in unable:
            found[column] = None
            continue
        best = {original: _best(index, copy, column, option) for original, copy in copies.items()}
        found[column] = sum(hit == original for original, hit in best.items())
        wrong[column] = sum(hit not in (None, original) for original, hit in best.items())
    return Row(name, found, wrong, surely_by)


def asked(index: Index) -> list[str]:
    """Return the columns of the table: all families together, and each by itself."""
    return [AUTO, *(family.name for family in index.families)]


def _best(index: Index, copy: Picture, family: str, option: str) -> str | None:
    """Return the key of the best match, if anything matches."""
    hits = index.search(
        copy,
        family=family,
        limit=1,
        orientations=option == "orientations",
        negatives=option == "negatives",
    ).hits
    return hits[0].key if hits and hits[0].is_match else None


def costs(index: Index, pictures: Mapping[str, bytes]) -> dict[str, Cost]:
    """Measure the cost of each family and of all together, over the originals."""
    decoded = [decode(original) for original in pictures.values()]

    def cost(name: str) -> Cost:
        families = [family for family in index.families if name in (AUTO, family.name)]
        # a new Picture each time, since a Picture keeps the luma that a family has made of it
        signing = [_seconds(partial(compute_signatures, Picture(picture.rgb), families)) for picture in decoded]
        searching = [_seconds(partial(index.search, Key(key), family=name)) for key in pictures]
        return Cost(median(signing), median(searching))

    return {name: cost(name) for name in asked(index)}


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
