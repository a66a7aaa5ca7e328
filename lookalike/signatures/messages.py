"""The answers of a worker, as bytes.

Fixed sizes and nothing that is interpreted: whoever loads a pickle runs what its writer wants, and the writer decodes
what strangers send. The reader knows what it has asked for, and takes nothing else.

- What is wrong with the picture: `E`, the reason as a word, 0, and the message as UTF-8.
- A picture: `P`, its width and height, the length of its thumbnail (all uint32), the thumbnail, and rows: of each
  orientation that of each family, in the order of the index.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lookalike.signatures.computed import ComputedPicture
from shards.errors import PictureError, SignatureError
from shards.families import Family, Row

Result: TypeAlias = ComputedPicture | PictureError

READY = b"ready"
"""Beginning of the first message of every worker: everything is loaded, it is confined and can begin. The names of the
layers of its confinement follow, each after a blank."""

READY_BYTES = 256
"""Most bytes of that message."""

HEAD = struct.Struct("<cIII")
"""Kind, width, height, and the thumbnail's length."""

REASON = re.compile(rb"[a-z_]{1,40}")

MESSAGE_BYTES = 2000
"""Most bytes of the message of an error."""

THUMBNAIL_BYTES = 4
"""Most bytes of a thumbnail for each of its pixels, and as many as a picture of one pixel has more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, so what an answer may be."""

    families: Sequence[Family]
    """Families of the signatures, none where only a thumbnail is wanted."""

    orientations: int
    """Number of orientations: 1 or 8."""

    thumbnail: int
    """Pixels of the thumbnail's longer side; 0 for none."""

    max_pixels: int
    """Pixels of the largest picture that is decoded."""

    @property
    def row_bytes(self) -> int:
        """Bytes of all rows together."""
        return self.orientations * sum(family.dtype.itemsize for family in self.families)

    @property
    def max_bytes(self) -> int:
        """Bytes of the longest answer."""
        return max(MESSAGE_BYTES + 64, HEAD.size + THUMBNAIL_BYTES * (self.thumbnail**2 + 1024) + self.row_bytes)


def write(result: Result) -> bytes:
    """Return the answer as bytes."""
    if isinstance(result, PictureError):
        # cut in the middle of a character, its beginning goes too
        said = str(result).encode(errors="replace")[:MESSAGE_BYTES].decode(errors="ignore").encode()
        return b"E" + result.reason.encode() + b"\0" + said
    thumbnail = result.thumbnail or b""
    rows = [row.tobytes() for signatures in result.orientations for row in signatures.values()]
    return b"".join([HEAD.pack(b"P", result.width, result.height, len(thumbnail)), thumbnail, *rows])


def read(data: bytes, wanted: Wanted, digest: bytes) -> Result:
    """Return the answer in these bytes, for a picture of this SHA-256. Raises ValueError where it is none."""
    try:
        return _error(data) if data[:1] == b"E" else _picture(data, wanted, digest)
    except (ValueError, struct.error, SignatureError) as error:
        raise ValueError(f"{len(data):,} bytes that are no answer of a worker") from error


def _error(data: bytes) -> PictureError:
    reason, end, said = data[1:].partition(b"\0")
    if not end or not REASON.fullmatch(reason) or len(said) > MESSAGE_BYTES:
        raise ValueError(data[:64])
    # it is shown in terminals, to which some characters are commands
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in said.decode())
    return PictureError(reason.decode(), text)


def _picture(data: bytes, wanted: Wanted, digest: bytes) -> ComputedPicture:
    kind, width, height, length = HEAD.unpack_from(data)
    thumbnail = data[HEAD.size : HEAD.size + length]
    if (
        kind != b"P"
        or not 0 < width * height <= wanted.max_pixels
        or len(data) != HEAD.size + length + wanted.row_bytes
        or bool(length) != bool(wanted.thumbnail)
        or (length and not _is_webp(thumbnail))
    ):
        raise ValueError(data[: HEAD.size])
    start, orientations = HEAD.size + length, list[Mapping[str, Row]]()
    for _ in range(wanted.orientations if wanted.families else 0):
        signatures = {}
        for family in wanted.families:
            signatures[family.name] = _row(data[start : start + family.dtype.itemsize], family)
            start += family.dtype.itemsize
        orientations.append(signatures)
    return ComputedPicture(width, height, digest, thumbnail or None, tuple(orientations))


def _row(data: bytes, family: Family) -> Row:
    """Return a signature. Raises ValueError and SignatureError where no picture has it."""
    row: Row
    (row,) = np.frombuffer(data, family.dtype)
    # the family says what it can be: its text form is what anybody may send
    if family.parse(family.format(row)).tobytes() != data:
        raise ValueError(family.name)
    return row


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 == len(data)
