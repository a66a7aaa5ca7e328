"""Comparing two pictures: what is a match, and why not."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike.signatures.comparing import Comparison, compare, compare_signed
from lookalike.signatures.compute import compute_question
from shards.families import family
from shards.families.overlap import Overlap
from shards.pictures.decoding import Picture
from shards.testing.samples import flat, scene

FAMILIES = ("haar", "goldberg", "dhash", "phash", "pdq")


def compared(a: Picture | bytes, b: Picture | bytes, families: tuple[str, ...] = FAMILIES) -> dict[str, Comparison]:
    return {each.family: each for each in compare(a, b, families=families)}


def encoded(pixels: NDArray[np.uint8], form: str = "PNG") -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, form)
    return out.getvalue()


def ink(seed: int) -> NDArray[np.uint8]:
    """White shapes, (120, 120, 4), on transparency."""
    coverage = (scene(seed, 120, 120).luma > 128).astype(np.uint8) * 255
    return np.dstack([np.full((120, 120, 3), 255, np.uint8), coverage])


def over(pixels: NDArray[np.uint8], grey: int) -> NDArray[np.uint8]:
    return np.where(pixels[..., 3:] > 0, pixels[..., :3], grey).astype(np.uint8)


def ramp(*, rising: bool) -> Picture:
    line = np.linspace(0, 255, 200).astype(np.uint8)[:: 1 if rising else -1]
    return Picture(np.broadcast_to(line[None, :, None], (4, 200, 3)).copy())


@pytest.mark.parametrize("order", [1, -1])
def test_black_and_white_are_no_match(order: int) -> None:
    found = compared(*[flat((0, 0, 0)), flat((255, 255, 255))][::order])

    assert not any(each.is_match for each in found.values())
    assert found["dhash"].score == 100
    assert found["dhash"].reason == "both pictures are flat"


def test_opposite_ramps_are_no_match_though_pdq_sees_no_difference() -> None:
    pdq = compared(ramp(rising=True), ramp(rising=False))["pdq"]

    assert (pdq.score, pdq.is_match, pdq.reason) == (100, False, "both pictures are flat")


@pytest.mark.parametrize("families", [FAMILIES, ("dhash",), ("goldberg",)])
def test_identical_files_are_a_match_however_flat_they_are(families: tuple[str, ...]) -> None:
    white = encoded(np.full((30, 30, 3), 255, np.uint8))
    other = encoded(np.full((30, 30, 3), 254, np.uint8))

    assert all(each.is_match and each.reason == "the files are identical" for each in compared(white, white).values())
    assert not any(each.is_match for each in compared(white, other, families).values())


def test_a_witness_is_asked_though_it_is_not_among_the_families() -> None:
    across = np.linspace(-1, 1, 100) ** 2
    glows = [200 - depth * (across[:, None] + across) for depth in (20, 45)]
    first, second = (Picture(np.repeat(glow.astype(np.uint8)[..., None], 3, 2)) for glow in glows)

    (dhash,) = compare(first, second, families=("dhash",))

    assert dhash.score > 95
    assert (dhash.is_match, dhash.reason) == (False, "both pictures are flat")


@pytest.mark.parametrize("order", [1, -1])
def test_a_cut_out_is_found_over_either_background_whichever_picture_is_asked(order: int) -> None:
    logo = ink(3)
    for grey in (0, 255):
        found = compared(*[encoded(logo), encoded(over(logo, grey))][::order])
        assert found["dhash"].is_match == (grey == 0)


def test_logos_in_white_ink_are_compared_by_what_shows_of_them() -> None:
    same = compared(encoded(ink(3)), encoded(np.ascontiguousarray(ink(3)[::2, ::2])))
    different = compared(encoded(ink(3)), encoded(ink(4)))

    assert any(each.is_match for each in same.values())
    assert not any(each.is_match for each in different.values())
    assert different["dhash"].score < 80


@pytest.mark.parametrize("order", [1, -1])
def test_a_grey_copy_is_a_match_whichever_picture_is_asked(order: int) -> None:
    rgb = np.array(scene(5).rgb)
    rgb[..., 0] //= 2
    grey = Picture(np.repeat(Picture(rgb).luma[..., None], 3, 2))

    assert compared(*[Picture(rgb), grey][::order])["haar"].is_match


def test_the_part_in_common_is_told_whichever_picture_is_the_first() -> None:
    whole = scene(1, 300, 400)
    part = Picture(np.ascontiguousarray(whole.rgb[:, :240]))
    there, back = (compare(*pair, families=("crops",))[0].overlap for pair in ((part, whole), (whole, part)))
    assert there is not None
    assert back is not None
    assert (there.share, back.share) == (pytest.approx(0.6, abs=0.1), pytest.approx(1, abs=0.1))
    np.testing.assert_allclose(there.stored, back.question, atol=0.1)
    np.testing.assert_allclose(there.question, back.stored, atol=0.1)


def test_a_part_seen_from_the_other_picture_is_the_same_part() -> None:
    corners = ((-0.5, 0.0), (0.5, 0.0), (0.5, 1.0), (-0.5, 1.0))
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    overlap = Overlap(whole, corners, 1.0, 30.0, 2.0, 9)
    assert overlap.turned_round() == Overlap(corners, whole, 0.5, 330.0, 0.5, 9)


def test_how_sure_a_comparison_is_says_what_the_score_is_worth() -> None:
    first, second = scene(1), scene(2)
    assert {each.confidence for each in compared(first, first, FAMILIES).values()} == {"certain"}
    assert {each.confidence for each in compared(first, second, FAMILIES).values()} == {None}


def test_what_goldberg_alone_takes_for_the_same_is_no_match_where_others_are_asked() -> None:
    one, other = (compute_question(scene(n), [*map(family, ("goldberg", "dhash", "pdq"))]) for n in (1, 2))
    other = replace(
        other,
        rows={**other.rows, "goldberg": one.rows["goldberg"]},
        orientations=({**other.orientations[0], "goldberg": one.orientations[0]["goldberg"]},),
    )
    found = {each.family: each for each in compare_signed([*map(family, ("goldberg", "dhash", "pdq"))], one, other)}
    goldberg = found["goldberg"]
    assert (goldberg.score, goldberg.is_match, goldberg.confidence) == (100, False, "weak")
    assert goldberg.reason == "no other family sees anything in common"
    (asked_alone,) = compare_signed([family("goldberg")], one, other)
    assert (asked_alone.is_match, asked_alone.confidence) == (True, "certain")
