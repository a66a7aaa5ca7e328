"""The steps from a picture to its features, each beside a plain formula of what it does."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families.crops import codes, compute, features, patches, working
from shards.families.crops.features import Features, spread
from shards.families.crops.keypoints import CONTRAST, Keypoints, _extrema
from shards.families.crops.patches import SIDE, STEP, Sampler, directions
from shards.families.crops.pyramid import LEVELS, SIGMA, STEPS, Pyramid, octave_shapes
from shards.families.crops.row import features_of
from shards.families.crops.working import Size, working_image
from shards.pictures.decoding import Picture
from shards.testing.samples import noise, scene


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    weighted: NDArray[np.float64] = rgb @ np.array([77, 150, 29]) / 256
    return weighted


def waves(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Return soft grey clouds of several sizes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    image = np.full((height, width), 128.0)
    for length in (9, 15, 27, 50):
        for _ in range(6):
            angle, phase = rng.uniform(0, 2 * math.pi, 2)
            image += 12 * np.sin((x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / length + phase)
    return image.astype(np.float32)


# the working image


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (300, 300, Size(300, 300)),
        (640, 427, Size(367, 245)),
        (150, 150, Size(300, 300)),
        (100, 50, Size(200, 100)),
        (1, 1, Size(2, 2)),
        (100_000_000, 1, Size(3_000_000, 1)),
    ],
)
def test_a_working_image_has_the_pictures_shape_and_is_at_most_twice_as_large(
    width: int, height: int, size: Size
) -> None:
    assert Size.of(width, height, 90_000) == size


def coverage(length: int, size: int) -> NDArray[np.float64]:
    """Return (size, length): the share of each pixel in each of `size` equal parts of the line."""
    edges = np.linspace(0, length, size + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(length)
    covered = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    shares: NDArray[np.float64] = covered.clip(0) / (high - low)
    return shares


def interpolation(length: int, size: int) -> NDArray[np.float64]:
    """Return (size, length): the weights of pixels at `size` places, of which the centre is that of the line."""
    places = (np.arange(size) + 0.5) * length / size - 0.5
    return np.stack([np.interp(places, np.arange(length), one) for one in np.eye(length)], axis=1)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_a_shorter_side_is_averaged_and_a_longer_one_interpolated(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    rgb = noise(height, width).rgb
    down = (interpolation if new_height > height else coverage)(height, new_height)
    across = (interpolation if new_width > width else coverage)(width, new_width)

    image = working_image(rgb, Size(new_width, new_height))

    np.testing.assert_allclose(image, down @ luma(rgb) @ across.T, atol=1e-3)


def test_a_large_picture_is_read_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, size = noise(70, 110).rgb, Size(41, 23)
    whole = working_image(rgb, size).tobytes()
    for source, strip in ((1, 1), (150, 1 << 18), (1 << 17, 200), (500, 700)):
        monkeypatch.setattr(working, "SOURCE_PIXELS", source)
        monkeypatch.setattr(working, "STRIP_PIXELS", strip)

        assert working_image(rgb, size).tobytes() == whole


# the pyramid


def blurred(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Blur by the definition: a Gaussian cut off at 3 sigma, over an image mirrored at its edges."""
    radius = math.ceil(3 * sigma)
    kernel = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma * sigma))
    kernel /= kernel.sum()
    for _ in range(2):
        padded = np.pad(image, ((0, 0), (radius, radius)), mode="reflect")
        image = np.stack([np.convolve(line, kernel, mode="valid") for line in padded]).T
    return image


def test_each_level_is_blurred_as_much_more_and_each_octave_has_half_the_pixels() -> None:
    image = waves(37, 52)
    sigmas = [SIGMA * 2 ** (level / STEPS) for level in range(LEVELS)]
    expected = blurred(image.astype(np.float64), math.sqrt(SIGMA**2 - 0.25))

    octaves = Pyramid.of(image).octaves

    assert [octave.levels.shape for octave in octaves] == [(LEVELS, 37, 52), (LEVELS, 19, 26)]
    for octave in octaves:
        for level, (before, after) in enumerate(pairwise([0, *sigmas])):
            if level:
                expected = blurred(expected, math.sqrt(after * after - before * before))
            np.testing.assert_allclose(octave.levels[level], expected, atol=1e-2)
        expected = octave.levels[STEPS, ::2, ::2].astype(np.float64)


def test_octaves_end_where_a_side_has_less_than_16_pixels() -> None:
    assert octave_shapes(300, 300) == [(300, 300), (150, 150), (75, 75), (38, 38), (19, 19)]
    assert octave_shapes(16, 5000) == [(16, 5000)]
    assert octave_shapes(15, 5000) == []


# keypoints


def test_a_keypoint_is_an_extremum_of_27_neighbours() -> None:
    rng = np.random.default_rng(4)
    shape = (LEVELS - 1, 20, 24)
    # few different values, so that neighbours are equal too
    values = rng.integers(-9, 10, shape).astype(np.float32) / 4

    found = _extrema(values.reshape(-1), shape)

    expected = []
    for level, y, x in np.ndindex(shape):
        if 1 <= level < LEVELS - 2 and 2 <= y < 18 and 2 <= x < 22:
            around, value = values[level - 1 : level + 2, y - 1 : y + 2, x - 1 : x + 2], values[level, y, x]
            if (value > CONTRAST and value == around.max()) or (value < -CONTRAST and value == around.min()):
                expected.append(np.ravel_multi_index((level, y, x), shape))
    assert found.tolist() == expected
    assert len(expected) > 20


@pytest.mark.parametrize(("x", "y", "sigma"), [(40.0, 50.0, 3.0), (61.3, 44.8, 4.2), (50.5, 52.25, 8.0)])
@pytest.mark.parametrize("contrast", [60, -60])
def test_a_round_spot_is_a_keypoint_of_its_place_and_size(x: float, y: float, sigma: float, contrast: float) -> None:
    lines, columns = np.mgrid[:100, :110]
    spot = 120 + contrast * np.exp(-((columns - x) ** 2 + (lines - y) ** 2) / (2 * sigma * sigma))

    found = Keypoints.of(Pyramid.of(spot.astype(np.float32)), 10)
    scale = 2.0 ** found.octave[0]

    assert (found.x[0] * scale, found.y[0] * scale) == pytest.approx((x, y), abs=0.2 * scale)
    assert SIGMA * scale * 2 ** (found.scale[0] / STEPS) == pytest.approx(sigma, rel=0.2)


def test_an_edge_has_no_keypoints() -> None:
    lines, columns = np.mgrid[:90, :120]
    edge = np.where(columns + 0.3 * lines < 70, 30, 220).astype(np.float32)

    assert len(Keypoints.of(Pyramid.of(edge), 100)) == 0


def test_keypoints_come_by_strength_and_then_by_place() -> None:
    found = Keypoints.of(Pyramid.of(np.tile(waves(48, 48), (1, 2))), 1000)
    order = list(zip(-found.strength, found.octave, found.level, strict=True))

    assert len(found) > 20
    assert order == sorted(order)


# patches


def surroundings() -> Sampler:
    pyramid = Pyramid.of(waves(150, 200))
    return Sampler.of(pyramid, Keypoints.of(pyramid, 60))


def test_samples_are_interpolated_at_multiples_of_the_keypoints_blur() -> None:
    sampler = surroundings()
    points = sampler.keypoints
    samples = sampler.upright().reshape(-1, SIDE, SIDE)
    for number in range(0, len(points), 7):
        level = sampler.pyramid.octaves[points.octave[number]].levels[points.level[number]]
        sigma = SIGMA * 2 ** (round(points.scale[number] * 64 / STEPS) / 64)
        for line, column in ((0, 0), (3, 8), (11, 11)):
            x = points.x[number] + (column - 5.5) * STEP * sigma
            y = points.y[number] + (line - 5.5) * STEP * sigma
            x, y = (min(max(place, 0), side - 1.001) for place, side in ((x, level.shape[1]), (y, level.shape[0])))
            left, top = int(x), int(y)
            corners = level[top : top + 2, left : left + 2].astype(np.float64)
            expected = np.array([1 - y + top, y - top]) @ corners @ np.array([1 - x + left, x - left])
            assert samples[number, line, column] == pytest.approx(expected, abs=0.01)


def test_a_patch_turned_by_a_quarter_has_the_same_samples_in_another_order() -> None:
    sampler = surroundings()
    every = np.arange(len(sampler.keypoints))
    upright = sampler.upright().reshape(-1, SIDE, SIDE)
    quarter = sampler.turned(every, np.full(len(every), patches.TURNS // 4)).reshape(-1, SIDE, SIDE)

    np.testing.assert_allclose(quarter, np.rot90(upright, 1, (1, 2)), atol=0.05)


def plain_direction(patch: NDArray[np.float32]) -> float:
    """Return the strongest direction of a patch in turns, by its angles."""
    square = patch.reshape(SIDE, SIDE).astype(np.float64)
    gx = (square[1:-1, 2:] - square[1:-1, :-2]).ravel()
    gy = (square[2:, 1:-1] - square[:-2, 1:-1]).ravel()
    place = (np.arange(1, SIDE - 1) - 5.5) * STEP
    weights = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 4.5**2)).ravel()
    length, angle = np.hypot(gx, gy) * weights, np.arctan2(gy, gx) % (2 * math.pi)
    width = 2 * math.pi / 36
    low = np.floor(angle / width)
    histogram = np.zeros(36)
    for bins, share in ((low, np.sin((low + 1) * width - angle)), (low + 1, np.sin(angle - low * width))):
        np.add.at(histogram, bins.astype(int) % 36, length * share)
    for _ in range(2):
        histogram = (np.roll(histogram, 1) + 2 * histogram + np.roll(histogram, -1)) / 4
    peak = int(histogram.argmax())
    before, here, after = histogram[[peak - 1, peak, (peak + 1) % 36]]
    return (peak + (before - after) / (2 * (before - 2 * here + after))) / 36


def test_directions_are_those_of_the_gradients_angles() -> None:
    upright = surroundings().upright()
    which, turns = directions(upright, second=False)
    expected = np.array([plain_direction(patch) for patch in upright])

    assert which.tolist() == list(range(len(upright)))
    apart = np.abs((turns / patches.TURNS - expected + 0.5) % 1 - 0.5)
    assert apart.max() <= 0.6 / patches.TURNS


def test_a_patch_that_is_as_strong_in_two_directions_has_both() -> None:
    # a corner: as bright to the right as it is downwards
    y, x = np.mgrid[:SIDE, :SIDE]
    corner = (100 * ((x < 6) & (y < 6))).astype(np.float32).reshape(1, -1)
    slope = (9 * x).astype(np.float32).reshape(1, -1)
    flat = np.full((1, SIDE * SIDE), 7, np.float32)

    which, turns = directions(np.concatenate([corner, slope, flat]), second=True)

    assert which.tolist() == [0, 0, 1, 2]
    assert sorted(turns[:2]) == pytest.approx([128, 192], abs=3)
    assert turns[2:].tolist() == [0, 0]


def test_a_picture_turned_by_a_quarter_has_the_same_codes() -> None:
    picture = scene(8, 260, 300)
    upright = features_of(compute.signature(picture))["code"]
    turned = features_of(compute.signature(Picture(np.ascontiguousarray(np.rot90(picture.rgb)))))["code"]

    near = (np.bitwise_count(upright[:, None] ^ turned) <= codes.NEAR).any(axis=1)
    assert near.mean() > 0.8


# codes


def test_normalised_patches_have_one_mean_and_one_deviation_unless_they_are_nearly_plain() -> None:
    rng = np.random.default_rng(2)
    soft = rng.uniform(90, 130, (5, SIDE * SIDE)).astype(np.float32)
    plain = (100 + rng.uniform(-0.5, 0.5, (5, SIDE * SIDE))).astype(np.float32)

    assert np.abs(codes.normalised(soft).mean(axis=1)).max() < 0.5
    assert codes.normalised(soft).std(axis=1) == pytest.approx(np.full(5, 32), abs=0.5)
    assert codes.normalised(plain).std(axis=1).max() < 12


def test_codes_are_the_signs_of_the_lowest_frequencies() -> None:
    patch = np.random.default_rng(3).integers(-127, 128, (4, SIDE * SIDE)).astype(np.int8)
    cosines = np.cos(math.pi * np.outer(np.arange(SIDE), 2 * np.arange(SIDE) + 1) / (2 * SIDE))
    exact = cosines @ patch.reshape(4, SIDE, SIDE) @ cosines.T
    pairs = sorted(((i, j) for i, j in np.ndindex(SIDE, SIDE) if i or j), key=lambda p: (p[0] ** 2 + p[1] ** 2, p))

    found = codes.coefficients(patch)

    for number, (down, across) in enumerate(pairs[:64]):
        np.testing.assert_allclose(found[:, number] / 127, exact[:, down, across], atol=60)
    for code, coefficients in zip(codes.codes(found), found, strict=True):
        assert [bool(int(code) >> bit & 1) for bit in range(64)] == (coefficients > 0).tolist()


def test_weak_bits_are_those_of_the_word_with_the_smallest_coefficients() -> None:
    found = np.full((1, 64), 50, np.float32)
    found[0, [0, 16, 3, 9, 12]] = [0, -1, 4, -2, 4]

    # bit 0 is not in the word; bits 3 and 12 tie
    assert codes.weak_bits(found).tolist() == [[15, 8, 2]]
    assert codes.words(np.array([0x1FFFF, 1, 2, 1 << 17], np.uint64)).tolist() == [0xFFFF, 0, 1, 0]


# which are kept


def with_codes(code: list[int], x: list[float] | None = None, y: list[float] | None = None) -> Features:
    zeros = np.zeros(len(code), np.int64)
    places = [np.array(place or [0.0] * len(code), np.float32) for place in (x, y)]
    return Features(np.array(code, np.uint64), np.zeros((len(code), 3), np.int64), *places, zeros, zeros)


def test_a_code_near_a_stronger_one_that_is_kept_is_dropped() -> None:
    ten, eleven = (1 << 10) - 1, (1 << 11) - 1
    # the third is near the second only, which is dropped itself
    code = with_codes([0, ten, ten << 5 | ten, eleven << 40, 0]).code

    assert features._distinct(code).tolist() == [0, 2, 3]


def test_no_part_of_a_picture_takes_all_the_room() -> None:
    rng = np.random.default_rng(6)
    # the strongest 60 lie in one corner, 20 others elsewhere
    corner, elsewhere = rng.uniform(0, 0.24, (2, 60)), rng.uniform(0.26, 1, (2, 20))
    x, y = np.concatenate([corner, elsewhere], axis=1).tolist()

    kept = spread(with_codes(list(range(80)), x, y), 48)

    cells = [(int(x[place] * 4), int(y[place] * 4)) for place in range(80)]
    others = [place for place in range(60, 80) if cells[60:place].count(cells[place]) < 4]
    # what the others leave is filled up with the strongest
    assert kept.code.tolist() == [*range(48 - len(others)), *others]
    assert len(others) > 15


def test_a_picture_with_fewer_than_48_features_keeps_all() -> None:
    few = with_codes(list(range(0, 4000, 100)), [0.1] * 40, [0.1] * 40)

    assert spread(few, 48).code.tolist() == few.code.tolist()
