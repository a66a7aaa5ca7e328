"""Goldberg signatures: equal to image-match's, and measured by its distance."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from shards.errors import SignatureError
from shards.families.base import Family, Row
from shards.families.goldberg import Goldberg, pack, unpack, words
from shards.families.goldberg.greys import BLOCK_PIXELS, WHITE, Greys
from shards.families.goldberg.grid import INDEPENDENT, USUAL
from shards.families.goldberg.planes import distances, pack_each, pack_independent
from shards.families.goldberg.signature import Parameters, Window, crop_window, grid_lines
from shards.pictures.decoding import Picture
from shards.testing.families import FamilyTests
from shards.testing.samples import EDGE_PICTURES, flat, noise, scene, single
from tests.tiers import scaled

GOLDEN = Path(__file__).parents[2] / "golden" / "goldberg"
VALUES: dict[str, Any] = json.loads(gzip.decompress((GOLDEN / "golden.json.gz").read_bytes()))
IMAGES: dict[str, dict[str, Any]] = VALUES["images"]
GOLDBERG = Goldberg()

MADE_FROM: dict[str, tuple[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]] = {
    "astronaut__fliplr": ("astronaut", lambda rgb: rgb[:, ::-1]),
    "astronaut__rot90": ("astronaut", lambda rgb: np.rot90(rgb)),
    "astronaut__invert": ("astronaut", lambda rgb: 255 - rgb),
    "astronaut__crop5": ("astronaut", lambda rgb: rgb[15:285, 15:285]),
    "astronaut__gray": ("astronaut", lambda rgb: np.array(Image.fromarray(rgb).convert("L").convert("RGB"))),
    "chelsea__flipud": ("chelsea", lambda rgb: rgb[::-1]),
    "camera__gray": ("camera", lambda rgb: rgb),
}

TIED = {"mode_1": 0.03, "edge_gradx": 0.28}
"""Pictures of which many differences are exactly the median: which half they belong to, image-match leaves to
rounding errors. How far its signatures are from ours, at most."""

whole_signatures = arrays.arrays(np.int8, (3, len(INDEPENDENT)), elements=st.integers(-2, 2)).map(USUAL.expand)


def pixels(name: str) -> NDArray[np.uint8]:
    if name in MADE_FROM:
        source, make = MADE_FROM[name]
        return make(pixels(source))
    with Image.open(GOLDEN / "images" / f"{name}.png") as image:
        return np.array(image.convert("RGB"))


def window(rgb: NDArray[np.uint8]) -> Window:
    return crop_window(Greys.of_rgb(rgb), Fraction(5), Fraction(95))


def compute(name: str) -> Row:
    return GOLDBERG.compute(Picture(pixels(name)))


def whole(row: Row) -> list[int]:
    return [int(value) for value in unpack(single(row))[0]]


class TestGoldberg(FamilyTests):
    @pytest.fixture
    def family(self) -> Family:
        return GOLDBERG


class TestAgainstImageMatch:
    @pytest.mark.parametrize("name", [name for name in IMAGES if name not in TIED])
    def test_a_signature_is_one_that_image_match_computes(self, name: str) -> None:
        assert whole(compute(name)) in [IMAGES[name]["signature"], *IMAGES[name]["alt_signatures"]]

    @pytest.mark.parametrize("name", TIED)
    def test_with_ties_at_the_median_it_differs_in_ties_alone(self, name: str) -> None:
        ours, theirs = np.array(whole(compute(name))), np.array(IMAGES[name]["signature"])

        assert np.array_equal(np.sign(ours), np.sign(theirs))
        assert 0 < distances(compute(name), pack(theirs[None]))[0] < TIED[name]

    @pytest.mark.parametrize("name", IMAGES)
    def test_the_crop_window_is_the_same(self, name: str) -> None:
        assert [list(axis) for axis in window(pixels(name))] == IMAGES[name]["window"]

    @pytest.mark.parametrize("name", IMAGES)
    def test_the_words_are_the_same(self, name: str) -> None:
        assert words(np.array(IMAGES[name]["signature"], np.int8)).tolist() == IMAGES[name]["words"]

    @pytest.mark.parametrize("name", IMAGES)
    def test_the_negative_has_the_negated_signature(self, name: str) -> None:
        negative = GOLDBERG.compute(Picture(255 - pixels(name)))

        assert negative.tobytes() == GOLDBERG.invert(compute(name)).tobytes()
        assert whole(negative) == [-value for value in whole(compute(name))]

    def test_distances_are_the_same(self) -> None:
        names = VALUES["distances"]["names"]
        rows = pack(np.array([IMAGES[name]["signature"] for name in names]))

        matrix = np.array([distances(row, rows) for row in rows])

        assert np.allclose(matrix, VALUES["distances"]["matrix"], rtol=0, atol=1e-9)
        assert np.array_equal(matrix, matrix.T)

    def test_the_independent_values_are_the_same(self) -> None:
        assert INDEPENDENT.tolist() == VALUES["independent"]


class TestSignature:
    def test_no_sum_of_greys_is_rounded(self) -> None:
        rgb = noise(64, 64).rgb
        exact = rgb.astype(int) @ np.array([2125, 7154, 721])

        assert np.array_equal(Greys.of_rgb(rgb).levels, exact)
        assert Greys.of_rgb(np.full((1, 1, 3), 255, np.uint8)).levels.tolist() == [[WHITE]]

    def test_the_window_of_a_picture_of_several_blocks_counts_every_change_once(self) -> None:
        rgb = scene(1, BLOCK_PIXELS // 300 * 2 + 5, 300).rgb
        grey = Greys.of_rgb(rgb).levels
        rows = np.abs(np.diff(grey, axis=1)).sum(axis=1).cumsum()
        columns = np.abs(np.diff(grey, axis=0)).sum(axis=0).cumsum()

        assert window(rgb) == tuple(
            (
                int(np.searchsorted(changes, np.percentile(changes, 5), side="right")),
                int(np.searchsorted(changes, np.percentile(changes, 95), side="left")),
            )
            for changes in (rows, columns)
        )

    def test_plain_margins_are_left_out_of_the_window(self) -> None:
        rgb = np.full((200, 300, 3), 240, np.uint8)
        rgb[50:150, 100:220] = noise(100, 120).rgb

        (top, bottom), (left, right) = window(rgb)

        assert 50 <= top < bottom <= 150
        assert 99 <= left < right <= 220

    def test_a_flat_picture_keeps_the_middle_nine_tenths(self) -> None:
        assert window(flat((9, 9, 9), 200, 300).rgb) == ((10, 190), (15, 285))

    def test_grid_lines_are_where_linspace_puts_them(self) -> None:
        for low, high in [(0, 0), (3, 3), (0, 7), (5, 95), (10, 190), (17, 4001), (0, 99_999)]:
            assert grid_lines(low, high) == np.linspace(low, high, 11, dtype=int)[1:-1].tolist()

    @pytest.mark.parametrize(("step", "blank"), [(1, True), (2, False), (3, False)])
    def test_a_difference_below_2_levels_is_none(self, step: int, blank: bool) -> None:
        stripes = np.arange(200) // 25 % 2 * step + 100
        rgb = np.broadcast_to(stripes[None, :, None], (200, 200, 3)).astype(np.uint8)

        row = GOLDBERG.compute(Picture(rgb))

        assert Parameters().same * WHITE == 2 * WHITE // 255
        assert GOLDBERG.is_flat(single(row)).tolist() == [blank]

    def test_the_brighter_of_two_points_is_positive(self) -> None:
        rgb = np.repeat(np.arange(0, 250, 2, dtype=np.uint8)[None, :, None], 125, 0).repeat(3, 2)
        points = np.array(whole(GOLDBERG.compute(Picture(rgb)))).reshape(9, 9, 8)

        assert (points[:, 1:, 3] > 0).all()  # than its left neighbour
        assert (points[:, :-1, 4] < 0).all()  # than its right neighbour
        assert (points[:, :, [1, 6]] == 0).all()  # than those above and below
        assert (points[:, 0, [0, 3, 5]] == 0).all()  # there is nothing beside the grid

    def test_the_larger_half_of_the_differences_is_2(self) -> None:
        values = np.abs(whole(GOLDBERG.compute(scene(6))))
        small, large = np.count_nonzero(values == 1), np.count_nonzero(values == 2)

        assert 0 <= small - large <= 0.1 * small

    def test_white_beside_black_leaves_no_small_differences(self) -> None:
        assert set(whole(compute("edge_checker200"))) == {-2, 0, 2}

    @settings(max_examples=scaled(40))
    @given(st.integers(1, 45), st.integers(1, 45))
    def test_squares_that_the_edge_cuts_off_have_exact_means(self, height: int, width: int) -> None:
        picture = noise(height, width)
        negative = GOLDBERG.compute(Picture(255 - picture.rgb))

        assert negative.tobytes() == GOLDBERG.invert(GOLDBERG.compute(picture)).tobytes()


class TestPlanes:
    @settings(max_examples=scaled(50))
    @given(whole_signatures)
    def test_packing_loses_nothing(self, signatures: NDArray[np.int8]) -> None:
        assert np.array_equal(unpack(pack(signatures)), signatures)
        assert pack(unpack(pack(signatures))).tobytes() == pack(signatures).tobytes()

    @settings(max_examples=scaled(50))
    @given(whole_signatures)
    def test_a_distance_is_the_formula(self, signatures: NDArray[np.int8]) -> None:
        lengths = np.linalg.norm(signatures, axis=1)
        apart = np.linalg.norm(signatures.astype(int) - signatures[0], axis=1)
        wanted = np.divide(apart, lengths + lengths[0], out=np.ones(3), where=lengths + lengths[0] > 0)

        rows = pack(signatures)

        assert distances(rows[0], rows) == pytest.approx(wanted, abs=1e-12)

    @settings(max_examples=scaled(30))
    @given(whole_signatures)
    def test_negating_swaps_the_signs_of_all_values(self, signatures: NDArray[np.int8]) -> None:
        for signature, row in zip(signatures, pack(signatures), strict=True):
            assert whole(GOLDBERG.invert(row)) == (-signature).tolist()

    def test_the_opposite_is_as_far_as_can_be(self) -> None:
        row = GOLDBERG.compute(scene(2))
        assert GOLDBERG.score(row, single(GOLDBERG.invert(row))).tolist() == [0.0]

    def test_the_fullest_signatures_do_not_overflow_a_count(self) -> None:
        full = pack_independent(np.full((1, 272), 2, np.int8))
        half = pack_independent(np.full((1, 272), 1, np.int8))

        assert distances(full[0], full).tolist() == [0.0]
        assert distances(full[0], half)[0] == pytest.approx(1 / 3)

    def test_blank_is_like_nothing_not_even_itself(self) -> None:
        blank, other = GOLDBERG.compute(flat((7, 7, 7))), GOLDBERG.compute(scene(1))

        assert GOLDBERG.is_flat(single(blank)).all()
        assert distances(blank, single(blank)).tolist() == [1.0]
        assert distances(blank, single(other)).tolist() == [1.0]
        assert GOLDBERG.score(other, single(blank)).tolist() == [0.0]

    @pytest.mark.parametrize("spoil", ["off the grid", "not negated", "three", "short", "fractions"])
    def test_what_is_no_signature_is_not_packed(self, spoil: str) -> None:
        signature: NDArray[Any] = unpack(single(GOLDBERG.compute(scene(1))))
        if spoil == "off the grid":
            signature[0, 0] = 1
        elif spoil == "not negated":
            signature[0, 4] = signature[0, 11] = 1
        elif spoil == "three":
            signature[0, 4], signature[0, 11] = 3, -3
        elif spoil == "short":
            signature = signature[:, :-1]
        else:
            signature = signature / 2

        with pytest.raises(SignatureError):
            pack(signature)

    def test_packing_each_leaves_out_what_no_picture_has(self) -> None:
        values = np.random.default_rng(7).integers(-2, 3, (40, 272), np.int8)
        whole = USUAL.expand(values)
        # a value of a pair of neighbours, a value beyond the edge, and one that is only half as large as its negation
        whole[3, INDEPENDENT[5]] += 1 if whole[3, INDEPENDENT[5]] < 2 else -1
        whole[9, 0] = 1
        whole[20, USUAL.mirrored[7]], whole[20, INDEPENDENT[7]] = 1, -2
        rows, good = pack_each(whole)
        assert np.flatnonzero(~good).tolist() == [3, 9, 20]
        assert np.array_equal(rows, pack(whole[good]))
        for bad in (3, 9, 20):
            with pytest.raises(SignatureError, match="negated"):
                pack(whole[[bad]])


class TestText:
    def test_the_text_is_204_hex_digits_of_either_case(self) -> None:
        row = GOLDBERG.compute(scene(1))
        text = GOLDBERG.format(row)

        assert len(text) == 204
        assert GOLDBERG.parse(text.upper()).tobytes() == row.tobytes()

    @pytest.mark.parametrize("indent", [None, 1, 8])
    @pytest.mark.parametrize("name", IMAGES)
    def test_what_image_match_stores_is_a_signature(self, name: str, indent: int | None) -> None:
        row = GOLDBERG.parse(json.dumps(IMAGES[name]["signature"], indent=indent))

        assert whole(row) == IMAGES[name]["signature"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("0" * 203, "204 hex digits.* has 203 characters"),
            ("0" * 100 + "h" + "0" * 103, "character 101 is 'h'"),
            ("01" + "00" * 33 + "01" + "00" * 67, "both positive and negative"),
            ("00" * 68 + "01" + "00" * 33, "neither positive nor negative"),
            (json.dumps([0] * 647), "this list has 647"),
            (json.dumps([0] * 649), "this list has 649"),
            (json.dumps([3] + [0] * 647), "not -?[0-9] to 3"),
            (json.dumps([1] + [0] * 647), "comparison of a grid point"),
            (json.dumps([0.0] * 648), "not a JSON list of 648 integers"),
            (json.dumps([[0] * 648]), "not a JSON list of 648 integers"),
            (json.dumps([0] * 648)[:-1], "not a JSON list of 648 integers"),
        ],
    )
    def test_a_refusal_names_what_is_wrong(self, text: str, reason: str) -> None:
        with pytest.raises(SignatureError, match=reason):
            GOLDBERG.parse(text)


class TestWords:
    def test_there_are_63_of_16_values_in_base_3(self) -> None:
        found = words(np.ones(648, np.int8))

        assert found.shape == (63,)
        assert found[0] == 3**16 - 1
        # 11 values are left for the last word; after the end come zeros
        assert found[-1] == sum(2 * 3**place for place in range(11)) + sum(3**place for place in range(11, 16))

    def test_a_word_knows_signs_not_sizes(self) -> None:
        signature = np.array(IMAGES["coffee"]["signature"], np.int8)
        assert words(signature).tolist() == words(np.sign(signature)).tolist()


@pytest.mark.parametrize("kind", EDGE_PICTURES)
def test_the_negative_of_an_edge_picture_has_the_negated_signature(kind: str) -> None:
    picture = EDGE_PICTURES[kind]
    negative = GOLDBERG.compute(Picture(255 - picture.rgb))

    assert negative.tobytes() == GOLDBERG.invert(GOLDBERG.compute(picture)).tobytes()


def test_the_family_measures_distances_up_to_1() -> None:
    assert GOLDBERG.distance_at(55.0) == pytest.approx(0.45)
    assert GOLDBERG.score_at(1.0) == 0
