"""Searches for and among flat pictures: high scores, and no match but of identical files."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike import Answer, Index, Key
from shards.families import Row, family
from shards.pictures.decoding import Picture
from shards.table.format.records import Record
from shards.testing.samples import scene

FAMILIES = ("haar", "goldberg", "dhash", "pdq")


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def plain(grey: int) -> bytes:
    return encoded(np.full((50, 60, 3), grey, np.uint8))


def glow(depth: float) -> bytes:
    """A picture that is brightest in its middle. Its dhash is that of any other."""
    across, down = np.meshgrid(np.linspace(-1, 1, 120), np.linspace(-1, 1, 90))
    grey = 200 - depth * (across**2 + down**2)
    return encoded(np.repeat(grey.astype(np.uint8)[..., None], 3, 2))


def ink(seed: int) -> NDArray[np.uint8]:
    """White shapes, (120, 120, 4), on transparency."""
    coverage = (scene(seed, 120, 120).luma > 128).astype(np.uint8) * 255
    return np.dstack([np.full((120, 120, 3), 255, np.uint8), coverage])


def said(answer: Answer) -> dict[str, tuple[bool, str | None]]:
    return {hit.key: (hit.is_match, hit.reason) for hit in answer.hits}


@pytest.fixture(scope="module")
def index() -> Index:
    index = Index.create("memory://", families=FAMILIES)
    for key, image in (
        ("black", plain(0)),
        ("white", plain(255)),
        ("glow", glow(20)),
        ("scene", encoded(scene(1).rgb)),
        ("ink over black", encoded(np.repeat(ink(3)[..., 3:], 3, 2))),
    ):
        index.add(key, image)
    index.compact()
    index.add("grey", plain(128))
    return index


@pytest.mark.parametrize("family", [None, "dhash", "haar"])
def test_only_the_same_bytes_match_a_plain_picture(index: Index, family: str | None) -> None:
    found = said(index.search(plain(255), family=family))

    assert found["white"] == (True, "the files are identical")
    assert not any(found[key][0] for key in found if key != "white")
    assert said(index.search(plain(254), family=family))["white"][0] is False


def test_a_key_of_a_plain_picture_finds_itself_alone(index: Index) -> None:
    found = said(index.search(Key("white")))

    assert [key for key, (is_match, _) in found.items() if is_match] == ["white"]


def test_scores_and_their_order_are_what_they_were(index: Index) -> None:
    hits = index.search(plain(254), family="dhash", limit=3).hits

    assert [(hit.key, hit.score) for hit in hits] == [("black", 100), ("grey", 100), ("white", 100)]
    assert {hit.reason for hit in hits} == {"both pictures are flat"}
    assert {hit.confidence for hit in hits} == {None}


@pytest.mark.parametrize("family", [None, "dhash"])
def test_a_stored_picture_is_flat_to_the_witnesses_of_the_index(index: Index, family: str | None) -> None:
    found = said(index.search(glow(45), family=family))

    reason = "both pictures are flat" if family is None else "the stored picture is flat"
    assert found["glow"] == (False, reason)


def rows(*shown: tuple[str, Picture]) -> dict[str, Row]:
    return {name: family(name).compute(picture) for name, picture in shown}


@pytest.fixture
def deceiving() -> Index:
    """An index with a plain picture whose dhash is that of `scene(7)`."""
    blank = Picture(np.full((50, 60, 3), 90, np.uint8))
    index = Index.create("memory://", families=("dhash", "pdq", "goldberg"))
    shown = rows(("dhash", scene(7)), ("pdq", blank), ("goldberg", scene(8)))
    index.write([Record("plain", index.next_order(), rows=shown)])
    return index


def test_a_plain_picture_keeps_no_dear_question_from_being_asked(deceiving: Index) -> None:
    answer = deceiving.search(scene(7))

    assert [(hit.key, hit.is_match, hit.reason) for hit in answer.hits] == [
        ("plain", False, "the stored picture is flat")
    ]
    assert answer.not_asked == ()


def test_matches_come_before_plain_pictures_that_score_more(deceiving: Index) -> None:
    shown = rows(("dhash", scene(7)), ("pdq", scene(9)), ("goldberg", scene(9)))
    one_bit_less = family("dhash").parse(f"{int(family('dhash').format(shown['dhash']), 16) ^ 1:016x}")
    deceiving.write([Record("copy", deceiving.next_order(), rows=shown | {"dhash": one_bit_less})])
    first, last = deceiving.search(scene(7)).hits

    assert (first.key, first.is_match) == ("copy", True)
    assert (last.key, last.is_match, last.score > first.score) == ("plain", False, True)


def test_a_plain_file_comes_before_others_that_score_as_much(index: Index) -> None:
    assert index.search(plain(255)).hits[0].key == "white"


def test_white_ink_finds_its_copy_over_black_and_no_white_page(index: Index) -> None:
    (best, *others) = index.search(encoded(ink(3))).hits

    assert (best.key, best.is_match, best.reason) == ("ink over black", True, None)
    assert not any(hit.is_match for hit in others)


def test_what_has_structure_is_a_match_as_before(index: Index) -> None:
    best = index.search(encoded(scene(1).rgb[2:-2, 2:-2])).hits[0]

    assert (best.key, best.is_match, best.reason) == ("scene", True, None)
    assert best.families


@pytest.mark.parametrize("asked", ["grey", "coloured"])
def test_a_grey_copy_and_its_original_find_each_other(asked: str) -> None:
    rgb = np.array(scene(5).rgb)
    rgb[..., 0] //= 2
    luma = np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))
    index = Index.create("memory://", families=["haar"])
    pictures = {"grey": encoded(luma), "coloured": encoded(rgb)}
    for key, image in pictures.items():
        index.add(key, image)

    found = said(index.search(pictures[asked]))

    assert found == {"grey": (True, None), "coloured": (True, None)}
