"""What workers answer, as bytes and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lookalike.signatures import messages
from lookalike.signatures.compute import compute_picture
from lookalike.signatures.computed import ComputedPicture
from shards.errors import PictureError
from shards.families import DEFAULT, family
from shards.pictures.decoding import PictureSettings
from tests.lookalike.cli.drawing import png

FAMILIES = tuple(family(name) for name in DEFAULT)


def computed(**options: Any) -> ComputedPicture:
    return compute_picture(png(1), FAMILIES, PictureSettings(), **options)


@pytest.mark.parametrize("options", [{}, {"thumbnail": 16, "orientations": True}])
def test_a_picture_comes_back_as_it_was(options: dict[str, Any]) -> None:
    picture = computed(**options)
    back = messages.read(messages.write(picture), DEFAULT)
    assert back == picture
    assert isinstance(back, ComputedPicture)
    assert back.record("a", (1, 2)) == picture.record("a", (1, 2))


def test_an_error_comes_back_as_it_was() -> None:
    back = messages.read(messages.write(PictureError("truncated", "the end is missing")), DEFAULT)
    assert isinstance(back, PictureError)
    assert (back.reason, str(back)) == ("truncated", "the end is missing")


DOCUMENT = json.loads(messages.write(computed()))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"reason": "a"},
        {**DOCUMENT, "width": None},
        {**DOCUMENT, "width": float("inf")},
        {**DOCUMENT, "sha256": "xyz"},
        {**DOCUMENT, "thumbnail": "é"},
        {**DOCUMENT, "orientations": 7},
        {**DOCUMENT, "orientations": [{}]},
        {**DOCUMENT, "orientations": [{**DOCUMENT["orientations"][0], "dhash": "00"}]},
        {**DOCUMENT, "orientations": [{**DOCUMENT["orientations"][0], "dhash": "00" * 16}]},
        {**DOCUMENT, "source": 7},
    ],
)
def test_anything_else_is_no_answer(document: object) -> None:
    with pytest.raises(ValueError, match="no answer of a worker"):
        messages.read(json.dumps(document).encode(), DEFAULT)


@pytest.mark.parametrize("data", [b"", b"\x80\x04.", b"[" * 100_000])
def test_what_is_no_json_is_no_answer(data: bytes) -> None:
    with pytest.raises(ValueError, match="no answer of a worker"):
        messages.read(data, DEFAULT)
