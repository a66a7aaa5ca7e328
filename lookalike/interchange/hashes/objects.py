"""Lists of hashes in JSON: an object of names and hashes, an array of objects, or an object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, Literal, TypeAlias

from lookalike.interchange import json_stream, lines
from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes.roles import HASH, hash_family
from lookalike.interchange.stored import RowUnfit
from shards.table.format import strict_json

Arrangement: TypeAlias = Literal["map", "list", "lines"]

KEY = "key"
"""The column with the names of an object of names and hashes."""

MAX_TOGETHER = 4 << 20
"""Bytes of rows that are held together: as parsed objects they are thirty times as many at worst."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of a list."""

    number: int
    """From 1 on."""

    content: Mapping[str, Any] | RowUnfit
    """Its fields, or why it is no row."""

    size: int = 0
    """Bytes of the text that it was parsed from."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects in a file, each of which is a row."""

    file: DumpFile
    arrangement: Arrangement

    def rows(self, content: IO[bytes]) -> Iterator[Row]:
        """Yield the rows. Raises json_stream.Malformed. Those of lines have the numbers of these, others their own."""
        if self.arrangement == "lines":
            for first, block in lines.blocks(content):
                for number, line in enumerate(block, first):
                    text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
                    if text and not text.isspace():
                        yield _object(number, text)
            return
        stream = json_stream.JsonStream(content)
        if self.file.head.startswith(BYTE_ORDER_MARK):
            content.read(len(BYTE_ORDER_MARK))
        if self.arrangement == "list":
            for number, _ in enumerate(stream.elements(), 1):
                yield _object(number, _taken(stream))
        else:
            for number, name in enumerate(stream.members(), 1):
                yield _named(number, name, _taken(stream))
        if stream.peek():
            raise json_stream.Malformed(f"line {stream.line}: something comes after the end")

    def place(self, number: int) -> str:
        """Return what the row of this number is called."""
        return f"line {number}" if self.arrangement == "lines" else f"entry {number:,}"


def arrangement(head: bytes, hash_name: str | None) -> Arrangement | None:
    """Return how objects are arranged in a file that begins so; None where it is no JSON."""
    head = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if head.startswith(b"["):
        return "list"
    if not head.startswith(b"{"):
        return None
    first, _, rest = head.partition(b"\n")
    try:
        row = strict_json.loads(first)
    except ValueError:
        return "lines" if rest.lstrip().startswith(b"{") else "map"
    if rest.lstrip().startswith(b"{"):
        return "lines"
    # a single line: a row, if its names are those of columns
    return "lines" if any(name == hash_name or hash_family(name) for name in row) or not row else "map"


def gathered(rows: Iterator[Row], most: int) -> Iterator[Row]:
    """Yield the next rows: so many at most, and no more than `MAX_TOGETHER` bytes."""
    size = 0
    for row in islice(rows, most):
        yield row
        size += row.size
        if size > MAX_TOGETHER:
            return


def _taken(stream: json_stream.JsonStream) -> bytes | None:
    text = stream.value()
    if text is None:
        stream.skip()
    return text


def _parsed(text: bytes | None) -> Any:
    if text is None or len(text) > lines.MAX_LINE:
        raise RowUnfit(f"has more than {lines.MAX_LINE:,} bytes")
    try:
        return strict_json.loads(text)
    except ValueError as error:
        raise RowUnfit(f"is no JSON: {error}") from None


def _object(number: int, text: bytes | None) -> Row:
    try:
        value = _parsed(text)
    except RowUnfit as error:
        return Row(number, error)
    size = len(text or b"")
    return Row(number, value if isinstance(value, dict) else RowUnfit("is no object with a name and a hash"), size)


def _named(number: int, name: str, text: bytes | None) -> Row:
    """Return a member of an object as a row: a hash, or an object of its own."""
    try:
        value = _parsed(text)
    except RowUnfit as error:
        return Row(number, error)
    content = {KEY: name} | value if isinstance(value, dict) else {KEY: name, HASH: value}
    return Row(number, content, len(text or b""))
