"""Rows of lists become rows of a dump, thousands at a time; where one is bad, it is looked at by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.dump import Batch, Refused
from lookalike.interchange.hashes.forms import QUALITY, HashReader, Words, digits_of
from lookalike.interchange.hashes.roles import Roles
from lookalike.interchange.hashes.tables import Quoted
from lookalike.interchange.stored import MAX_META, RowUnfit, key_of
from shards.families import Rows
from shards.families.hashes import Pdq
from shards.table.format import names
from shards.table.format.texts import Texts

T = TypeVar("T")

UNKNOWN_QUALITY = 100
"""Quality of a PDQ hash of which none is given: lists of known hashes hold reliable ones."""


@dataclass(slots=True)
class Columns:
    """Rows of a list, column by column."""

    numbers: Sequence[int]
    """Number of each row, by which its place is named, too."""

    keys: Sequence[str | None] | None
    """None where the hashes are their own keys."""

    hashes: Mapping[str, Sequence[str | None]]
    """By column; None where there is none, which is no error where all hashes of a row are."""

    quality: Sequence[str | None] | None = None
    meta: Sequence[bytes | RowUnfit] | None = None
    refused: Sequence[tuple[int, str]] = ()
    """Numbers of rows that could not be read, and why."""


@dataclass(slots=True)
class RowMaker:
    """Makes batches of columns."""

    roles: Roles
    place: Callable[[int], str]
    """What a row of this number is called."""

    without_quality: int = 0
    """How many rows had no quality so far."""

    _bad: dict[int, str] = field(default_factory=dict)

    def batch(self, columns: Columns) -> Batch:
        """Return these rows."""
        self._bad = {}
        rows = len(columns.numbers)
        empty = [at for at in range(rows) if all(texts[at] is None for texts in columns.hashes.values())]
        self._bad |= dict.fromkeys(empty, "")
        signatures = {}
        words: dict[str, Words] = {}
        if columns.quality is None and any(isinstance(reader.family, Pdq) for reader in self.roles.hashes.values()):
            columns = _with_quality(columns, self.roles)
        for column, reader in self.roles.hashes.items():
            words[column] = self._words(reader, columns.hashes[column])
            signatures[reader.family.name] = made = np.zeros(rows, reader.family.dtype)
            made["hash"] = words[column]
        if columns.quality is not None:
            signatures[Pdq.name]["quality"] = self._quality(columns.quality)
        if columns.keys is None:
            ((column, reader),) = self.roles.hashes.items()
            keys = _own_keys(words[column], reader)
        else:
            keys = self._keys(columns.keys)
        meta = self._meta(columns.meta)
        return self._without_bad(columns, keys, signatures, meta, len(empty))

    def _without_bad(
        self,
        columns: Columns,
        keys: list[bytes],
        signatures: Mapping[str, Rows],
        meta: list[bytes] | None,
        skipped: int,
    ) -> Batch:
        numbers = np.array(columns.numbers, np.uint64)
        refused = [(columns.numbers[at], reason) for at, reason in self._bad.items() if reason]
        if self._bad:
            good = np.ones(len(numbers), np.bool_)
            good[list(self._bad)] = False
            kept = good.tolist()
            numbers, keys = numbers[good], [key for key, is_good in zip(keys, kept, strict=True) if is_good]
            signatures = {name: rows[good] for name, rows in signatures.items()}
            meta = meta and [part for part, is_good in zip(meta, kept, strict=True) if is_good]
        told = [Refused(self.place(number), reason) for number, reason in sorted([*refused, *columns.refused])]
        return Batch(numbers, Texts.of(keys), signatures, Texts.of(meta) if meta else None, told, skipped)

    def _each(self, values: Sequence[T], take: Callable[[int, T], None]) -> None:
        """Take each value; rows whose value raises RowUnfit are bad."""
        for at, value in enumerate(values):
            if at not in self._bad:
                try:
                    take(at, value)
                except RowUnfit as error:
                    self._bad[at] = str(error)

    def _words(self, reader: HashReader, texts: Sequence[str | None]) -> Words:
        if None not in texts:
            many = reader.many(texts)  # type: ignore[arg-type]
            if many is not None:
                return many
        words: Words = np.zeros((len(texts), reader.family.dtype["hash"].shape[0]), np.uint64)

        def take(at: int, text: str | None) -> None:
            words[at] = reader.one(text or "")

        self._each(texts, take)
        return words

    def _keys(self, texts: Sequence[str | None]) -> list[bytes]:
        try:
            keys = [text.encode() for text in texts]  # type: ignore[union-attr]
        except (UnicodeEncodeError, AttributeError):
            keys = [b""] * len(texts)
        else:
            lengths = set(map(len, keys))
            if not lengths or 1 <= min(lengths) <= max(lengths) <= names.MAX_KEY_BYTES:
                return keys
        name = self.roles.key or ""

        def take(at: int, text: str | None) -> None:
            if text is None:
                raise RowUnfit(f"has no {name}, which becomes the key")
            keys[at] = key_of(text, name)

        self._each(texts, take)
        return keys

    def _quality(self, texts: Sequence[str | None]) -> NDArray[np.uint8]:
        values = np.full(len(texts), UNKNOWN_QUALITY, np.uint8)

        def take(at: int, text: str | None) -> None:
            stripped = (text or "").strip()
            if not stripped:
                self.without_quality += 1
            elif not stripped.isdecimal() or not stripped.isascii() or len(stripped) > 3 or int(stripped) > 100:
                raise RowUnfit(f"quality is {ascii(stripped)[:40]}; it is a whole number from 0 to 100")
            else:
                values[at] = int(stripped)

        self._each(texts, take)
        return values

    def _meta(self, parts: Sequence[bytes | RowUnfit] | None) -> list[bytes] | None:
        if parts is None or not any(parts):
            return None
        stored = [b""] * len(parts)

        def take(at: int, part: bytes | RowUnfit) -> None:
            if isinstance(part, RowUnfit):
                raise part
            stored[at] = part

        self._each(parts, take)
        return stored


def _with_quality(columns: Columns, roles: Roles) -> Columns:
    """Take the quality off behind PDQ hashes, where it is written there."""
    (name,) = [name for name, reader in roles.hashes.items() if isinstance(reader.family, Pdq)]
    texts, quality = list(columns.hashes[name]), [""] * len(columns.numbers)
    for at, text in enumerate(texts):
        if text and (found := QUALITY.search(text)):
            texts[at], quality[at] = text[: found.start()], found[1]
    return replace(columns, hashes={**columns.hashes, name: texts}, quality=quality)


def _own_keys(words: Words, reader: HashReader) -> list[bytes]:
    """Return hashes as keys: their hex digits, in small letters."""
    digits, whole = digits_of(reader.family), words.shape[1] * 16
    text = words.astype(">u8").tobytes().hex().encode()
    return [text[start + whole - digits : start + whole] for start in range(0, len(text), whole)]


def meta_of_columns(columns: Mapping[str, Sequence[str]], nulls: Collection[str]) -> list[bytes | RowUnfit]:
    """Return the metadata of each row as it is stored: texts by the names of their columns.

    A cell that is one of `nulls` has none. It is what `meta_bytes` gives, without its price of an object a row.
    """
    ordered = sorted(columns)
    prefixes = [encode_basestring(name) + ":" for name in ordered]
    return [_of_cells(prefixes, cells, nulls) for cells in zip(*(columns[name] for name in ordered), strict=True)]


def _of_cells(prefixes: Sequence[str], cells: Sequence[str], nulls: Collection[str]) -> bytes | RowUnfit:
    parts = [
        prefix + encode_basestring(cell)
        for prefix, cell in zip(prefixes, cells, strict=True)
        if cell not in nulls or isinstance(cell, Quoted)
    ]
    if not parts:
        return b""
    try:
        stored = f'{{"meta":{{{",".join(parts)}}}}}'.encode()
    except UnicodeEncodeError:
        return RowUnfit("metadata is not UTF-8")
    if len(stored) > MAX_META:
        return RowUnfit(f"metadata has {len(stored):,} bytes as JSON; it may have {MAX_META:,} at most")
    return stored


def text_of(value: Any) -> str | None:
    """Return a hash, a key or a quality of JSON as the text that a table would have; None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RowUnfit(f"{ascii(value)[:60]} is neither a text nor a number")
