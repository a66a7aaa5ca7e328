"""Encoded pictures that are much work."""

from __future__ import annotations

import io

from PIL import Image


def black(side: int) -> bytes:
    """Return a small file of very many pixels: a second's work."""
    encoded = io.BytesIO()
    Image.new("L", (side, side)).save(encoded, "PNG")
    return encoded.getvalue()
