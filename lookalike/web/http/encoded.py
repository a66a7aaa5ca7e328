"""JSON documents that may carry pictures in base64.

Pictures are most of such a document, and text is little. So long strings are taken out before it is parsed, which costs
no more than finding the quotes; what is left is small, or refused.
"""

from __future__ import annotations

import binascii
import secrets
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from lookalike.web.http.forms import TEXT_BYTES, malformed
from lookalike.web.http.problems import Problem, validation

LONG = 1 << 10
"""Bytes from which a string is taken out of its document."""

CONTAINERS = 50_000
"""Lists and objects of a document. Python's collector of garbage looks at each of them several times."""

LONGEST_TEXT = 64 << 10
"""Bytes of a string that may be text; a longer one is a picture, or wrong."""

PIECE = 1 << 18
"""Bytes of base64 that are decoded at a time: the interpreter's lock is held meanwhile."""

VALUES = 100_000
"""Commas of a document besides its pictures: the values of an upload of hundreds of images, with their metadata."""

BACKSLASH, QUOTE = b'\\"'

MANY = 16
"""Backslashes in a row from which on they are counted for one quote at a time: in no honest document."""

ESCAPE = 6
"""Bytes of the longest escape in JSON, as in \\u002B."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A long string of a JSON document, as it stands there between its quotes."""

    raw: memoryview = field(repr=False)

    def __len__(self) -> int:
        return len(self.raw)

    def text(self) -> str:
        """Return the string. Raises Problem."""
        text: str = _parsed(b'"%b"' % bytes(self.raw))
        return text

    def decoded(self) -> bytes:
        """Return the bytes that the string stands for: base64, or a `data:` URL with base64. Raises Problem."""
        raw = self.raw
        if bytes(raw[:5]) == b"data:":
            head = bytes(raw[:LONG])
            raw = raw[head.find(b",") + 1 :] if b"," in head else raw[len(raw) :]
        decoded, rest = bytearray(), b""
        for at, stop in _pieces(raw):
            rest += _unescaped(bytes(raw[at:stop]))
            # groups of four characters; the last one, which alone may be padded, is decoded at the end
            whole = max(len(rest) - 1, 0) // 4 * 4
            decoded += _bytes(rest[:whole], is_last=False)
            rest = rest[whole:]
        return bytes(decoded + _bytes(rest, is_last=True))


def decoded(value: str | Encoded) -> bytes:
    """Return the bytes of base64, or of a `data:` URL with base64. Raises Problem."""
    return value.decoded() if isinstance(value, Encoded) else Encoded(memoryview(value.encode())).decoded()


def read(data: bytes) -> Any:
    """Parse a JSON document (RFC 8259). Strings that are too long for text become Encoded. Raises Problem."""
    mark = secrets.token_hex(8)
    small, cuts = _cut(data, mark)
    if small.count(b"[") + small.count(b"{") > CONTAINERS:
        raise malformed(f"a JSON document may have {CONTAINERS:,} lists and objects at most")
    if small.count(b",") > VALUES:
        raise malformed(f"a JSON document may have {VALUES:,} values at most")
    document = _parsed(small)
    return _restored(document, mark, cuts) if cuts else document


def _parsed(data: bytes) -> Any:
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise malformed(f"the body is not JSON: {error}") from error


def _cut(data: bytes, mark: str) -> tuple[bytes, list[Encoded]]:
    """Return the document with a mark in place of each long string, and these strings. Raises Problem."""
    quotes = _quotes(data)
    starts, ends = quotes[0 : len(quotes) // 2 * 2 : 2], quotes[1::2]
    are_long = ends - starts > LONG
    view = memoryview(data)
    pieces: list[bytes] = []
    cuts: list[Encoded] = []
    kept_to = 0
    for start, end in zip(starts[are_long].tolist(), ends[are_long].tolist(), strict=True):
        pieces += (data[kept_to : start + 1], f"{mark}{len(cuts)}".encode())
        cuts.append(Encoded(view[start + 1 : end]))
        kept_to = end
    small = b"".join((*pieces, data[kept_to:]))
    _check_size(len(small))
    return small, cuts


def _quotes(data: bytes) -> NDArray[np.int64]:
    """Return the places of all quotes that begin or end a string. Raises Problem for more text than may be.

    A document of millions of short strings must not cost a step of the interpreter for each: everybody else would wait
    for its lock.
    """
    codes = np.frombuffer(data, np.uint8)
    found = [np.empty(0, np.int64)]
    text, last = 0, -1
    for at in range(0, len(data), PIECE):
        quotes = np.flatnonzero(codes[at : at + PIECE] == QUOTE) + at
        if not len(quotes):
            continue
        after_backslash = (codes[np.maximum(quotes - 1, 0)] == BACKSLASH) & (quotes > 0)
        gaps = np.diff(quotes, prepend=last)
        last = int(quotes[-1])
        # no picture has a quote in it, or a backslash at its end: all that lies between near quotes is text
        text += int(gaps[(gaps <= LONG) | after_backslash].sum())
        _check_size(text)
        suspects = quotes[after_backslash]
        if len(suspects):
            quotes = np.setdiff1d(quotes, suspects[_backslashes(codes, suspects) % 2 == 1])
        found.append(quotes)
    return np.concatenate(found)


def _backslashes(codes: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many backslashes stand in a row before each of these places."""
    counts = np.zeros(len(places), np.int64)
    left = np.arange(len(places))
    while len(left):
        before = places[left] - counts[left] - 1
        left = left[(before >= 0) & (codes[before] == BACKSLASH)]
        counts[left] += 1
        if len(left) and counts[left[0]] == MANY:
            for one in left.tolist():
                row = codes[: places[one]][::-1]
                others = np.flatnonzero(row != BACKSLASH)
                counts[one] = others[0] if len(others) else len(row)
            break
    return counts


def _check_size(size: int) -> None:
    if size > TEXT_BYTES:
        raise Problem(
            413,
            "body-too-large",
            "The request is too large",
            f"a JSON document may have {TEXT_BYTES:,} bytes besides its pictures",
            help="Send fewer images at once, or the pictures themselves as the files of a form.",
        )


def _restored(value: Any, mark: str, cuts: list[Encoded]) -> Any:
    """Return the value with each long string in its place. Raises Problem."""
    if isinstance(value, str) and value.startswith(mark):
        encoded = cuts[int(value.removeprefix(mark))]
        return encoded if len(encoded) > LONGEST_TEXT else encoded.text()
    if isinstance(value, list):
        return [_restored(item, mark, cuts) for item in value]
    if isinstance(value, dict):
        for name in value:
            if name.startswith(mark):
                raise validation(f"a field's name may have {LONG:,} bytes at most")
        return {name: _restored(item, mark, cuts) for name, item in value.items()}
    return value


def _pieces(raw: memoryview) -> list[tuple[int, int]]:
    """Return where to cut a string into pieces, none in the middle of an escape."""
    pieces = []
    at = 0
    while at < len(raw):
        stop = min(at + PIECE, len(raw))
        if stop < len(raw):
            escape = bytes(raw[stop - ESCAPE : stop]).rfind(b"\\")
            stop -= ESCAPE - escape if escape >= 0 else 0
        pieces.append((at, stop))
        at = stop
    return pieces


def _unescaped(piece: bytes) -> bytes:
    """Return the characters of a piece of a string: some programs write / and + of base64 as escapes."""
    return piece if b"\\" not in piece else str(_parsed(b'"%b"' % piece)).encode()


def _bytes(characters: bytes, *, is_last: bool) -> bytes:
    try:
        if not is_last and b"=" in characters:
            raise binascii.Error("Discontinuous padding not allowed")
        return binascii.a2b_base64(characters, strict_mode=True)
    except ValueError as error:
        raise validation(f"image: invalid base64 ({error})", characters[:64].decode("latin-1")) from error
