"""JPEG XL, which is read by an extra: its header, and its decoder.

The decoder decodes all pixels as soon as a file is opened, so the size is read before, from the header
(ISO/IEC 18181-1, SizeHeader).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from shards.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"

FORMAT = "JXL"
"""The format's name in Pillow."""

SIDE_BITS = (9, 13, 18, 30)
"""Bits of a side, by the number in front of it."""

RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Widths by height, by the number in the header; 0 stands for a width of its own."""

BOXES = 64
"""Boxes of a container that are looked at: the picture comes after a few of metadata."""


def is_jxl(data: bytes) -> bool:
    """Return whether this file is JPEG XL, by its first bytes."""
    return data.startswith((CODESTREAM, CONTAINER))


def size(data: bytes) -> tuple[int, int] | None:
    """Return width and height as the header states them; None where it does not."""
    stream = data if data.startswith(CODESTREAM) else _codestream(data)
    if stream is None or len(stream) < 3 or not stream.startswith(CODESTREAM):
        return None
    bits = _Bits(stream[2:16])
    is_small = bits.take(1)
    height = bits.side(is_small=is_small)
    ratio = bits.take(3)
    if ratio:
        across, down = RATIOS[ratio - 1]
        return height * across // down, height
    return bits.side(is_small=is_small), height


def prepare() -> bool:
    """Load the decoder, to work in one thread; return whether it is there."""
    try:
        from pillow_jxl import JpegXLImagePlugin
    except ImportError:
        return False
    JpegXLImagePlugin.DECODE_THREADS = 0
    return True


def pixels(data: bytes, max_pixels: int) -> int:
    """Return the number of pixels that the header states.

    Raises PictureError where there are none, or too many, and where the extra is missing.
    """
    if not prepare():
        raise PictureError("unsupported", "this is JPEG XL, which is read by an extra: pip install 'lookalike[jxl]'")
    stated = size(data)
    if stated is None:
        raise PictureError("damaged", "its header states no width and height: there is no picture; save it anew")
    width, height = stated
    if width * height > max_pixels:
        raise PictureError(
            "too_many_pixels",
            f"{width:,} × {height:,} = {width * height:,} pixels are more than the {max_pixels:,} that are decoded;"
            " send a smaller copy",
        )
    return width * height


def open_jxl(data: bytes) -> Image.Image:
    """Decode a picture of which `pixels` are known. Raises PictureError where that fails."""
    from pillow_jxl import JpegXLImagePlugin

    try:
        image: Image.Image = JpegXLImagePlugin.JXLImageFile(io.BytesIO(data))
    except RuntimeError as error:
        # whatever is wrong, its words are about how to build the library
        message = (
            f"the {len(data):,} bytes begin like JPEG XL but cannot be decoded, or are cut off; send the whole file"
        )
        raise PictureError("damaged", message) from error
    return image


def _codestream(data: bytes) -> bytes | None:
    """Return the beginning of the codestream in a container."""
    start = 0
    for _ in range(BOXES):
        length, name = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        if name == b"jxlc":
            return data[start + head : start + head + 16]
        if name == b"jxlp":
            # parts have a number first
            return data[start + head + 4 : start + head + 20]
        if length < head:
            return None
        start += length
    return None


class _Bits:
    """Bits of a codestream, the lowest of each byte first; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def side(self, *, is_small: int) -> int:
        return 8 * (1 + self.take(5)) if is_small else 1 + self.take(SIDE_BITS[self.take(2)])
