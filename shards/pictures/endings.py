"""Files that were cut: ends for them, by which it can be seen whether pixels are missing.

Broken uploads and careless programs leave files without their last bytes, which often hold no pixel. Formats do not say
where the last pixel is, and decoders do not tell how far they came. So such a file is given several ends that differ in
all that a decoder could take for pixels: where they make no difference, none was missing.
"""

from __future__ import annotations

import re

from shards.pictures.headers import FRAMES, jpeg_segments

FILLS = tuple(bytes([byte]) * 64 for byte in (0x55, 0xAA, 0x3C, 0xE1))
"""Bytes that are codes of pixels to a JPEG's decoder wherever it stops, and no marker: four, since one or two may begin
with just the bits that a decoder makes up."""

END_OF_IMAGE = b"\xff\xd9"
RESTART = re.compile(rb"\xff([\xd0-\xd7])")

GIF_FILLS = (b"\0" * 600, b"\x01" * 600, b"\x55" * 600)
"""More bytes than a block of a GIF has, of three different colours."""


def endings(data: bytes) -> list[bytes]:
    """Return this file with one or more ends that it may have had; none where it is known that pixels are missing.

    Its pixels are there if the files that are returned have the same.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data) if _scans_are_there(data) else []
    if data[:4] == b"GIF8":
        return [data + fill for fill in GIF_FILLS]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"jP  ":
        return _jpeg_2000(data)
    return []


def _jpeg(data: bytes) -> list[bytes]:
    # half of the last marker may be there
    body = data.removesuffix(b"\xff")
    restarts = RESTART.findall(body)
    following = 0xD0 + (restarts[-1][0] + 1) % 8 if restarts else 0xD0
    # the rest of an interval, or a whole one, may be what is missing
    return [body + fill + END_OF_IMAGE for fill in (b"", *FILLS, bytes([0xFF, following]) + FILLS[0])]


def _scans_are_there(data: bytes) -> bool:
    """Return whether the scans of a JPEG, or their beginnings, hold each coefficient of each component to its last bit.

    Of one that was cut between two scans nothing else says that there was another.
    """
    components, missing = set[int](), set[tuple[int, int]]()
    for marker, place in jpeg_segments(data):
        if marker in FRAMES:
            count = data[place + 7]
            components = set(data[place + 8 : place + 8 + 3 * count : 3])
            missing = {(component, k) for component in components for k in range(64)}
        elif marker == 0xDA:
            count = data[place + 2]
            start, end, bits = data[place + 3 + 2 * count : place + 6 + 2 * count]
            if not bits & 15:
                scanned = data[place + 3 : place + 3 + 2 * count : 2]
                missing -= {(component, k) for component in scanned for k in range(start, end + 1)}
    return bool(components) and not missing


def _webp(data: bytes) -> list[bytes]:
    """Return the file up to its last whole part, if that has the picture, or the first frame of an animation."""
    start, end, has_picture = 12, 12, False
    while start + 8 <= len(data):
        name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        start += 8 + size
        if start > len(data):
            break
        has_picture |= name in (b"VP8 ", b"VP8L", b"ANMF")
        end, start = start, start + size % 2
    if not has_picture:
        return []
    parts = data[8:end] + b"\0" * (end % 2)
    return [data[:4] + len(parts).to_bytes(4, "little") + parts]


def _jpeg_2000(data: bytes) -> list[bytes]:
    """Return the file with the last of its two last bytes, which end the code, where its boxes say that they lack."""
    start = 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            return []
        start += size
    lacking = start - len(data)
    return [data + END_OF_IMAGE[2 - lacking :]] if 0 < lacking <= 2 else []
