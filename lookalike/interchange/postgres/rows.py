"""Rows of a table into batches: as COPY writes them, many at a time, or value by value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.dump import Batch, Refused
from lookalike.interchange.postgres.tables import Roles
from lookalike.interchange.postgres.values import Form, converter, many_signed, parse_hash
from shards.errors import KeyInvalid
from shards.families import Rows, family
from shards.table.format import names
from shards.table.format.records import meta_bytes
from shards.table.format.texts import Texts

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_IS_SPECIAL = np.zeros(256, bool)
"""(256,) bool: bytes that are not themselves in JSON or in COPY's text; tabs and line breaks only separate."""
_IS_SPECIAL[:32] = True
_IS_SPECIAL[[ord('"'), ord("\\")]] = True
_IS_SPECIAL[[ord("\t"), ord("\n")]] = False

NULL = r"\N"

SAMPLE = 1000
"""Rows by which the form of the hashes is told where nothing says the type of their column."""


@dataclass(slots=True)
class RowReader:
    """Makes batches of the rows of one table."""

    roles: Roles
    family: str
    form: Form
    codec: str
    null: str = NULL
    number: int = 0
    """Number of the next row."""

    _dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        self._dtype = family(self.family).dtype

    def copied(self, line: int, block: bytes) -> Iterator[Batch]:
        """Yield the rows of whole lines of COPY's text, the first of which has this number in the file.

        Plain lines come first, all at once; then those with escapes and those with something wrong.
        """
        if self.codec != "utf-8":
            block = self._recoded(block)
        lines = np.arange(block.count(b"\n"))
        plain = self._plain(block)
        if plain.any():
            some = block if plain.all() else b"\n".join([*compress(block.split(b"\n"), plain.tolist()), b""])
            batch = self._all_at_once(lines[plain] + self.number, some)
            if batch is None:
                plain[:] = False
            else:
                yield batch
        if not plain.all():
            split = block.split(b"\n")
            yield self._one_by_one(line, [(n, split[n]) for n in lines[~plain].tolist()])
        self.number += len(lines)

    def batch(self, given: Iterable[tuple[str, Sequence[str | None]]]) -> Batch:
        """Return rows of values, each with its place in the file."""
        made = _Making(self)
        for place, values in given:
            made.number = self.number
            made.add(place, values)
            self.number += 1
        return made.batch()

    def _plain(self, block: bytes) -> NDArray[np.bool_]:
        """Return (lines,) bool: whether each line is plain, without escapes, with the right number of columns.

        Nothing is where this table cannot be read many rows at a time.
        """
        codes = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        plain = np.zeros(len(ends), bool)
        is_text = all(converter(self.roles.types.get(name)) is str for name in self.roles.meta)
        if self.form != "signed" or len(self.roles.meta) > 1 or not is_text or self.null != NULL:
            return plain
        tabs = np.flatnonzero(codes == ord("\t"))
        plain[:] = np.diff(np.searchsorted(tabs, ends), prepend=0) == len(self.roles.columns) - 1
        plain[np.searchsorted(ends, np.flatnonzero(_IS_SPECIAL[codes]))] = False
        return plain

    def _all_at_once(self, numbers: NDArray[np.int64], block: bytes) -> Batch | None:
        """Return the rows of plain lines; None unless all of them can be taken."""
        try:
            block.decode()
        except UnicodeDecodeError:
            return None
        width = len(self.roles.columns)
        cells = block.replace(b"\n", b"\t").split(b"\t")
        cells.pop()
        hashes = many_signed(cells[self.roles.hash :: width])
        keys = cells[self.roles.key :: width]
        if hashes is None or not 1 <= min(map(len, keys)) <= max(map(len, keys)) <= names.MAX_KEY_BYTES:
            return None
        meta = None
        for name, at in self.roles.meta.items():
            before, after = meta_bytes({name: "\0"}, None).split(b"\\u0000")
            meta = Texts.of([before + text + after for text in cells[at::width]])
        return Batch(numbers.astype(np.uint64), Texts.of(keys), {self.family: self.rows_of(hashes)}, meta)

    def _one_by_one(self, line: int, lines: Sequence[tuple[int, bytes]]) -> Batch:
        """Return the rows of lines, each with its number from the line `line`, which is the first of the block."""
        made = _Making(self)
        for n, stored in lines:
            made.number = self.number + n
            place = f"line {line + n:,}"
            try:
                text = stored.removesuffix(b"\r").decode()
            except UnicodeDecodeError as error:
                made.refuse(place, f"is not UTF-8: {error.reason} at byte {error.start + 1:,}")
                continue
            cells = text.split("\t")
            if len(cells) != len(self.roles.columns):
                made.refuse(place, f"has {len(cells)} of {len(self.roles.columns)} columns")
                continue
            made.add(place, [None if cell == self.null else unescaped(cell) for cell in cells])
        return made.batch()

    def rows_of(self, hashes: NDArray[np.uint64]) -> Rows:
        """Return the signatures of these hashes."""
        rows = np.zeros(len(hashes), self._dtype)
        rows["hash"][:, 0] = hashes
        return rows

    def _recoded(self, block: bytes) -> bytes:
        # line by line where it fails, so that one bad row does not hide the others: what stays is no UTF-8
        try:
            return block.decode(self.codec).encode()
        except UnicodeDecodeError:
            return b"\n".join([self._recoded_line(line) for line in block.split(b"\n")])

    def _recoded_line(self, line: bytes) -> bytes:
        try:
            return line.decode(self.codec).encode()
        except UnicodeDecodeError:
            return line


class _Making:
    """A batch in the making, row by row."""

    def __init__(self, reader: RowReader) -> None:
        self.number = 0
        """Number of the row that comes next."""

        self._reader = reader
        self._converters = {name: converter(reader.roles.types.get(name)) for name in reader.roles.meta}
        self._numbers: list[int] = []
        self._keys: list[bytes] = []
        self._hashes: list[int] = []
        self._meta: list[bytes] = []
        self._refused: list[Refused] = []
        self._skipped = 0

    def refuse(self, place: str, reason: str) -> None:
        self._refused.append(Refused(place, reason))

    def add(self, place: str, values: Sequence[str | None]) -> None:
        """Take a row of values; None is NULL."""
        roles = self._reader.roles
        if len(values) != len(roles.columns):
            self.refuse(place, f"has {len(values)} of {len(roles.columns)} columns")
            return
        key, hash_text = values[roles.key], values[roles.hash]
        if hash_text is None:
            self._skipped += 1
            return
        if key is None:
            self.refuse(place, f"has no {roles.columns[roles.key]}, which is its key")
            return
        try:
            stored = names.key_bytes(key)
            bits = parse_hash(hash_text, self._reader.form)
            meta = {
                name: self._converters[name](value)
                for name, at in roles.meta.items()
                if (value := values[at]) is not None
            }
            packed = meta_bytes(self._whole(meta), None)
            packed.decode()
        except (ValueError, KeyInvalid) as error:
            self.refuse(place, str(error))
            return
        self._numbers.append(self.number)
        self._keys.append(stored)
        self._hashes.append(bits)
        self._meta.append(packed)

    def _whole(self, meta: dict[str, Any]) -> dict[str, Any]:
        """Return metadata of which the column `meta`, if it is JSON, is the object itself."""
        if self._reader.roles.types.get("meta") in ("json", "jsonb") and isinstance(meta.get("meta"), dict):
            return {**meta.pop("meta"), **meta}
        return meta

    def batch(self) -> Batch:
        reader = self._reader
        return Batch(
            np.array(self._numbers, np.uint64),
            Texts.of(self._keys),
            {reader.family: reader.rows_of(np.array(self._hashes, np.uint64))},
            Texts.of(self._meta) if any(self._meta) else None,
            self._refused,
            self._skipped,
        )


def sampled(block: bytes, roles: Roles, codec: str) -> list[str]:
    """Return the hashes of the first rows of COPY's text."""
    at, width = roles.hash, len(roles.columns)
    cells = [line.decode(codec, "replace").rstrip("\r").split("\t") for line in block.split(b"\n", SAMPLE)[:-1]]
    return [row[at] for row in cells if len(row) == width and row[at] != NULL]


def unescaped(cell: str) -> str:
    """Return a value of COPY's text form without its escapes."""
    return _ESCAPE.sub(_plain, cell) if "\\" in cell else cell


def _plain(found: re.Match[str]) -> str:
    escape = found[1]
    if escape[0] == "x" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    if escape[0] in "01234567":
        return chr(int(escape, 8) & 0xFF)
    return _ESCAPES.get(escape, escape)
