"""Shared libraries without what only debuggers read.

Whoever builds wheels leaves symbols and lines of sources in them, an eighth of a package. A loader reads the program
headers and what they point at, and nothing else: so all else is cut, and whatever lies behind moves up. `strip` would
do the same, but that of this machine's processor does not know the libraries of Lambda's.

Source: System V ABI, "Object Files" and "Program Loading and Dynamic Linking"; 64 bits, little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

MAGIC = b"\x7fELF\x02\x01"
"""64 bits, little-endian."""

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
"""Of the file: its sixth field says where the program headers are, the seventh where those of the sections."""

PROGRAM = struct.Struct("<IIQQQQQQ")
"""A program header: type, flags, offset in the file, two addresses, bytes in the file, bytes in memory, alignment."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file that a loader reads, from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header. `offset` and `size`: in the file; zero bytes fill up what it has `in_memory`."""

    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    in_memory: int
    alignment: int

    def packed(self) -> bytes:
        return PROGRAM.pack(
            self.kind,
            self.flags,
            self.offset,
            self.address,
            self.physical,
            self.size,
            self.in_memory,
            self.alignment,
        )


def stripped(library: bytes) -> bytes:
    """The library without what no loader reads; what is no such library, as it is."""
    if not library.startswith(MAGIC):
        return library
    segments = segments_of(library)
    (*first, at, _, flags, size, width, count, _, _, _) = HEADER.unpack_from(library)
    # a page in memory is a page of the file: what moves, moves by whole pages
    page = max(one.alignment for one in segments)
    kept = joined(
        [
            Part(0, HEADER.size),
            Part(at, at + PROGRAM.size * len(segments)),
            *(Part(one.offset, one.offset + one.size) for one in segments if one.size),
        ]
    )
    written = bytearray()
    moves: list[tuple[Part, int]] = []
    for part in kept:
        gap = part.start - len(written) - (moves[-1][1] if moves else 0)
        up = (moves[-1][1] if moves else 0) + gap // page * page
        written += bytes(part.start - up - len(written)) + library[part.start : part.end]
        moves.append((part, up))

    def moved(offset: int) -> int:
        return next((offset - up for part, up in moves if part.start <= offset < part.end), offset)

    headers = b"".join(replace(one, offset=moved(one.offset) if one.size else 0).packed() for one in segments)
    written[moved(at) : moved(at) + len(headers)] = headers
    written[: HEADER.size] = HEADER.pack(*first, moved(at), 0, flags, size, width, count, 0, 0, 0)
    return bytes(written)


def segments_of(library: bytes) -> list[Segment]:
    """The program headers of a library."""
    at, count = struct.unpack_from("<Q", library, 32)[0], struct.unpack_from("<H", library, 56)[0]
    return [Segment(*PROGRAM.unpack_from(library, at + PROGRAM.size * n)) for n in range(count)]


def joined(parts: list[Part]) -> list[Part]:
    """Parts that touch, as one; by where they begin."""
    found: list[Part] = []
    for part in sorted(parts, key=lambda part: part.start):
        if found and part.start <= found[-1].end:
            found[-1] = Part(found[-1].start, max(found[-1].end, part.end))
        else:
            found.append(part)
    return found
