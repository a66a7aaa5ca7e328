"""When a photograph was taken, as its file says."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shards.pictures.taken import Taken, read_taken


def dated(form: str, *, original: str | None = "2019:05:03 12:00:01", changed: str | None = None) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    if changed is not None:
        exif[0x0132] = changed
    if original is not None:
        exif.get_ifd(0x8769)[0x9003] = original
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_date_is_that_of_the_photograph(form: str) -> None:
    assert read_taken(dated(form)) == Taken(True, "2019-05-03T12:00:01")


def test_without_it_the_date_of_the_last_change_counts() -> None:
    for form in ("JPEG", "TIFF"):
        data = dated(form, original=None, changed="2020:01:02 03:04:05")
        assert read_taken(data) == Taken(True, "2020-01-02T03:04:05")
    both = dated("JPEG", changed="2020:01:02 03:04:05")
    assert read_taken(both).at == "2019-05-03T12:00:01"


def test_a_date_that_is_none_is_left_out() -> None:
    assert read_taken(dated("JPEG", original="0000:00:00 00:00:00")) == Taken(True, None)
    assert read_taken(dated("JPEG", original="yesterday, at about ")) == Taken(True, None)


def test_a_picture_without_exif_says_nothing() -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "JPEG")
    assert read_taken(file.getvalue()) == Taken(False, None)


@given(st.integers(0, 400), st.binary(max_size=8))
def test_damaged_bytes_raise_nothing(at: int, data: bytes) -> None:
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        whole = DATED[form]
        read_taken(whole[:at] + data + whole[at + len(data) :])
        read_taken(whole[:at])


DATED = {form: dated(form) for form in ("JPEG", "PNG", "WEBP", "TIFF")}
