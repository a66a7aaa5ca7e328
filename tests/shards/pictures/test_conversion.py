"""Pictures of any mode in little memory."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from shards.pictures import conversion
from shards.pictures.decoding import PictureSettings, decode

PEAK = """
import sys
from shards.pictures.decoding import decode, prepare

def peak():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

prepare()
data = sys.stdin.buffer.read()
decode(data[: int(sys.argv[1])])
before = peak()
picture = decode(data[int(sys.argv[1]) :])
print((peak() - before) / (picture.width * picture.height))
"""
"""Prints the bytes a pixel that decoding takes, given the bytes of a small file, and the small file and another."""


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    body = io.BytesIO()
    image.save(body, kind)
    return body.getvalue()


def bytes_a_pixel(image: Image.Image, kind: str) -> float:
    small = encoded(image.resize((10, 10)), kind)
    program = [sys.executable, "-c", PEAK, str(len(small))]
    return float(subprocess.run(program, input=small + encoded(image, kind), capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not say what a process has used")
@pytest.mark.parametrize(
    ("mode", "kind", "most"),
    [
        # 3 of the picture, and what Pillow holds: a byte of a pixel of few colours, and 4 of one of many; the floats of
        # a strip of deep greys are one more of so small a picture
        ("1", "PNG", 4.5),
        pytest.param("P", "PNG", 4.5, marks=pytest.mark.long),
        pytest.param("L", "JPEG", 4.5, marks=pytest.mark.long),
        pytest.param("RGB", "JPEG", 7.5, marks=pytest.mark.long),
        pytest.param("I;16", "PNG", 6.5, marks=pytest.mark.long),
    ],
)
def test_a_small_file_of_many_pixels_takes_little_more_than_its_picture(mode: str, kind: str, most: float) -> None:
    assert 3 < bytes_a_pixel(Image.new(mode, (3000, 2000)), kind) < most


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
def test_a_picture_is_the_same_in_any_number_of_strips(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.random.default_rng(2).integers(0, 256, (37, 50, 4), np.uint8)
    image = Image.fromarray(levels)
    data = encoded(Image.fromarray(levels[..., 0].astype(np.uint16) * 200) if mode == "I;16" else image.convert(mode))
    whole = decode(data), decode(data, PictureSettings(alpha="drop", depth="clip"))
    for pixels in (1, 50, 170):
        monkeypatch.setattr(conversion, "STRIP", pixels)
        parts = decode(data), decode(data, PictureSettings(alpha="drop", depth="clip"))
        for one, other in zip(whole, parts, strict=True):
            assert np.array_equal(one.rgb, other.rgb)
            assert (one.opacity is None) == (other.opacity is None)
            assert one.opacity is None or np.array_equal(one.opacity, other.opacity)
