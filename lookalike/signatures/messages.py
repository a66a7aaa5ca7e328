"""The answers of a worker, as bytes.

Fixed sizes and nothing that is interpreted: whoever loads a pickle runs what its writer wants, and the writer decodes
what strangers send. The reader knows what it has asked for, and takes nothing else.

- What is wrong with the picture: `E`, the reason as a word, 0, and the message as UTF-8.
- A look (`shards.pictures.looks`): `L`, the picture's width and height, the bytes of the look (all uint32), and these.
- A picture: `P`, its width and height, the length of its thumbnail (all uint32), the thumbnail, and of each family its
  row. Then, where it is a question, a byte: 1 if it shows over black too, and each family's row of that follows, or 0;
  and of each orientation that of each family: a number of rows, in a byte, and those. Families come in the order of the
  index.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from typing import TypeAlias

import numpy as np

from lookalike.signatures.computed import ComputedPicture, asked_of
from shards.errors import PictureError, SignatureError
from shards.families import Family, Row, Rows
from shards.families.base import QUESTION_ROWS
from shards.pictures import looks
from shards.pictures.looks import Look

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
    """Number of orientations in which it is asked for: 1 or 8; 0 where it is a record."""

    thumbnail: int
    """Pixels of the thumbnail's longer side; 0 for none."""

    looked: bool = field(default=False, kw_only=True)
    """Whether a look alone is wanted."""

    max_pixels: int
    """Pixels of the largest picture that is decoded."""

    @property
    def asked(self) -> list[list[Family]]:
        """The families that are asked in each orientation."""
        return [asked_of(self.families, orientation) for orientation in range(self.orientations)]

    @property
    def max_bytes(self) -> int:
        """Bytes of the longest answer."""
        rows = sum(family.dtype.itemsize for family in self.families)
        # over two backgrounds, at most
        questions = sum(1 + 2 * QUESTION_ROWS * family.question_dtype.itemsize for family in chain(*self.asked))
        drawn = THUMBNAIL_BYTES * (self.thumbnail**2 + 1024)
        if self.looked:
            drawn += looks.size_of(looks.SIDE, looks.SIDE)
        return max(MESSAGE_BYTES + 64, HEAD.size + drawn + 2 * rows + 1 + questions)


def write(result: Result) -> bytes:
    """Return the answer as bytes."""
    if isinstance(result, PictureError):
        # cut in the middle of a character, its beginning goes too
        said = str(result).encode(errors="replace")[:MESSAGE_BYTES].decode(errors="ignore").encode()
        return b"E" + result.reason.encode() + b"\0" + said
    if result.look is not None:
        pixels = result.look.to_bytes()
        return HEAD.pack(b"L", result.width, result.height, len(pixels)) + pixels
    thumbnail = result.thumbnail or b""
    rows = [row.tobytes() for row in result.rows.values()]
    questions = [
        bytes([asked.size]) + asked.tobytes() for families in result.orientations for asked in families.values()
    ]
    over_black = [row.tobytes() for row in result.over_black.values()]
    background = [bytes([bool(over_black)]), *over_black] if questions else []
    head = HEAD.pack(b"P", result.width, result.height, len(thumbnail))
    return b"".join([head, thumbnail, *rows, *background, *questions])


def read(data: bytes, wanted: Wanted, digest: bytes) -> Result:
    """Return the answer in these bytes, for a picture of this SHA-256. Raises ValueError where it is none."""
    try:
        if data[:1] == b"E":
            return _error(data)
        return _look(data, wanted, digest) if wanted.looked else _picture(data, wanted, digest)
    except (ValueError, struct.error, SignatureError) as error:
        raise ValueError(f"{len(data):,} bytes that are no answer of a worker") from error


def _error(data: bytes) -> PictureError:
    reason, end, said = data[1:].partition(b"\0")
    if not end or not REASON.fullmatch(reason) or len(said) > MESSAGE_BYTES:
        raise ValueError(data[:64])
    # it is shown in terminals, to which some characters are commands
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in said.decode())
    return PictureError(reason.decode(), text)


def _look(data: bytes, wanted: Wanted, digest: bytes) -> ComputedPicture:
    kind, width, height, length = HEAD.unpack_from(data)
    pixels = data[HEAD.size :]
    if kind != b"L" or not 0 < width * height <= wanted.max_pixels or length != len(pixels):
        raise ValueError(data[: HEAD.size])
    return ComputedPicture(width, height, digest, None, look=Look.from_bytes(width, height, pixels))


def _picture(data: bytes, wanted: Wanted, digest: bytes) -> ComputedPicture:
    kind, width, height, length = HEAD.unpack_from(data)
    thumbnail = data[HEAD.size : HEAD.size + length]
    if (
        kind != b"P"
        or not 0 < width * height <= wanted.max_pixels
        or bool(length) != bool(wanted.thumbnail)
        or (length and not _is_webp(thumbnail))
    ):
        raise ValueError(data[: HEAD.size])
    rest = BytesIO(data[HEAD.size + length :])
    rows = {family.name: _row(rest, family) for family in wanted.families}
    shows = _exactly(rest, 1) if wanted.orientations else b"\0"
    if shows not in (b"\0", b"\1"):
        raise ValueError(data[: HEAD.size])
    over_black = {family.name: _row(rest, family) for family in wanted.families if shows == b"\1"}
    asked = tuple({family.name: _questions(rest, family) for family in families} for families in wanted.asked)
    if over_black and any(len(rows) % 2 for each in asked for rows in each.values()):
        # as many over each background
        raise ValueError(data[: HEAD.size])
    if rest.read(1):
        raise ValueError(data[: HEAD.size])
    return ComputedPicture(width, height, digest, thumbnail or None, rows, asked, over_black)


def _row(data: BytesIO, family: Family) -> Row:
    """Return a stored row. Raises ValueError and SignatureError where no picture has it."""
    row: Row
    (row,) = np.frombuffer(_exactly(data, family.dtype.itemsize), family.dtype)
    family.check_stored(row)
    return row


def _questions(data: BytesIO, family: Family) -> Rows:
    """Return the rows that ask a family for a picture. Raises ValueError and SignatureError where none is so asked."""
    (count,) = _exactly(data, 1)
    if not 1 <= count <= 2 * QUESTION_ROWS:
        raise ValueError(family.name)
    rows: Rows = np.frombuffer(_exactly(data, count * family.question_dtype.itemsize), family.question_dtype)
    for row in rows:
        family.check_question(row)
    return rows


def _exactly(data: BytesIO, size: int) -> bytes:
    """Return the next bytes, so many of them. Raises ValueError where there are fewer."""
    read = data.read(size)
    if len(read) != size:
        raise ValueError(f"{len(read)} of {size} bytes")
    return read


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 == len(data)
