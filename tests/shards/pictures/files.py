"""Files that no encoder here writes, made of their fields."""

from __future__ import annotations

import struct
import zlib

ZEROS = bytes(4000)


def tiff(
    samples: int = 1, bits: int = 8, form: int = 1, photometric: int = 1, compression: int = 1, side: int = 4
) -> bytes:
    """Return a black TIFF of `side` × 4 pixels. `form`: 1 whole numbers, 2 with a sign, 3 floats."""
    pairs = bits << 16 | bits
    many = 8 + 2 + 12 * 11 + 4
    values = struct.pack("<8H", *[bits] * 4, *[form] * 4)
    tags = [
        (256, 4, 1, side), (257, 4, 1, 4), (258, 3, samples, many if samples > 2 else pairs), (259, 3, 1, compression),
        (262, 3, 1, photometric), (273, 4, 1, many + 16), (277, 3, 1, samples), (278, 4, 1, 4), (279, 4, 1, len(ZEROS)),
        (338, 3, int(samples == 4), 2), (339, 3, samples, many + 8 if samples > 2 else form << 16 | form),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values + ZEROS


def bmp(bits: int = 24, compression: int = 0, width: int = 4, masks: bytes = b"") -> bytes:
    """Return a black BMP of `width` × 4 pixels."""
    start = 54 + len(masks) + (4 << bits if bits <= 8 else 0)
    size = struct.pack("<IHHI", start + len(ZEROS), 0, 0, start)
    head = struct.pack("<IiiHHIIiiII", 40, width, 4, 1, bits, compression, len(ZEROS), 0, 0, 0, 0)
    return (b"BM" + size + head + masks).ljust(start, b"\0") + ZEROS


def png(width: int = 4, height: int = 4, bits: int = 8) -> bytes:
    """Return a black PNG."""
    rows = zlib.compress(bytes((1 + 12 * width) * height))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)
        for name, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""),
        )
    )  # fmt: skip


def gif(width: int = 1, height: int = 1) -> bytes:
    """Return a GIF whose frame has one pixel."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x44\1\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame


def psd(mode: int = 3, bits: int = 8, version: int = 1) -> bytes:
    """Return a black Photoshop file of 4 × 4 pixels."""
    head = struct.pack(">H6sHIIHH", version, bytes(6), 3, 4, 4, bits, mode)
    return b"8BPS" + head + bytes(14) + ZEROS
