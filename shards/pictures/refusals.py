"""What a decoder's complaint means, told to the sender of the bytes."""

from __future__ import annotations

from shards.errors import PictureError
from shards.pictures.containers import ends_early, is_svg

SAID_OF_SHORT_FILES = ("truncated", "Truncated", "not enough image data", "unexpected end", "Unexpected end")


def refusal(error: Exception, data: bytes) -> PictureError:
    """Return the error that tells the sender of the bytes what a decoder's complaint means."""
    from PIL import Image, UnidentifiedImageError

    said = f"{type(error).__name__}: {error}".strip()[:200]
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too_many_pixels", f"Pillow refuses to decode so many pixels ({said})")
    if isinstance(error, EOFError) or any(words in said for words in SAID_OF_SHORT_FILES) or ends_early(data):
        return PictureError(
            "truncated", f"the picture goes on after its {len(data):,} bytes ({said}); send the whole file"
        )
    if isinstance(error, UnidentifiedImageError) and is_svg(data):
        return PictureError(
            "unsupported",
            "this is SVG, a drawing that has no pixels until a program renders it, each a little differently: render it"
            " to PNG as those of the index were, such as with 'cairosvg drawing.svg -o drawing.png', and send that",
        )
    if isinstance(error, UnidentifiedImageError):
        return PictureError(
            "not_an_image",
            f"{len(data):,} bytes that begin like no picture format that is read here; "
            "send JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP or HEIC",
        )
    return PictureError(
        "damaged", f"the {len(data):,} bytes begin like a picture but cannot be decoded ({said}); save it anew"
    )
