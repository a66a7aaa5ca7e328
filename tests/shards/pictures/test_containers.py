"""What the first bytes of a file tell."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from shards.pictures.containers import media_type


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("MPO", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("PPM", None),
        ("PCX", None),
        ("TGA", None),
    ],
)
def test_only_what_browsers_show_has_a_media_type(kind: str, expected: str | None) -> None:
    data = encoded(kind)
    assert media_type(data) == media_type(data[:512]) == expected


@pytest.mark.parametrize("data", [b"", b"<html><script>alert(1)</script>", b"<svg/>", b"RIFF\0\0\0\0WAVE", b"\xff\xd8"])
def test_what_is_no_picture_has_none(data: bytes) -> None:
    assert media_type(data) is None


def test_heic_is_told_by_its_brand() -> None:
    assert media_type(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == "image/heic"
