"""Pictures that are drawn and encoded for the tests of decoding."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from shards.pictures.decoding import PictureSettings

AS_STORED = PictureSettings(exif="ignore", alpha="drop", depth="clip")


def pixels(height: int = 40, width: int = 60, seed: int = 0) -> NDArray[np.uint8]:
    """Soft colours: what every lossy format keeps to within a few levels."""
    corners = np.random.default_rng(seed).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC))


def encoded(rgb: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)
    body = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(body, **options)
    else:
        image.save(body, kind, **options)
    return body.getvalue()
