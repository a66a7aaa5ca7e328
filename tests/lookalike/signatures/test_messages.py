"""What workers answer, as bytes and back."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.signatures import messages
from lookalike.signatures.compute import compute_picture, compute_thumbnail
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.messages import HEAD, Wanted
from shards.errors import PictureError
from shards.families import DEFAULT, Row, Rows, family
from shards.pictures.decoding import PictureSettings
from tests.lookalike.cli.drawing import png

FAMILIES = tuple(family(name) for name in DEFAULT)
DIGEST = sha256(png(1)).digest()
WANTED = Wanted(FAMILIES, 0, 16, 1000)


def arrays(asked: Mapping[str, Row | Rows]) -> dict[str, Rows]:
    return {name: np.atleast_1d(rows) for name, rows in asked.items()}


def computed(**options: Any) -> ComputedPicture:
    return compute_picture(png(1), FAMILIES, PictureSettings(), **options)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, Wanted(FAMILIES, 0, 0, 1000)),
        ({"asked": FAMILIES}, Wanted(FAMILIES, 1, 0, 1000)),
        ({"thumbnail": 16, "asked": FAMILIES, "orientations": True}, Wanted(FAMILIES, 8, 16, 1000)),
    ],
)
def test_a_picture_comes_back_as_it_was(options: dict[str, Any], wanted: Wanted) -> None:
    picture = computed(**options)
    data = messages.write(picture)
    assert len(data) <= wanted.max_bytes
    back = messages.read(data, wanted, DIGEST)
    assert isinstance(back, ComputedPicture)
    assert [list(map(np.ndarray.tobytes, asked.values())) for asked in map(arrays, back.orientations)] == [
        list(map(np.ndarray.tobytes, asked.values())) for asked in map(arrays, picture.orientations)
    ]
    assert [list(asked) for asked in back.orientations] == [list(asked) for asked in picture.orientations]
    assert replace(back, orientations=()) == replace(picture, orientations=())
    assert back.record("a", (1, 2)) == picture.record("a", (1, 2))


def test_a_question_with_transparency_comes_back_over_both_backgrounds() -> None:
    out = BytesIO()
    pixels = np.full((30, 40, 4), 200, np.uint8)
    pixels[5:20, 10:30, 3] = 0
    Image.fromarray(pixels).save(out, "PNG")
    picture = compute_picture(out.getvalue(), FAMILIES, PictureSettings(), asked=FAMILIES, digest=DIGEST)
    wanted = Wanted(FAMILIES, 1, 0, 10_000)
    data = messages.write(picture)
    back = messages.read(data, wanted, DIGEST)
    assert isinstance(back, ComputedPicture)
    assert {name: row.tobytes() for name, row in back.over_black.items()} == {
        name: row.tobytes() for name, row in picture.over_black.items()
    }
    white, black = back.question().backgrounds()
    for kind in FAMILIES:
        asked = kind.asked(np.array([black.rows[kind.name]]))
        # the picture's own rows come first
        assert asked.tobytes() == black.orientations[0][kind.name][: len(asked)].tobytes()
        assert white.rows[kind.name] == back.rows[kind.name]
    for spoilt in (b"\0", b"\2"):
        at = data.index(b"\1", HEAD.size + sum(kind.dtype.itemsize for kind in FAMILIES))
        with pytest.raises(ValueError, match="no answer"):
            messages.read(data[:at] + spoilt + data[at + 1 :], wanted, DIGEST)


def test_a_thumbnail_alone_comes_back_as_it_was() -> None:
    drawn = compute_thumbnail(png(1), PictureSettings(), 20)
    back = messages.read(messages.write(drawn), Wanted((), 0, 20, 1000), DIGEST)
    assert isinstance(back, ComputedPicture)
    assert (back.thumbnail, back.orientations) == (drawn.thumbnail, ())


def test_the_digest_is_ours_whatever_the_worker_says() -> None:
    back = messages.read(messages.write(computed(thumbnail=16, digest=bytes(32))), WANTED, DIGEST)
    assert isinstance(back, ComputedPicture)
    assert back.sha256 == DIGEST


def test_an_error_comes_back_as_it_was() -> None:
    back = messages.read(messages.write(PictureError("truncated", "the end is missing: é")), WANTED, DIGEST)
    assert isinstance(back, PictureError)
    assert (back.reason, str(back)) == ("truncated", "the end is missing: é")


def test_an_error_commands_no_terminal_and_is_not_endless() -> None:
    back = messages.read(messages.write(PictureError("damaged", "\x1b[2J\r\n" + "é" * 5000)), WANTED, DIGEST)
    assert str(back).startswith("�[2J��éé")
    assert str(back).isprintable()
    assert len(str(back)) < 1200


GOOD = messages.write(computed(thumbnail=16))
WIDTH, HEIGHT, LENGTH = HEAD.unpack_from(GOOD)[1:]
DRAWN, ROWS = GOOD[HEAD.size : HEAD.size + LENGTH], GOOD[HEAD.size + LENGTH :]


def with_haar(**values: Any) -> bytes:
    """Return rows with another signature of the first family."""
    (row,) = np.frombuffer(ROWS, FAMILIES[0].dtype, 1).copy()
    for name, value in values.items():
        row[name] = value
    return row.tobytes() + ROWS[FAMILIES[0].dtype.itemsize :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"\x80\x04.",
        b"[" * 10_000,
        GOOD[:-1],
        GOOD + b"\0",
        b"Q" + GOOD[1:],
        HEAD.pack(b"P", 0, HEIGHT, LENGTH) + DRAWN + ROWS,
        HEAD.pack(b"P", 1 << 31, 1 << 31, LENGTH) + DRAWN + ROWS,
        HEAD.pack(b"P", WIDTH, HEIGHT, 0) + ROWS,
        HEAD.pack(b"P", WIDTH, HEIGHT, LENGTH) + bytes(LENGTH) + ROWS,
        HEAD.pack(b"P", WIDTH, HEIGHT, LENGTH - 1) + DRAWN[:-1] + ROWS,
        HEAD.pack(b"P", WIDTH, HEIGHT, 0xFFFFFFFF) + DRAWN + ROWS,
        GOOD[: HEAD.size + LENGTH] + with_haar(avgl=np.nan),
        GOOD[: HEAD.size + LENGTH] + with_haar(sig=32_767),
        b"E",
        b"Etruncated",
        b"E\0without a reason",
        b"E../..\0no word",
        b"Edamaged\0" + b"x" * 3000,
        b"Edamaged\0\xff\xfe",
    ],
)
def test_anything_else_is_no_answer(data: bytes) -> None:
    with pytest.raises(ValueError, match="no answer of a worker"):
        messages.read(data, WANTED, DIGEST)


def test_what_was_not_asked_for_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no answer"):
        messages.read(messages.write(computed(thumbnail=16, asked=FAMILIES)), WANTED, DIGEST)
    for wanted in (
        Wanted(FAMILIES, 0, 0, 1000),
        Wanted(FAMILIES, 1, 16, 1000),
        Wanted(FAMILIES, 0, 16, WIDTH * HEIGHT - 1),
    ):
        with pytest.raises(ValueError, match="no answer"):
            messages.read(GOOD, wanted, DIGEST)


QUESTION = messages.write(computed(asked=[family("crops")]))
CROPS = Wanted([family("crops")], 1, 0, 1000)
COUNT_AT = HEAD.size + family("crops").dtype.itemsize + 1
"""Where the number of rows stands by which crops is asked: behind the byte that tells of a second background."""


@pytest.mark.parametrize("count", [0, 1, 3, 33, 255])
def test_a_question_has_the_rows_that_it_says(count: int) -> None:
    assert isinstance(messages.read(QUESTION, CROPS, DIGEST), ComputedPicture)
    assert QUESTION[COUNT_AT] == 2
    with pytest.raises(ValueError, match="no answer"):
        messages.read(QUESTION[:COUNT_AT] + bytes([count]) + QUESTION[COUNT_AT + 1 :], CROPS, DIGEST)


def test_a_question_that_no_picture_has_is_no_answer() -> None:
    size = len(QUESTION) - COUNT_AT - 1
    with pytest.raises(ValueError, match="no answer"):
        messages.read(QUESTION[: COUNT_AT + 1] + b"\xff" * size, CROPS, DIGEST)


def test_the_head_has_no_gaps() -> None:
    assert HEAD.size == 1 + struct.calcsize("=3I")
