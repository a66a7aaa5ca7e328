"""JPEG XL: an extra, a header that is read before the decoder runs, and pixels as they were."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pillow_jxl  # noqa: F401 - so that Pillow writes it
import pytest
from PIL import Image

from shards.errors import PictureError
from shards.pictures import jxl
from shards.pictures.costs import stated_cost
from shards.pictures.decoding import PictureSettings, decode
from tests.shards.pictures.drawn import pixels


def encoded(rgb: np.ndarray[Any, Any], **options: Any) -> bytes:
    body = io.BytesIO()
    Image.fromarray(rgb).save(body, "JXL", effort=3, **options)
    return body.getvalue()


@pytest.mark.parametrize("options", [{}, {"use_container": True}, {"lossless": True}])
@pytest.mark.parametrize(("width", "height"), [(60, 40), (64, 64), (257, 1), (1, 600), (192, 108), (5000, 9)])
def test_the_header_states_the_size(width: int, height: int, options: dict[str, bool]) -> None:
    data = encoded(np.zeros((height, width, 3), np.uint8), **options)
    assert jxl.size(data) == (width, height)
    assert stated_cost(data, 10**9)[1] == width * height
    assert (decode(data).width, decode(data).height) == (width, height)


def test_pixels_are_as_they_were() -> None:
    assert np.array_equal(decode(encoded(pixels(), lossless=True)).rgb, pixels())


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jxl, "open_jxl", lambda _: pytest.fail("decoded"))
    with pytest.raises(PictureError) as refused:
        decode(encoded(pixels()), PictureSettings(max_pixels=100))
    assert refused.value.reason == "too_many_pixels"
    with pytest.raises(PictureError) as refused:
        decode(encoded(pixels()), max_cost=1)
    assert refused.value.reason == "too_costly"


@pytest.mark.parametrize("kept", [3, 20, 0.5, 0.98])
def test_a_file_that_was_cut_is_refused(kept: float) -> None:
    data = encoded(pixels())
    with pytest.raises(PictureError) as refused:
        decode(data[: kept if isinstance(kept, int) else int(kept * len(data))])
    assert refused.value.reason == "damaged"


def test_without_its_extra_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(pixels())
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    with pytest.raises(PictureError, match=r"lookalike\[jxl\]") as refused:
        decode(data)
    assert refused.value.reason == "unsupported"
