"""Pictures to put into the bucket, under all kinds of names."""

from __future__ import annotations

import io
from collections.abc import Mapping
from hashlib import sha256

from PIL import Image

from tests.lookalike.cli.drawing import cloud, png

NAMES = (
    "plain-{}.png",
    "with blanks {}.png",
    "a+b+{}.png",
    "über/grün-{}.png",
    "100%25 {}%.png",
    "😀/🦝 {}.png",
    "a&b=c?d#{}.png",
    "deep/er/still/{}.png",
)
"""Of objects; S3 sends them encoded as a form, and what is not undone exactly is another key."""


def pictures(prefix: str, count: int, first_seed: int) -> dict[str, bytes]:
    """So many pictures, no two alike, by the names of their objects."""
    return {
        f"{prefix}/" + NAMES[number % len(NAMES)].format(number): png(first_seed + number, 64)
        for number in range(count)
    }


def digests(drawn: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each."""
    return {key: sha256(data).hexdigest() for key, data in drawn.items()}


def reduced(data: bytes) -> bytes:
    """A smaller copy, as a JPEG file."""
    encoded = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.resize((48, 48)).save(encoded, "JPEG", quality=80)
    return encoded.getvalue()


def bitmap(megabytes: int) -> bytes:
    """A picture of so many MB, as cameras and scanners make them."""
    side = int((megabytes * 1e6 / 3) ** 0.5)
    encoded = io.BytesIO()
    cloud(6_000, side).save(encoded, "BMP")
    return encoded.getvalue()
