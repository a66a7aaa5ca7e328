"""Lines of a file, in blocks, whatever their length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

PIECE = 1 << 18
"""Bytes read at a time. What is made of them stays in the L2 cache: with four times as many, documents take half as
long again. It is less than the longest line, so that a line is either whole or cut."""

MAX_LINE = 1 << 20
"""Bytes of the longest line that is read: a signature with 64 KiB of metadata is a tenth of it."""


class Readable(Protocol):
    """What can be read on."""

    def read(self, size: int, /) -> bytes:
        """Return the bytes that come next, at most so many; none at the end."""
        ...


def blocks(file: Readable) -> Iterator[tuple[int, list[bytes]]]:
    """Yield consecutive lines without their line feeds, and the number of the first of them, from 1 on.

    Of a line that is longer than `MAX_LINE`, the first `MAX_LINE` + 1 bytes are kept. The last line is yielded apart
    where no line feed ends it.
    """
    number, begun = 1, b""
    while piece := file.read(PIECE):
        lines = piece.split(b"\n")
        lines[0] = (begun + lines[0])[: MAX_LINE + 1] if len(begun) <= MAX_LINE else begun
        begun = lines.pop()
        if lines:
            yield number, lines
            number += len(lines)
    if begun:
        yield number, [begun]
