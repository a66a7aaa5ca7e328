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
from shards.families import Family
from shards.pictures.decoding import decode


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one edit, searched for in one way.

    `found`: by family, how many originals were the best hit of their copy with at least the score that the family
    calls a match; None where the family cannot be asked that. `wrong`: by family, how many copies had another
    picture as such a hit. `surely_by`: the families that must find them all.
    """

    name: str
    found: Mapping[str, int | None]
    wrong: Mapping[str, int]
    surely_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one family: median seconds to compute a signature of a decoded picture, and to search for it."""

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
    for family in index.families:
        if option == "negatives" and family.invert(family.compute(one)) is None:
            found[family.name] = None
            continue
        best = {original: _best(index, copy, family, option) for original, copy in copies.items()}
        found[family.name] = sum(hit == original for original, hit in best.items())
        wrong[family.name] = sum(hit not in (None, original) for original, hit in best.items())
    return Row(name, found, wrong, surely_by)


def _best(index: Index, copy: Picture, family: Family, option: str) -> str | None:
    """Return the key of the best match, if anything matches."""
    hits = index.search(
        copy,
        family=family.name,
        limit=1,
        min_score=family.match_score,
        orientations=option == "orientations",
        negatives=option == "negatives",
    ).hits
    return hits[0].key if hits else None


def costs(index: Index, pictures: Mapping[str, bytes]) -> dict[str, Cost]:
    """Measure the cost of each family, over the originals."""
    decoded = [decode(original) for original in pictures.values()]

    def cost(family: Family) -> Cost:
        # a new Picture each time, since a Picture keeps the luma that a family has made of it
        signing = [_seconds(partial(family.compute, Picture(picture.rgb))) for picture in decoded]
        searching = [_seconds(partial(index.search, Key(name), family=family.name)) for name in pictures]
        return Cost(median(signing), median(searching))

    return {family.name: cost(family) for family in index.families}


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
