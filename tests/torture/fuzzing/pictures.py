"""Bytes of strangers that may be a picture: decoded, and signatures of every family computed of it."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence
from random import Random

import numpy as np

from lookalike import PictureError, PictureSettings
from lookalike.signatures.compute import compute_picture
from shards.families import family, names
from shards.pictures.costs import stated_cost
from tests.torture.fuzzing.target import Mutation, Target

SETTINGS = PictureSettings(max_bytes=1 << 16, max_pixels=1 << 18)

FAMILIES = [family(name) for name in names()]

REASONS = {
    "empty", "too_large_bytes", "too_many_pixels", "not_an_image", "unsupported", "truncated", "damaged", "too_costly",
}  # fmt: skip

PNG = b"\x89PNG\r\n\x1a\n"


def check(data: bytes) -> None:
    """Only PictureError, with a known reason; each signature has a text that is read as the same signature.

    What the header states, by which the work is planned, is no less than what is decoded.
    """
    stated, pixels = stated_cost(data, SETTINGS.max_pixels)
    assert pixels > 0
    assert 0 < stated < math.inf
    try:
        computed = compute_picture(data, FAMILIES, SETTINGS, thumbnail=16)
    except PictureError as error:
        assert error.reason in REASONS, error.reason
        assert len(str(error)) < 2_000
        return
    record = computed.record("key", (1, 0), None, None)
    assert record.rows is not None
    assert 0 < record.width * record.height <= SETTINGS.max_pixels
    assert record.width * record.height <= pixels, f"the header states {pixels:,} pixels, and there are more"
    for kind in FAMILIES:
        row = record.rows[kind.name]
        assert kind.parse(kind.format(row)) == row, kind.name


def seeds() -> Sequence[bytes]:
    """A small picture in every format that is read, in every mode that it has."""
    from PIL import Image

    rng = np.random.default_rng(1)
    rgb = Image.fromarray(rng.integers(0, 256, (12, 20, 3), np.uint8))
    forms: list[tuple[str, str, dict[str, object]]] = [
        ("JPEG", "RGB", {}), ("JPEG", "RGB", {"progressive": True}), ("JPEG", "L", {}), ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
        ("PNG", "RGB", {}), ("PNG", "P", {}), ("PNG", "RGBA", {}), ("PNG", "I;16", {}), ("PNG", "1", {}),
        ("PNG", "LA", {}),
        ("GIF", "P", {}), ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}), ("AVIF", "RGB", {"quality": 20}),
        ("TIFF", "RGB", {}), ("TIFF", "CMYK", {"compression": "tiff_lzw"}), ("TIFF", "F", {}), ("TIFF", "1", {}),
        ("TIFF", "RGB", {"compression": "jpeg"}), ("BMP", "RGB", {}), ("BMP", "P", {}), ("ICO", "RGBA", {}),
        ("PPM", "RGB", {}), ("TGA", "RGB", {"compression": "tga_rle"}), ("PCX", "P", {}), ("SGI", "RGB", {}),
        ("DDS", "RGBA", {}), ("ICNS", "RGBA", {}), ("JPEG2000", "RGB", {}), ("QOI", "RGB", {}), ("MSP", "1", {}),
        ("XBM", "1", {}), ("SPIDER", "F", {}),
    ]  # fmt: skip
    found = []
    for form, mode, options in forms:
        file = io.BytesIO()
        try:
            rgb.convert("I" if mode == "I;16" else mode).convert(mode).save(file, form, **options)
        except (KeyError, OSError, ValueError):
            continue  # this Pillow was built without it
        found.append(file.getvalue())
    frames = [rgb.rotate(90 * n) for n in range(3)]
    for form in ("GIF", "WEBP", "PNG"):
        file = io.BytesIO()
        frames[0].save(file, form, save_all=True, append_images=frames[1:])
        found.append(file.getvalue())
    return found


def mutate(data: bytes, plain: Mutation, random: Random) -> bytes:
    """Mutate bytes; the checksums of a PNG's chunks are right afterwards, mostly."""
    data = plain(data)
    return with_right_checksums(data) if data.startswith(PNG) and random.random() < 0.9 else data


def with_right_checksums(png: bytes) -> bytes:
    """Return the PNG with the CRC-32 that each chunk should have."""
    mended = bytearray(png)
    at = len(PNG)
    while at + 12 <= len(mended):
        size = int.from_bytes(mended[at : at + 4], "big")
        stop = at + 8 + size
        if stop + 4 > len(mended):
            break
        mended[stop : stop + 4] = zlib.crc32(mended[at + 4 : stop]).to_bytes(4, "big")
        at = stop + 4
    return bytes(mended)


TOKENS = (
    b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"acTL", b"fdAT", b"iCCP", b"eXIf", b"\xff\xd8\xff", b"\xff\xda", b"\xff\xc2",
    b"\xff\xc0", b"\xff\xe1", b"RIFF", b"VP8X", b"ANMF", b"ftypavif", b"ftypheic", b"II*\0", b"MM\0*", b"GIF89a",
)  # fmt: skip

TARGET = Target(check, seeds, TOKENS, mutate, longest=1 << 14)
