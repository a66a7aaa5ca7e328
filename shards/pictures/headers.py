"""Headers of picture files, read without a decoder: what a picture says of its size before anybody works at it.

Plain Python over bounded pieces of the bytes, so that a process which must not run decoders can plan with the result.
It is a claim: the decoder compares it with what it finds.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shards.pictures import jxl
from shards.pictures.containers import media_type

FILL = 64
"""Bytes of 0xFF in front of a marker that are looked at. Any number is allowed; encoders write one."""

MARKERS = 1000
"""Marker segments of a JPEG that are looked at in front of its first scan; the largest EXIF and colour profile that
there are take a few hundred of them."""

FEW_SCANS = 20
"""Scans up to which a JPEG's are not counted exactly: encoders write 10, those that optimise up to 14."""

WALKED = 2000
"""Marker segments of a JPEG that are looked at between its scans."""

BOXES = 1 << 16
"""Bytes in which the sizes of an AVIF or HEIC picture must stand, whose `meta` box comes before the pixels, and the
first frame of a GIF must begin."""

ENTRIES = 512
"""Entries of a TIFF directory that are looked at."""

AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The next marker behind the data of a scan, in which 0xFF is followed by 0 or a restart marker (ITU-T T.81, B.1.1)."""

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header: SOF0 to SOF15."""

JPEG_LS = 0xF7
"""Marker of the frame header of JPEG-LS (ITU-T T.87)."""

SEQUENTIAL = frozenset({0xC0, 0xC1})
"""Of these, frames whose first scan ends the picture where it has all components."""


@dataclass(frozen=True, slots=True)
class Header:
    """The size of a picture as its file states it."""

    kind: str
    """Pillow's name of the format."""

    width: int

    height: int

    scans: int = 1
    """Passes over the picture that a JPEG makes, or a few more."""

    @property
    def pixels(self) -> int:
        return self.width * self.height


def read_header(data: bytes | memoryview) -> Header | None:
    """Return what this file states; None where that cannot be told without a decoder."""
    header = _stated(bytes(data) if isinstance(data, memoryview) else data)
    return header if header is not None and header.pixels > 0 else None


def has_no_pixels(data: bytes) -> bool:
    """Return whether this file states a width or a height of 0."""
    header = _stated(data)
    return header is not None and header.pixels == 0


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker and the place of each segment of a JPEG that has a length, up to its end or that of the data."""
    position = 2
    try:
        for _ in range(MARKERS + WALKED):
            marker, position = _marker(data, position)
            if marker == 0xD9:
                return
            (length,) = struct.unpack_from(">H", data, position)
            yield marker, position
            position += length
            if marker == 0xDA:
                match = AFTER_SCAN.search(data, position)
                if match is None:
                    return
                position = match.start()
    except (struct.error, IndexError, ValueError):
        return


def jpeg_frame(data: bytes) -> tuple[int, int]:
    """Return of a JPEG the marker of its frame header, and the bits of a level; 0 where none is found."""
    for marker, position in jpeg_segments(data):
        if marker in FRAMES or marker == JPEG_LS:
            return marker, data[position + 2] if position + 2 < len(data) else 0
    return 0, 0


def tiff_number(data: bytes, tag: int, otherwise: int) -> int:
    """Return the single whole number of a tag in the first directory of a TIFF, or `otherwise` where there is none."""
    try:
        return _tiff_numbers(data).get(tag, [otherwise])[0]
    except struct.error:
        return otherwise


def _stated(data: bytes) -> Header | None:
    if jxl.is_jxl(data):
        stated = jxl.size(data)
        return None if stated is None else Header(jxl.FORMAT, *stated)
    reader = READERS.get(media_type(data[:512]) or "")
    if reader is None:
        return None
    try:
        return reader(data)
    except (struct.error, IndexError, ValueError):
        return None


def _jpeg(data: bytes) -> Header | None:
    position, frame, marker_of_frame = 2, None, 0
    for _ in range(MARKERS):
        marker, position = _marker(data, position)
        (length,) = struct.unpack_from(">H", data, position)
        if marker in FRAMES:
            if frame is not None:
                return None
            marker_of_frame, frame = marker, struct.unpack_from(">xxxHHB", data, position)
        elif marker == 0xDA:
            if frame is None:
                return None
            height, width, components = frame
            is_single = marker_of_frame in SEQUENTIAL and data[position + 2] == components
            return Header("JPEG", width, height, 1 if is_single else _scans(data, position + length))
        position += length
    return None


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """Return the marker at this position, and where its segment begins. Raises ValueError where there is none."""
    if data[position] != 0xFF:
        raise ValueError(position)
    end = position + FILL
    while data[position] == 0xFF and position < end:
        position += 1
    return data[position], position + 1


def _scans(data: bytes, position: int) -> int:
    """Return the number of scans, given the end of the first one's header: exactly, if there are more than a few."""
    most = 1 + data.count(b"\xff\xda", position)
    if most <= FEW_SCANS:
        return most
    scans = 1
    for _ in range(WALKED):
        match = AFTER_SCAN.search(data, position)
        if match is None or data[match.end() - 1] == 0xD9:
            return scans
        position, marker = match.end(), data[match.end() - 1]
        scans += marker == 0xDA
        if marker != 0x01:
            position += struct.unpack_from(">H", data, position)[0]
    return most


def _png(data: bytes) -> Header | None:
    if data[12:16] != b"IHDR":
        return None
    return Header("PNG", *struct.unpack_from(">II", data, 16))


def _gif(data: bytes) -> Header | None:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while data[position] == 0x21:
        position += 2
        while data[position] and position < BOXES:
            position += data[position] + 1
        position += 1
        if position > BOXES:
            return None
    if data[position] != 0x2C:
        return None
    # a frame may be larger than the screen, which then grows
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, position + 1)
    return Header("GIF", max(width, left + frame_width), max(height, top + frame_height))


def _webp(data: bytes) -> Header | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return Header("WEBP", 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    return None


def _boxes(kind: str) -> Callable[[bytes], Header | None]:
    def read(data: bytes) -> Header | None:
        # a property of each item of ISO/IEC 23008-12: the largest is the picture, the others its tiles and thumbnails
        sizes = [struct.unpack_from(">II", data, at.end() + 4) for at in re.finditer(b"\0\0\0\x14ispe", data[:BOXES])]
        return Header(kind, *max(sizes, key=lambda size: size[0] * size[1])) if sizes else None

    return read


def _bmp(data: bytes) -> Header | None:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", data, 18)
    return Header("BMP", width, abs(height))


def _tiff(data: bytes) -> Header | None:
    numbers = _tiff_numbers(data)
    width, height = numbers.get(256, []), numbers.get(257, [])
    # of a tag that is there twice, or in a form that nobody writes, decoders take what they like
    return Header("TIFF", width[0], height[0]) if len(width) == len(height) == 1 else None


def _tiff_numbers(data: bytes) -> dict[int, list[int]]:
    """Return the whole numbers that stand alone in tags of the first directory, each as often as it is there."""
    order = "<" if data[:2] == b"II" else ">"
    (position,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, position)
    numbers: dict[int, list[int]] = {}
    for entry in range(min(entries, ENTRIES)):
        tag, kind, count = struct.unpack_from(order + "HHI", data, position + 2 + 12 * entry)
        found = numbers.setdefault(tag, [])
        if kind in (3, 4) and count == 1:
            found += struct.unpack_from(order + ("H" if kind == 3 else "I"), data, position + 10 + 12 * entry)
        else:
            # neither this one nor another of its name is to be believed
            found += [0, 0]
    return numbers


READERS: dict[str, Callable[[bytes], Header | None]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/avif": _boxes("AVIF"),
    "image/heic": _boxes("HEIF"),
    "image/bmp": _bmp,
    "image/tiff": _tiff,
}
"""Readers by media type. Each may raise what reading too far raises."""
