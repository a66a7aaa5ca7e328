"""The frame around columns: headers of a stored zip file with `.npy` members, read strictly.

Only what `columns.write` writes is accepted: uncompressed members one after the other, each with its sizes in front,
and a directory behind them that says the same. So no header can ask for more memory than its object has bytes, and what
we read is what any other zip reader reads.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shards.storage.base import Data
from shards.table.format import dtypes

MAX_HEADER = 1 << 13
"""Bytes that the headers of a member can have together: 64 fields with long names are 6 KB."""

MAX_MEMBERS = 1 << 10
"""Columns of an object: an index with every family has fewer than a hundred."""

MAX_DIRECTORY = MAX_MEMBERS << 9
"""Bytes that the directory behind the columns can have."""

MEMBER = re.compile(r"[!-.0-\[\]-~]{1,200}\.npy")
"""The name of a member. No slash, no backslash: whoever unpacks the file with another tool gets files in one folder."""

_LOCAL = struct.Struct("<4s5H3I2H")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_NPY = struct.Struct("<8sH")

_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_PLAIN, _LARGE = 20, 45
"""Versions needed to extract: of a stored member, and of one with ZIP64 sizes."""

_STAMP = (0, 0x21)
"""Time and date of every member: 1980-01-01, 00:00."""

_ZIP64 = 1
_UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Member:
    """One column in its file, as the headers in front of it say."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    header: int
    """First byte of its zip header."""

    content: int
    """First byte that its CRC-32 covers: the npy header."""

    offset: int
    """First byte of the array."""

    end: int
    """Byte after the last of the array."""

    crc: int
    """CRC-32 from `content` up to `end`."""


def is_member(head: Data) -> bool:
    """Return True if a member begins here, and not the directory."""
    return bytes(head[:4]) == b"PK\x03\x04"


def read_member(head: Data, at: int, size: int) -> Member:
    """Return the member whose headers begin at byte `at` of an object of `size` bytes.

    `head`: up to `MAX_HEADER` bytes from there on. Raises ValueError.
    """
    head = bytes(head[:MAX_HEADER])
    if len(head) < _LOCAL.size:
        raise ValueError(f"ends inside a header at byte {at:,}")
    signature, version, flags, method, *stamp, crc, packed, stored, named, extra = _LOCAL.unpack_from(head)
    name = _name(head[_LOCAL.size : _LOCAL.size + named], at)
    if signature != b"PK\x03\x04" or flags or method or tuple(stamp) != _STAMP or version not in (_PLAIN, _LARGE):
        raise ValueError(f"the header of {name} at byte {at:,} is none that lookalike writes")
    content = _LOCAL.size + named + extra
    sizes = _sizes(head[_LOCAL.size + named : content], packed, stored)
    if sizes is None or len(head) < content + _NPY.size:
        raise ValueError(f"the sizes of {name} at byte {at:,} contradict each other")
    magic, length = _NPY.unpack_from(head, content)
    begin = content + _NPY.size + length
    if magic != _NPY_MAGIC or begin > len(head):
        raise ValueError(f"column {name} at byte {at:,} has no npy header of version 1.0")
    text = head[content + _NPY.size : begin]
    if not text.isascii():
        raise ValueError(f"column {name} at byte {at:,} has an npy header that is no ASCII")
    dtype, shape = dtypes.from_header(text.decode("ascii"))
    end = at + content + sizes
    if end > size or end - at - begin != dtype.itemsize * math.prod(shape):
        raise ValueError(f"column {name} of {sizes:,} bytes at byte {at:,} cannot be {dtype} {shape}")
    return Member(name.removesuffix(".npy"), dtype, shape, at, at + content, at + begin, end, crc)


def _name(stored: bytes, at: int) -> str:
    name = stored.decode("latin-1")
    if MEMBER.fullmatch(name) is None:
        raise ValueError(f"the member at byte {at:,} has the name {name[:100]!r}, which no column has")
    return name


def _sizes(extra: bytes, packed: int, stored: int) -> int | None:
    """Return the bytes of a member, from its header or the ZIP64 part of `extra`; None where they contradict."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64 and length == 16 and len(extra) >= 20:
            return _large(extra, packed, stored)
        extra = extra[4 + length :]
    return stored if packed == stored != _UNKNOWN else None


def _large(extra: bytes, packed: int, stored: int) -> int | None:
    first, second = struct.unpack_from("<2Q", extra, 4)
    return first if first == second and (packed, stored) == (_UNKNOWN, _UNKNOWN) else None


def check_directory(tail: Data, members: Sequence[Member], at: int) -> None:
    """Raise ValueError unless the directory of an object says of these members what their own headers say.

    `tail`: all bytes behind the last member, which ends at byte `at`.
    """
    tail = bytes(tail)
    place = 0
    for member in members:
        if len(tail) < place + _ENTRY.size or tail[place : place + 4] != b"PK\x01\x02":
            raise ValueError(f"its directory lacks column {member.name}")
        _, _, _, flags, method, *_, crc, packed, stored, named, extra, comment, _, _, _, header = _ENTRY.unpack_from(
            tail, place
        )
        name = tail[place + _ENTRY.size :][:named]
        rest = tail[place + _ENTRY.size + named :][:extra]
        size = member.end - member.content
        said = _entry_values(rest, [stored, packed, header])
        if (name, flags, method, crc, comment) != (f"{member.name}.npy".encode(), 0, 0, member.crc, 0) or said != [
            size,
            size,
            member.header,
        ]:
            raise ValueError(f"its directory says something else of column {member.name} than the column's own header")
        place += _ENTRY.size + named + extra
    _check_end(tail[place:], len(members), at, place)


def _entry_values(extra: bytes, values: list[int]) -> list[int]:
    """Return size, packed size and place of a member; those that are large stand in the ZIP64 part of `extra`."""
    if _UNKNOWN not in values:
        return values
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64 and length % 8 == 0 and len(extra) >= 4 + length:
            large = list(struct.unpack_from(f"<{length // 8}Q", extra, 4))
            return [large.pop(0) if value == _UNKNOWN and large else value for value in values]
        extra = extra[4 + length :]
    return values


def _check_end(end: bytes, members: int, at: int, size: int) -> None:
    """Raise ValueError unless the file ends as a zip file with so many members and a directory there does."""
    if end[:4] == b"PK\x06\x06" and len(end) == _END64.size + _LOCATOR.size + _END.size:
        *_, here, total, directory, begin = _END64.unpack_from(end)
        locator = _LOCATOR.unpack_from(end, _END64.size)
        is_right = (here, total, directory, begin) == (members, members, size, at)
        if is_right and locator == (b"PK\x06\x07", 0, at + size, 1) and end[-_END.size :][:4] == b"PK\x05\x06":
            return
    elif len(end) == _END.size and _END.unpack(end) == (b"PK\x05\x06", 0, 0, members, members, size, at, 0):
        return
    raise ValueError("it does not end as a zip file of its members")
