"""When a photograph was taken, as its file says (EXIF 2.32): read from bounded pieces, without a decoder."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from shards.pictures.headers import jpeg_segments

APP1 = 0xE1
EXIF = b"Exif\0\0"
DATE_TIME, EXIF_IFD, DATE_TIME_ORIGINAL = 0x0132, 0x8769, 0x9003

ENTRIES = 512
"""Entries of a directory that are looked at."""

CHUNKS = 256
"""Chunks of a PNG or WebP that are looked at."""

DATE = re.compile(rb"(\d{4}):(\d\d):(\d\d)[ T](\d\d):(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file says of its photograph."""

    has_exif: bool

    at: str | None
    """Local time of the camera, as `2019-05-03T12:00:01`; None where the file does not say it."""


def read_taken(data: bytes) -> Taken:
    """Return what the beginning of this file says; of a PNG or WebP EXIF may come after the pixels."""
    try:
        block = _block(data)
        return Taken(block is not None, None if block is None else _date(block))
    except (struct.error, IndexError, ValueError):
        return Taken(False, None)


def _block(data: bytes) -> bytes | None:
    """Return the EXIF of a JPEG, PNG, WebP or TIFF: a TIFF by itself."""
    if data[:2] == b"\xff\xd8":
        for marker, position in jpeg_segments(data):
            if marker == APP1 and data[position + 2 : position + 8] == EXIF:
                (length,) = struct.unpack_from(">H", data, position)
                return data[position + 8 : position + length]
            if marker == 0xDA:
                return None
        return None
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _chunk(data, 8, b"eXIf", ">I4s", size_first=True)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _chunk(data, 12, b"EXIF", "<4sI", size_first=False)
        return None if found is None else found.removeprefix(EXIF)
    return data if data[:4] in (b"II*\0", b"MM\0*") else None


def _chunk(data: bytes, position: int, wanted: bytes, form: str, *, size_first: bool) -> bytes | None:
    for _ in range(CHUNKS):
        if position + 8 > len(data):
            return None
        parts = struct.unpack_from(form, data, position)
        size, name = parts if size_first else parts[::-1]
        if name == wanted:
            return data[position + 8 : position + 8 + size]
        # a PNG has four bytes of checksum behind each chunk; a WebP fills up to an even number
        position += 8 + size + (4 if size_first else size % 2)
    return None


def _date(block: bytes) -> str | None:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    (first,) = struct.unpack_from(order + "I", block, 4)
    texts = _texts(block, order, first)
    return texts.get(DATE_TIME_ORIGINAL) or texts.get(DATE_TIME)


def _texts(block: bytes, order: str, first: int) -> dict[int, str]:
    """Return the dates of the first directory and of the one of EXIF that it names."""
    found: dict[int, str] = {}
    directories = [first]
    for directory in directories:
        (entries,) = struct.unpack_from(order + "H", block, directory)
        for entry in range(min(entries, ENTRIES)):
            tag, _, count, value = struct.unpack_from(order + "HHII", block, directory + 2 + 12 * entry)
            if tag == EXIF_IFD and len(directories) == 1:
                directories.append(value)
            elif tag in (DATE_TIME, DATE_TIME_ORIGINAL) and count >= 19:
                match = DATE.match(block[value : value + 19])
                if match is not None and match[1] != b"0000":
                    year, month, day, hour, minute, second = (part.decode() for part in match.groups())
                    found[tag] = f"{year}-{month}-{day}T{hour}:{minute}:{second}"
    return found
