"""Forms: the fields and files of a request's body, within limits that are checked before work is done for them.

Both readers take time in proportion to what they read, so they are called in a thread, and everything but files is
small. The parsers of Starlette run in the event loop, and take any number of empty fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lookalike.web.http.problems import Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

TEXT_BYTES = 1 << 20
"""Bytes of a form or a JSON document besides its pictures: the metadata of a thousand images."""

FIELDS = 1000
"""Fields of a form that are no files."""

CHUNK = 1 << 18
"""Bytes that are parsed at a time. Between two chunks other threads get their turn."""

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class File:
    """A file in a form."""

    data: bytes = field(repr=False)
    name: str


Fields: TypeAlias = list[tuple[str, str | File]]
"""Names and values, in the order of the form."""


def read_urlencoded(body: BinaryIO) -> Fields:
    """Return the fields of a form without files (WHATWG URL, section 5.1). Raises Problem."""
    data = body.read(TEXT_BYTES + 1)
    if len(data) > TEXT_BYTES:
        raise too_large("a form without files")
    if data.count(b"&") >= FIELDS:
        raise malformed(f"the form has more than {FIELDS:,} fields")
    # + and % are decoded by parse_qsl; bytes that are no UTF-8 become U+FFFD, as in a query
    return [*parse_qsl(data.decode("latin-1"), keep_blank_values=True)]


def read_multipart(body: BinaryIO, content_type: str, *, max_files: int) -> Fields:
    """Return the fields and files of a form (RFC 7578). Text is UTF-8 whatever its sender calls it. Raises Problem."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise malformed("the Content-Type of the form has no boundary")
    reader = _Reader(max_files)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        # what it finds wrong is in the answer, and strangers must not be able to fill the log
        parser.logger.disabled = True
        while not reader.is_at_end and (chunk := body.read(CHUNK)):
            reader.check(chunk, boundary)
            parser.write(chunk)
        if not reader.is_at_end:
            raise malformed("the form ends in the middle of a field")
    except FormParserError as error:
        raise malformed(f"the form is not valid: {error}") from error
    return reader.fields


class _Reader:
    """The callbacks of a parser, which collect the fields, and the counts of what they cost."""

    def __init__(self, max_files: int) -> None:
        self.fields: Fields = []
        self.is_at_end = False
        self._max_files = max_files
        self._files = 0
        self._delimiters = 0
        self._bytes = 0
        self._in_files = 0
        self._header = (bytearray(), bytearray())
        self._options: dict[bytes, bytes] = {}
        self._data = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_begin": self._on_header_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def check(self, chunk: bytes, boundary: bytes) -> None:
        """Refuse what would be dear to parse, before this chunk is parsed. Raises Problem."""
        # the parser holds a delimiter back that may have begun at the end of a chunk
        if self._bytes - self._in_files - 2 * len(boundary) > TEXT_BYTES:
            raise too_large("a form, besides its files,")
        self._bytes += len(chunk)
        # RFC 2046 lets no part contain a delimiter, so there is one for each part
        self._delimiters += chunk.count(b"\r\n--" + boundary)
        if self._delimiters > FIELDS + self._max_files:
            raise malformed(f"the form has more than {FIELDS + self._max_files:,} parts")

    def _on_part_begin(self) -> None:
        self._options = {}
        self._data = bytearray()

    def _on_header_begin(self) -> None:
        self._header = (bytearray(), bytearray())

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._options = parse_options_header(bytes(value))[1]

    def _on_headers_finished(self) -> None:
        if b"name" not in self._options:
            raise malformed("a part of the form has no name")
        if b"filename" in self._options:
            self._files += 1
            if self._files > self._max_files:
                raise malformed(f"the form has more than {self._max_files:,} files")
        elif len(self.fields) - self._files >= FIELDS:
            raise malformed(f"the form has more than {FIELDS:,} fields")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += memoryview(data)[start:end]
        if b"filename" in self._options:
            self._in_files += end - start

    def _on_part_end(self) -> None:
        name = _text(self._options[b"name"])
        file_name = self._options.get(b"filename")
        value = _text(bytes(self._data)) if file_name is None else File(bytes(self._data), _text(file_name))
        self.fields.append((name, value))
        self._data = bytearray()

    def _on_end(self) -> None:
        self.is_at_end = True


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def malformed(why: str) -> Problem:
    """Return the problem of a body that cannot be read."""
    return Problem(400, "bad-request", "The request cannot be read", why)


def too_large(what: str) -> Problem:
    """Return the problem of too much text."""
    return Problem(
        413,
        "body-too-large",
        "The request is too large",
        f"{what} may have {TEXT_BYTES:,} bytes at most",
        # curl --data-binary calls a picture a form
        help="A picture sent as the body needs its own Content-Type, or application/octet-stream.",
    )
