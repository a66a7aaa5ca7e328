"""Which pictures are flat, by all of their signatures together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from shards.families import Family, Rows, family
from shards.families.structure import BOTH, are_flat, why_not, witnesses
from shards.pictures.decoding import Picture
from shards.testing.samples import flat, scene


class Marks(Family):
    """A stand-in for crops: the number of a picture's marks is its row."""

    name = "crops"
    dtype = np.dtype([("count", "u1")])

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        return np.asarray(rows["count"] < 6)

    compute = parse = format = score = Family.is_flat  # type: ignore[assignment]


def families(*names: str) -> list[Family]:
    return [Marks() if name == "crops" else family(name) for name in names]


def glow(seed: int) -> Picture:
    """A picture that is brightest in its middle, with a little noise."""
    rng = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(-1, 1, 160), np.linspace(-1, 1, 120))
    grey = 180 - rng.uniform(20, 50) * (across**2 + down**2) + rng.normal(0, 0.6, across.shape)
    return Picture(np.repeat(grey.astype(np.uint8)[..., None], 3, 2))


def rows_of(pictures: list[Picture]) -> Callable[[Family, NDArray[np.int64]], Rows]:
    return lambda kind, wanted: np.array([kind.compute(pictures[n]) for n in wanted], kind.dtype)


@pytest.mark.parametrize(
    ("have", "ask"),
    [
        (("haar", "goldberg", "dhash", "pdq", "crops"), ["pdq", "crops"]),
        (("haar", "goldberg", "dhash", "phash"), ["goldberg"]),
        (("crops", "goldberg"), ["crops"]),
        (("dhash", "phash"), []),
    ],
)
def test_the_best_witnesses_among_the_families_are_asked(have: tuple[str, ...], ask: list[str]) -> None:
    assert [kind.name for kind in witnesses(families(*have))] == ask


def test_plain_pictures_and_glows_are_flat_and_scenes_are_not() -> None:
    pictures = [flat((255, 255, 255)), flat((9, 80, 200)), *map(glow, range(8)), *map(scene, range(4))]

    assert are_flat(families("haar", "dhash", "pdq"), rows_of(pictures), 14).tolist() == [True] * 10 + [False] * 4


def test_a_glow_has_a_hash_that_looks_like_one_and_is_that_of_any_other() -> None:
    dhash = family("dhash")
    rows = np.array([dhash.compute(glow(seed)) for seed in range(8)], dhash.dtype)

    assert not dhash.is_flat(rows).any()
    assert (dhash.score(rows[0], rows) >= 90).all()


def test_what_one_of_two_witnesses_sees_something_in_is_not_flat() -> None:
    pdq = family("pdq")
    edges = np.zeros(4, pdq.dtype)
    edges["hash"], edges["quality"] = 1, [0, 49, 49, 100]
    marks = np.array([(0,), (5,), (6,), (0,)], Marks.dtype)
    asked: list[tuple[str, list[int]]] = []

    def rows(kind: Family, wanted: NDArray[np.int64]) -> Rows:
        asked.append((kind.name, wanted.tolist()))
        return (edges if kind.name == "pdq" else marks)[wanted]

    assert are_flat(families("dhash", "pdq", "crops"), rows, 4).tolist() == [True, True, False, False]
    assert asked == [("pdq", [0, 1, 2, 3]), ("crops", [0, 1, 2])]


def test_without_a_witness_nothing_is_called_flat() -> None:
    assert are_flat(families("dhash", "phash"), rows_of([flat((0, 0, 0))]), 1).tolist() == [False]


def test_a_reason_names_the_picture_that_is_flat() -> None:
    names = ("the picture asked for", "the stored picture")

    assert why_not(False, False, names) is None
    assert why_not(True, True, names) == BOTH == "both pictures are flat"
    assert why_not(True, False, names) == "the picture asked for is flat"
    assert why_not(False, True, names) == "the stored picture is flat"
