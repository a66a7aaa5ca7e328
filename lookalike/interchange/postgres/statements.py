"""SQL as pg_dump writes it: one statement after the other, and the rows between COPY and its end.

A statement may hold anything inside of quotes, lines that look like other statements too. So quotes of every kind are
followed; what a statement means is not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from lookalike.interchange.file import DAMAGED, DumpFile
from shards.errors import DumpUnreadable

PIECE = 1 << 20
"""Bytes that are read at a time."""

MAX_STATEMENT = 256 << 20
"""Bytes of one statement, and of one row of a COPY: PostgreSQL itself takes no value of 1 GiB."""

DUMP = b"-- PostgreSQL database "
COMPLETE = DUMP + b"dump complete"
CLUSTER_COMPLETE = DUMP + b"cluster dump complete"
"""The comments with which pg_dump and pg_dumpall begin and end."""

_MARK = re.compile(rb"['\";$]|--|/\*")
_STRING = re.compile(rb"'(?:[^']|'')*'(?!')")
_STRING_WITH_ESCAPES = re.compile(rb"'(?:[^'\\]|''|\\.)*'(?!')", re.DOTALL)
_DOLLAR = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
_BEFORE = re.compile(rb"\s+|(?:--|\\)[^\n]*(?:\n|\Z)")
"""White space, comments, and commands of psql, such as `\\restrict`."""

_IS_ESCAPED = re.compile(rb"(?:^|[^A-Za-z0-9_$\x80-\xff])[eE]$")
_CONFORMING = re.compile(rb"SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?(on|off)", re.IGNORECASE)


class Statements:
    """Reads a file statement by statement. After a COPY … FROM stdin, `copy_blocks` or `skip_copy` comes next."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._buffer = b""
        self._at = 0
        self._is_over = False
        self.line = 1
        """Number of the line that is read next."""

        self.damage: Exception | None = None
        """Why the file could not be read to its end, where its packing is damaged or cut off."""

        self.strings_are_plain = True
        """Whether a backslash in '…' is a backslash: `standard_conforming_strings`."""

        self.is_cut = False
        """Whether the file ended within a statement, or within the rows of a COPY."""

        self.lacks_end = False
        """Whether pg_dump wrote its first comment, and not yet its last: a dump may be cut between two statements."""

    def next(self) -> tuple[int, bytes] | None:
        """Return (line, statement without its semicolon), or None at the end. Raises DumpUnreadable."""
        while True:
            found = _BEFORE.match(self._buffer, self._at)
            if found is not None and (found.end() < len(self._buffer) or self._is_over):
                self._note_comment(found[0])
                self._advance(found.end())
            elif self._at == len(self._buffer) and self._is_over:
                return None
            else:
                is_statement = found is None and self._at < len(self._buffer)
                if is_statement and (self._buffer.find(b"\n", self._at) >= 0 or not self._more()):
                    break
                if not is_statement:
                    self._more()
        line = self.line
        end = self._end()
        if end is None:
            self.is_cut = True
            statement = self._buffer[self._at :]
            self._advance(len(self._buffer))
        else:
            statement = self._buffer[self._at : end - 1]
            self._advance(end)
        changed = _CONFORMING.match(statement)
        if changed is not None:
            self.strings_are_plain = changed[1].lower() == b"on"
        return line, statement

    def _note_comment(self, text: bytes) -> None:
        if text.startswith(DUMP):
            self.lacks_end = text.rstrip() not in (COMPLETE, CLUSTER_COMPLETE)

    def copy_blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield (first line, whole lines) of the rows of a COPY, up to its end.

        A last line without an end is left out; `is_cut` says so, and `rest` holds it.
        """
        self._to_next_line()
        while True:
            end = self._copy_end()
            # the last whole line is followed by the end of the rows, or by a line that is not read yet
            whole = self._buffer.rfind(b"\n", self._at) + 1 if end is None else end
            if whole > self._at:
                start = self.line
                yield start, self._take(whole)
            elif end is not None and (self._buffer.find(b"\n", end) >= 0 or not self._more()):
                self._to_next_line()
                return
            elif end is None and not self._more():
                self.is_cut = True
                self.rest = self._take(len(self._buffer))
                return

    rest: bytes = b""
    """The line in which the file ended, where it ended within the rows of a COPY."""

    def skip_copy(self) -> None:
        """Skip the rows of a COPY."""
        for _ in self.copy_blocks():
            pass

    def _end(self) -> int | None:
        """Return the place behind the semicolon that ends the statement; None where the file ends before."""
        at = self._at
        while True:
            mark = _MARK.search(self._buffer, at)
            if mark is None or mark.end() == len(self._buffer):
                # a mark at the very end may be half of one
                if mark is not None and mark[0] == b";":
                    return mark.end()
                resume = mark.start() - self._at if mark is not None else max(len(self._buffer) - 1, at) - self._at
                if not self._more():
                    return None
                at = self._at + max(resume, 0)
                continue
            if mark[0] == b";":
                return mark.end()
            behind = self._behind(mark)
            if behind is None:
                start = mark.start() - self._at
                if not self._more():
                    return None
                at = self._at + start
            else:
                at = behind

    def _behind(self, mark: re.Match[bytes]) -> int | None:
        """Return the place behind what this mark begins; None where the buffer ends before."""
        buffer, start = self._buffer, mark.start()
        if mark[0] == b"'":
            has_escapes = not self.strings_are_plain or _IS_ESCAPED.search(buffer[max(start - 2, 0) : start])
            string = (_STRING_WITH_ESCAPES if has_escapes else _STRING).match(buffer, start)
            # a quote at the end of the buffer may be the first half of a doubled one
            return None if string is None or (string.end() == len(buffer) and not self._is_over) else string.end()
        if mark[0] == b"$":
            tag = _DOLLAR.match(buffer, start)
            if tag is None:
                return start + 1
            end = buffer.find(tag[0], tag.end())
            return None if end < 0 else end + len(tag[0])
        closing = {b'"': b'"', b"--": b"\n", b"/*": b"*/"}[mark[0]]
        end = buffer.find(closing, mark.end())
        return None if end < 0 else end + len(closing)

    def _to_next_line(self) -> None:
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if not self._more():
                self._advance(len(self._buffer))
                return
        self._advance(end + 1)

    def _copy_end(self) -> int | None:
        """Return where the line `\\.` begins, which ends the rows; None where it is not in the buffer."""
        if self._buffer.startswith(b"\\.", self._at):
            return self._at
        end = self._buffer.find(b"\n\\.", self._at)
        return None if end < 0 else end + 1

    def _take(self, end: int) -> bytes:
        taken = self._buffer[self._at : end]
        self._advance(end)
        return taken

    def _advance(self, to: int) -> None:
        self.line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    @property
    def position(self) -> int:
        """How many bytes of the file were read, as it is packed."""
        return DumpFile.position(self._file)

    def _more(self) -> bool:
        """Read on, and return whether there was anything. What was used up is dropped from the buffer."""
        if self._is_over:
            return False
        held = len(self._buffer) - self._at
        if held > MAX_STATEMENT:
            raise DumpUnreadable(
                f"{self._name}, line {self.line:,}: a statement or row of over {MAX_STATEMENT:,} bytes"
            )
        # twice as much each time, so that a long statement is not copied again and again
        try:
            piece = self._file.read(max(PIECE, held))
        except DAMAGED as error:
            self.damage, piece = error, b""
        self._is_over = not piece
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)
