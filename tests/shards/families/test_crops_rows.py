"""Rows of crops: their bytes, their text, and what is refused because no picture has it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.errors import SignatureError
from shards.families.base import Row
from shards.families.crops import checks, codes, compute, features, row
from shards.families.crops.features import Features
from shards.families.crops.text import format_row, parse_row
from shards.families.crops.working import Size
from shards.pictures.decoding import Picture
from shards.testing.samples import EDGE_PICTURES, scene
from tests.shards.families.crops_golden import noise, paintings

SIZE = Size(300, 200)


def scene_row() -> Row:
    """Return the row of a picture with features in every place."""
    return compute.signature(scene(5, 200, 300))


def made(count: int, seed: int = 1) -> Features:
    """Return features with whatever values they can have."""
    rng = np.random.default_rng(seed)
    return Features(
        rng.integers(0, 1 << 63, count, np.uint64) << np.uint64(1),
        np.array([rng.permutation(codes.WORD_BITS)[: codes.WEAK] for _ in range(count)], np.int64).reshape(count, 3),
        rng.uniform(0.05, 0.95, count).astype(np.float32),
        rng.uniform(0.05, 0.95, count).astype(np.float32),
        rng.integers(7, 40, count),
        rng.integers(0, features.ANGLES, count),
    )


# bytes


def test_a_stored_row_has_629_bytes_and_a_question_6508() -> None:
    assert (row.FEATURE.itemsize, row.STORED_ROW.itemsize, row.QUESTION_ROW.itemsize) == (13, 629, 6508)


@pytest.mark.parametrize("count", [0, 1, 30, 48])
def test_a_row_has_what_was_put_into_it(count: int) -> None:
    given_features = made(count)
    stored = row.stored_row(given_features, SIZE)
    found = row.features_of(stored)
    sigmas, angles = row.sigmas_and_angles(found["packed"])

    assert (stored["count"], stored["width"], stored["height"]) == (count, 300, 200)
    assert found["code"].tolist() == given_features.code.tolist()
    assert sigmas.tolist() == given_features.sigma.tolist()
    assert angles.tolist() == given_features.angle.tolist()
    assert row.weak_bits(found["packed"]).tolist() == given_features.weak.tolist()
    for name, place in (("x", given_features.x), ("y", given_features.y)):
        assert np.abs(found[name] / 255 - place).max(initial=0) <= 0.5 / 255 + 1e-6


def test_bytes_behind_the_last_feature_are_0() -> None:
    assert row.stored_row(made(3), SIZE).tobytes()[5 + 3 * 13 :] == bytes(45 * 13)


def test_a_stored_row_asks_for_the_same_features() -> None:
    stored = row.stored_row(made(17), SIZE)
    asked = row.as_question(stored)

    assert (asked["count"], asked["width"], asked["height"], asked["min_share"], asked["flags"]) == (17, 300, 200, 3, 0)
    assert row.features_of(asked).tobytes() == row.features_of(stored).tobytes()
    assert asked.tobytes() == row.question_row(made(17), SIZE).tobytes()


def test_a_side_that_does_not_fit_16_bits_is_cut_down() -> None:
    stored = row.stored_row(features.NONE, Size(3_000_000, 1))

    assert (stored["width"], stored["height"]) == (65_535, 1)
    checks.check_stored(stored)


# text


def test_the_text_is_the_bytes_in_hex_digits_up_to_the_last_feature() -> None:
    stored = scene_row()
    count = int(stored["count"])

    assert count > 20
    assert format_row(stored) == stored.tobytes().hex()[: 10 + 26 * count]
    assert parse_row(format_row(stored)).tobytes() == stored.tobytes()
    assert parse_row(format_row(stored).upper()).tobytes() == stored.tobytes()


def test_every_picture_has_rows_that_are_believed() -> None:
    awkward = [picture.rgb for picture in EDGE_PICTURES.values()]
    for rgb in [*awkward, *(rgb for _, rgb in islice(paintings(), 15)), *(rgb for _, rgb in noise())]:
        stored, questions = compute.signature_and_questions(Picture(rgb))

        assert parse_row(format_row(stored)).tobytes() == stored.tobytes()
        for question in questions:
            checks.check_question(question)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-1], "26 for each"),
        (lambda text: text + "0", "26 for each"),
        (lambda text: text[:8], "26 for each"),
        (lambda text: "", "26 for each"),
        (lambda text: text + "00" * 629, "26 for each"),
        (lambda text: text[:-26], "it says that it has"),
        (lambda text: "00" + text[2:], "it says that it has 0 features"),
        (lambda text: text[:20] + " " + text[21:], "character 21 is ' '"),
        (lambda text: text[:20] + "ｆ" + text[21:], "character 21"),
        (lambda text: text[:20] + "g" + text[21:], "character 21 is 'g'"),
    ],
)
def test_text_that_is_no_row_is_refused(spoil: Callable[[str], str], said: str) -> None:
    with pytest.raises(SignatureError, match=said):
        parse_row(spoil(format_row(scene_row())))


@given(st.binary(max_size=700))
def test_no_bytes_are_anything_but_a_row_or_refused(data: bytes) -> None:
    try:
        found = parse_row(data.hex())
    except SignatureError:
        return
    assert format_row(found) == data.hex()


# what no picture has


Spoil: TypeAlias = Callable[[Row], None]


def put(field: str, value: int) -> Spoil:
    def spoil(stored: Row) -> None:
        stored[field] = value

    return spoil


def put_first(field: str, value: int) -> Spoil:
    """Set a field of the first feature."""

    def spoil(stored: Row) -> None:
        row.features_of(stored)[field][0] = value

    return spoil


def put_bits(low: int, mask: int, value: int) -> Spoil:
    """Set some of the packed bits of the first feature."""

    def spoil(stored: Row) -> None:
        packed = row.features_of(stored)["packed"][0]
        bits = int.from_bytes(packed.tobytes(), "little") & ~(mask << low) | value << low
        packed[:] = list(bits.to_bytes(3, "little"))

    return spoil


def leave_out_the_last(stored: Row) -> None:
    stored["count"] -= 1


def repeat_a_code(stored: Row) -> None:
    code = row.features_of(stored)["code"]
    code[7] = code[3] ^ np.uint64(0x3FF << 20)


SPOILT: dict[str, tuple[Spoil, str]] = {
    "more features than there is room for": (put("count", 49), "49 features"),
    "no width": (put("width", 0), "0 × "),
    "no height": (put("height", 0), " × 0"),
    "too large a working image": (put("width", 4000), "90,000"),
    "features in too few lines": (put("height", 15), "too few lines"),
    "something behind the last feature": (leave_out_the_last, "behind the last"),
    "a feature at the left edge": (put_first("x", 0), "x = 0"),
    "a feature at the lower edge": (put_first("y", 255), "y = 255"),
    "too small a sigma": (put_bits(0, 63, 6), "sigma 6"),
    "too large a sigma": (put_bits(0, 63, 60), "sigma 60"),
    "a weak bit twice": (put_bits(12, 0xFFF, 0x313), "weak bit twice"),
    "two codes that are near": (repeat_a_code, "features 4 and 8"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_no_picture_has_is_refused(name: str) -> None:
    spoil, said = SPOILT[name]
    stored = scene_row().copy()
    spoil(stored)

    with pytest.raises(SignatureError, match=said):
        checks.check_stored(stored)
    assert not comes_back(stored)


def comes_back(stored: Row) -> bool:
    """Return whether a row is the one that its text says, which is how the answers of workers are checked."""
    try:
        return parse_row(format_row(stored)).tobytes() == stored.tobytes()
    except SignatureError:
        return False


@pytest.mark.parametrize(
    ("field", "value", "said"), [("min_share", 101, "share 101"), ("flags", 1, "flags 1"), ("count", 501, "501")]
)
def test_a_question_that_no_picture_makes_is_refused(field: str, value: int, said: str) -> None:
    question = compute.questions(scene(5, 200, 300))[1].copy()
    checks.check_question(question)
    question[field] = value

    with pytest.raises(SignatureError, match=said):
        checks.check_question(question)
