"""Tables of texts: separated by commas, semicolons or tabs, or as sha256sum writes them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TypeAlias

from lookalike.interchange import lines
from lookalike.interchange.file import DumpFile
from shards.errors import DumpUnreadable

Cells: TypeAlias = Sequence[str]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

DELIMITERS = ("\t", ";", ",", "|")

CHECKSUM = re.compile(rb"\\?(?:0[xX])?[0-9a-fA-F]+(?:  | \*)\S.*")
"""A line of sha256sum, which has a backslash in front where the name is escaped."""

_CHECKSUM = re.compile(r"(\\?)(\S+)(?:  | \*)(.+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SEPARATOR = re.compile(rb"sep=(.)\r?", re.IGNORECASE)


class Quoted(str):
    """A cell in quotes that would stand for no value without them."""

    __slots__ = ()


QUOTED_LINES = 100
"""Lines over which one record may go, if there are line breaks in its quotes."""


@dataclass(slots=True)
class Block:
    """Consecutive rows of a list."""

    rows: list[Cells] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """The number of the line where each row begins, from 1 on."""

    refused: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are no rows, and why."""

    left: list[str] = field(default_factory=list)
    """Lines at the end that begin a row of which more is to come."""

    is_open: bool = False
    """Whether the file ends behind the last row without the end of a line, so that the row may be cut off."""


Split: TypeAlias = Callable[[list[str], int, bool], Block]
"""What makes rows of lines: given the lines, the number of the first, and whether they are the last of the file."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a file."""

    file: DumpFile
    columns: tuple[str, ...]
    first: int
    """Number of the line where its rows begin, from 1 on."""

    split: Split

    def blocks(self, content: IO[bytes]) -> Iterator[Block]:
        """Yield all rows."""
        left: list[str] = []
        number = self.first
        reading = _Reading(content)
        is_open = False
        for first, block in lines.blocks(reading):
            # a last line without its end comes apart, after all was read; a carriage return is half of an end
            is_open = reading.is_over and not block[-1].endswith(b"\r")
            if first == 1:
                block[0] = block[0].removeprefix(BYTE_ORDER_MARK)
            # a line break in quotes may be both characters, so the first stays until it is known to be in none
            texts = [line.decode("utf-8", "surrogateescape") for line in block[max(self.first - first, 0) :]]
            if not texts:
                continue
            too_long = [at for at, text in enumerate(texts) if len(text) > lines.MAX_LINE // 4]
            for at in too_long:
                texts[at] = ""
            made = self.split(left + texts, number, False)
            made.refused += [
                (number + len(left) + at, f"has more than {lines.MAX_LINE // 4:,} characters") for at in too_long
            ]
            number += len(left) + len(texts) - len(made.left)
            left = made.left
            made.is_open = is_open and not left
            yield made
        if left:
            made = self.split(left, number, True)
            made.is_open = is_open
            yield made


@dataclass(slots=True)
class _Reading:
    """A file that knows whether all of it was read."""

    content: IO[bytes]
    is_over: bool = False

    def read(self, size: int) -> bytes:
        piece = self.content.read(size)
        self.is_over = not piece
        return piece


def open_table(file: DumpFile, given: tuple[str, ...] | None, null: str | None = None) -> Table:
    """Return the table in a file. `given`: its columns, where it has no header; `null`: what stands for no value.

    Lines in front that begin with # are comments. Raises DumpUnreadable.
    """
    head = file.head
    head = head.removeprefix(BYTE_ORDER_MARK)
    start, (first, _, head) = 1, head.partition(b"\n")
    marked = None
    while first.startswith(b"#") or (start == 1 and (marked := _SEPARATOR.fullmatch(first))):
        start, (first, _, head) = start + 1, head.partition(b"\n")
    if given is None and CHECKSUM.fullmatch(first.rstrip(b"\r")):
        return Table(file, ("hash", "name"), start, _checksums)
    delimiter = marked[1].decode("latin-1") if marked else _delimiter(first)
    split = _splitter(delimiter, null or "")
    header = split([first.rstrip(b"\r").decode("utf-8", "surrogateescape")], 1, True)
    if not header.rows:
        raise DumpUnreadable(f"{file.name}: the first line is no row of a table")
    names = tuple(cell.strip() for cell in header.rows[0])
    if given is None:
        if len(set(names)) < len(names):
            raise DumpUnreadable(f"{file.name}: two columns have one name: name them all with --columns")
        return Table(file, names, start + 1, split)
    # a header that says the same is none of the rows
    return Table(file, given, start + (names == given), split)


def _delimiter(line: bytes) -> str:
    """Return what separates the columns: what is there most often outside of quotes."""
    bare = re.sub(rb'"[^"]*"', b"", line)
    return max(DELIMITERS, key=lambda delimiter: bare.count(delimiter.encode()))


def _splitter(delimiter: str, null: str) -> Split:
    quoted = f'"{null}"'

    def split(texts: list[str], first: int, is_end: bool) -> Block:
        if any(quoted in text for text in texts):
            return _one_by_one(texts, first, is_end, delimiter, null)
        try:
            rows: list[Cells] = list(
                csv.reader([text.rstrip("\r") for text in texts], delimiter=delimiter, strict=True)
            )
        except csv.Error:
            return _one_by_one(texts, first, is_end, delimiter, null)
        if len(rows) < len(texts):
            # a row goes over several lines, or seems to
            return _one_by_one(texts, first, is_end, delimiter, null)
        if all(rows):
            return Block(rows, list(range(first, first + len(rows))))
        kept = [(row, number) for number, row in enumerate(rows, first) if row]
        return Block([row for row, _ in kept], [number for _, number in kept])

    return split


def _one_by_one(texts: list[str], first: int, is_end: bool, delimiter: str, null: str) -> Block:
    """Make rows of lines with quotes, each apart: where one is not closed, the next line is a row nevertheless."""
    block = Block()
    at = 0
    while at < len(texts):
        if not texts[at].rstrip("\r"):
            at += 1
            continue
        row, taken, problem = _row(texts[at : at + 1], delimiter)
        if row is None and '"' in texts[at]:
            row, taken, problem = _row(texts[at : at + QUOTED_LINES], delimiter)
            if row is None and not is_end and len(texts) - at < QUOTED_LINES:
                block.left = texts[at:]
                break
        if row is None:
            block.refused.append((first + at, f"is no row: {problem}"))
        else:
            text = "\n".join(texts[at : at + taken])
            # what stands for no value, in quotes, is a text
            block.rows.append(_with_quoted(row, text, delimiter, null) if null in row else row)
            block.lines.append(first + at)
        at += taken
    return block


def _row(texts: list[str], delimiter: str) -> tuple[Cells | None, int, str]:
    """Return the row that begins with these lines, how many of them it takes, and what is wrong where there is none."""
    reader = csv.reader([text + "\n" for text in texts], delimiter=delimiter, strict=True)
    try:
        row = next(reader)
    except csv.Error as error:
        return None, 1, str(error)
    return row, reader.line_num, ""


def _with_quoted(row: Cells, text: str, delimiter: str, null: str) -> Cells:
    """Return a row in which cells that are `null`, but in quotes in the text of the row, are `Quoted`."""
    cells, at = [], 0
    for cell in row:
        is_quoted = text.startswith('"', at)
        # the text of a cell is the cell, or the same in quotes with each of its quotes twice
        at += len(cell) + (2 + cell.count('"') if is_quoted else 0) + len(delimiter)
        cells.append(Quoted(cell) if is_quoted and cell == null else cell)
    return cells


def _checksums(texts: list[str], first: int, is_end: bool) -> Block:
    del is_end
    block = Block()
    for number, text in enumerate(texts, first):
        found = _CHECKSUM.fullmatch(text.rstrip("\r"))
        if found:
            name = _ESCAPED.sub(_unescaped, found[3]) if found[1] else found[3]
            block.rows.append((found[2], name))
            block.lines.append(number)
        elif text.strip():
            block.refused.append((number, "has no hash with two blanks and a name after it"))
    return block


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(found[1], found[1])
