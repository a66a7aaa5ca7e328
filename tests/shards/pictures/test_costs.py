"""Costs: what a picture will take is known before it is decoded, and too much is refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from shards.errors import PictureError
from shards.pictures.costs import MAX_SCANS, check_cost, cost, stated_cost
from shards.pictures.decoding import decode
from tests.shards.pictures.scans import with_scans


def encoded(kind: str, side: int = 100, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, kind, **options)
    return file.getvalue()


def refusal(data: bytes, max_cost: float) -> PictureError:
    with pytest.raises(PictureError) as caught:
        decode(data, max_cost=max_cost)
    return caught.value


def test_scans_and_dear_formats_cost_more() -> None:
    plain = stated_cost(encoded("JPEG"), 1000)
    assert plain == (10_000, 10_000)
    progressive = encoded("JPEG", progressive=True)
    for dearer in (encoded("PNG"), encoded("AVIF"), progressive, with_scans(progressive, 60)):
        assert stated_cost(dearer, 1000)[0] > plain[0]
    assert stated_cost(with_scans(progressive, 90), 1000)[0] > 3 * stated_cost(progressive, 1000)[0]


def test_what_states_nothing_may_be_anything() -> None:
    assert stated_cost(b"nothing", 1000) == (cost("QOI", 1000), 1000)
    assert stated_cost(encoded("PPM"), 1000)[1] == 1000


def test_a_picture_that_is_too_much_work_is_refused_before_it_is_decoded() -> None:
    error = refusal(encoded("PNG"), 17_000)
    assert error.reason == "too_costly"
    assert "10,000 pixels of PNG are as much work as" in str(error)
    assert decode(encoded("PNG"), max_cost=18_000).width == 100


def test_a_jpeg_of_hundreds_of_scans_is_refused_whatever_its_size() -> None:
    data = encoded("JPEG", 16, progressive=True)
    assert decode(with_scans(data, MAX_SCANS)).width == 16
    error = refusal(with_scans(data, MAX_SCANS + 1), float("inf"))
    assert (error.reason, "101 scans" in str(error)) == ("too_costly", True)


def test_scans_count_in_a_jpeg_that_is_too_odd_to_be_walked_through() -> None:
    data = with_scans(encoded("JPEG", 16, progressive=True), 500)
    # any number of bytes of 0xFF may stand in front of a marker
    odd = data[:2] + b"\xff" * 100 + data[2:]
    assert refusal(odd, float("inf")).reason == "too_costly"


def test_the_message_names_scans_where_there_are_several() -> None:
    with pytest.raises(PictureError, match="10,000 pixels of JPEG in 10 scans are as much work"):
        check_cost("JPEG", 10_000, encoded("JPEG", progressive=True), 10_001)
