"""What a decoder's complaint means, told to the sender of the bytes."""

from __future__ import annotations

import io
import struct

from shards.errors import PictureError
from shards.pictures.containers import ends_early
from shards.pictures.headers import JPEG_LS, has_no_pixels, jpeg_frame, read_header, tiff_number
from shards.pictures.kinds import Kind, kind_of

SAID_OF_SHORT_FILES = ("truncated", "Truncated", "not enough image data", "unexpected end", "Unexpected end")

SAID_OF_FORMS = (
    "nsupported", "not supported", "nimplemented", "not implemented", "not installed", "cannot handle", "unknown pixel",
    "Unknown pixel", "unknown data organization", "unknown PCX", "unknown TGA", "unknown/invalid compression",
    "Unknown BLP", "Unknown IPTC", "unable to determine J2K image mode",
)  # fmt: skip
"""Words in which Pillow, and the libraries below it, say that a file has a form that they do not read."""

ODD_JPEGS = frozenset(b"\xc5\xc6\xc7\xcb\xcd\xce\xcf\xf7")
"""Frame headers of JPEGs that no common decoder reads: hierarchical ones, lossless arithmetic ones, and JPEG-LS."""

ODD_TIFFS = {
    32766: "NeXT", 32809: "ThunderScan", 33003: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG", 34676: "SGILog",
    34677: "SGILog24", 34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
"""Compressions of TIFF that libtiff has only in some builds, or not at all; then it only says that decoding fails."""

LARGEST_SIDE = {"AVIF": 32_768}
"""Longest side that a library decodes, whatever the number of pixels."""

COMPRESSION = 259
"""The tag of TIFF that says how pixels are compressed."""


def refusal(error: Exception, data: bytes, max_pixels: int) -> PictureError:
    """Return the error that tells the sender of the bytes what a decoder's complaint means."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too_many_pixels", f"Pillow refuses to decode so many pixels ({error})")
    kind = kind_of(data)
    if isinstance(error, UnidentifiedImageError):
        if kind is None:
            return PictureError(
                "not_an_image",
                f"{len(data):,} bytes that begin like no picture format that is read here; "
                "send JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP or HEIC",
            )
        if kind.pillow is None:
            return PictureError("unsupported", f"this is {kind.name}, which is not read here: {kind.advice}")
        error = _complaint(kind.pillow, data) or error
    said = f"{type(error).__name__}: {error}".strip()[:200]
    stated = read_header(data)
    if stated is not None and stated.pixels > max_pixels:
        return PictureError(
            "too_many_pixels",
            f"{stated.width:,} × {stated.height:,} pixels, as its header states, are more than the {max_pixels:,} that "
            "are decoded; send a smaller copy",
        )
    if has_no_pixels(data):
        return PictureError("damaged", "its header states a width or a height of 0: there is no picture; save it anew")
    kind = kind or Kind("a picture")
    is_short = ends_early(data)
    form = None if is_short else _odd_form(kind, error, said, data)
    if form:
        message = f"this is {kind.name} in a form that is not read here ({form}): {kind.advice}"
        return PictureError("unsupported", message)
    if is_short or isinstance(error, EOFError | struct.error) or any(words in said for words in SAID_OF_SHORT_FILES):
        return PictureError(
            "truncated", f"the picture goes on after its {len(data):,} bytes ({said}); send the whole file"
        )
    return PictureError(
        "damaged", f"the {len(data):,} bytes begin like a picture but cannot be decoded ({said}); save it anew"
    )


def _complaint(name: str, data: bytes) -> Exception | None:
    """Return why Pillow does not open these bytes as this format: asked for any format, it does not say."""
    from PIL import Image

    if name not in Image.OPEN:
        return None
    factory, accepts = Image.OPEN[name]
    said = accepts(data[:16]) if accepts else True
    if isinstance(said, str):
        return ValueError(said)
    try:
        factory(io.BytesIO(data), "")
    except Exception as error:
        # Pillow raises a SyntaxError in place of some of those of its plugins
        cause = error.__cause__
        return cause if isinstance(cause, Exception) and str(cause) == str(error) else error
    return None


def _odd_form(kind: Kind, error: Exception, said: str, data: bytes) -> str | None:
    """Return in words the form of a file of this kind, which is read in other forms; None where all is well with it."""
    stated, side = read_header(data), LARGEST_SIDE.get(kind.pillow or "")
    if stated is not None and side is not None and max(stated.width, stated.height) > side:
        return f"{stated.width:,} × {stated.height:,} pixels, where a side has at most {side:,}"
    if kind.pillow == "JPEG":
        marker, bits = jpeg_frame(data)
        if marker in ODD_JPEGS:
            return "JPEG-LS" if marker == JPEG_LS else f"frames of kind SOF{marker - 0xC0}"
        if bits > 8:
            return f"{bits} bits a level"
    if kind.pillow == "TIFF":
        compression = tiff_number(data, COMPRESSION, 1)
        if error.args == (compression,) or (compression in ODD_TIFFS and "decoder error" in said):
            return f"compression {compression}, {ODD_TIFFS.get(compression, 'which nobody knows')}"
    if kind.pillow == "PSD" and isinstance(error, KeyError):
        return f"mode and bits a channel {error}"
    is_odd = isinstance(error, NotImplementedError) or any(words in said for words in SAID_OF_FORMS)
    return said if is_odd else None
