"""Records, column by column, in memory, in the log and in segments: all that an index knows of its keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, QueryError, SignatureError
from shards.families import Family, Row, Rows
from shards.table.format import names, strict_json
from shards.table.format.layout import check_rows
from shards.table.format.texts import Texts

PUT, DELETE = 0, 1

Order: TypeAlias = tuple[int, int]
"""(time in ns since 1970, tie-break), both 64 bits unsigned. Of all states of a key, the latest counts."""

UNDATED: Order = 0, 0
"""The order of a record whose order is not given yet: earlier than any other."""

FIXED: dict[str, tuple[str, tuple[int, ...]]] = {
    "key_hash": ("<u8", ()),
    "kind": ("u1", ()),
    "order": ("<u8", (2,)),
    "sha256": ("u1", (32,)),
    "width": ("<u4", ()),
    "height": ("<u4", ()),
}
"""Columns with one value a record: dtype and shape of the value."""

SHA256 = "sha256"
"""The column that segments and log objects may lack: then nothing is known of the bytes of their images."""

Part: TypeAlias = Literal["key", "meta"]
"""A column with one text a record, stored as `<part>.data` and `<part>.offsets`."""

PARTS: tuple[Part, ...] = ("key", "meta")


@dataclass(frozen=True, slots=True)
class Record:
    """One state of one key."""

    key: str
    order: Order
    deleted: bool = False

    sha256: bytes = bytes(32)
    """SHA-256 of the image's bytes; zeros where they are unknown."""

    width: int = 0
    """Pixels of the decoded picture."""

    height: int = 0
    """Pixels of the decoded picture."""

    meta: Mapping[str, Any] | None = None
    """The user's own JSON object."""

    source: Mapping[str, Any] | None = None
    """The place that the image was read from: path, size, mtime, ETag."""

    rows: Mapping[str, Row] | None = None
    """One signature for every family of the index; none for a deleted key."""

    thumbnail: bytes | None = None
    """A small WebP file, which is stored beside the records, not in them."""


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Many records, column by column, all in the same order."""

    fixed: Mapping[str, NDArray[Any]]
    """The columns of `FIXED`."""

    texts: Mapping[Part, Texts]
    """`key`, and `meta` as JSON: `{"meta": {…}, "source": {…}}`, each where there is one."""

    rows: Mapping[str, Rows]
    """The signatures of each family, one row a record (`layout`), zeros for a deleted key."""

    def __len__(self) -> int:
        return len(self.fixed["kind"])

    @classmethod
    def of(cls, records: Sequence[Record], families: Sequence[Family]) -> Records:
        rows: dict[str, Rows] = {}
        for family in families:
            rows[family.name] = column = np.zeros(len(records), family.dtype)
            for i, record in enumerate(records):
                if not record.deleted:
                    row = (record.rows or {}).get(family.name)
                    if row is None:
                        raise SignatureError(f"image {record.key!r} comes without a signature of family {family.name}")
                    column[i] = row
        return cls.build(
            keys=[record.key for record in records],
            order=np.array([record.order for record in records], np.uint64).reshape(-1, 2),
            rows=rows,
            kind=np.array([DELETE if record.deleted else PUT for record in records], np.uint8),
            sha256=np.frombuffer(b"".join([record.sha256 for record in records]), np.uint8).reshape(-1, 32),
            width=np.array([record.width for record in records], np.uint32),
            height=np.array([record.height for record in records], np.uint32),
            meta=[meta_bytes(record.meta, record.source) for record in records],
        )

    @classmethod
    def build(
        cls,
        *,
        keys: Sequence[str] | Texts,
        order: NDArray[np.uint64],
        rows: Mapping[str, Rows],
        kind: NDArray[np.uint8] | None = None,
        sha256: NDArray[np.uint8] | None = None,
        width: NDArray[np.uint32] | None = None,
        height: NDArray[np.uint32] | None = None,
        meta: Sequence[bytes] | Texts | None = None,
    ) -> Records:
        """Make records of whole columns, thousands at a time. Columns that are left out are zero or empty.

        As `Texts`, keys (UTF-8) and metadata (as `meta_bytes` gives it) need no Python object a record. Raises
        KeyInvalid, or QueryError for columns of another length.
        """
        n = len(keys)
        stored = keys if isinstance(keys, Texts) else Texts.of([names.key_bytes(key) for key in keys])
        if meta is None:
            meta = Texts.empty(n)
        elif not isinstance(meta, Texts):
            meta = Texts.of(meta)
        try:
            stored.check("key", n)
            meta.check("meta", n)
        except ValueError as error:
            raise QueryError(str(error)) from error
        if isinstance(keys, Texts):
            names.check_keys(keys)
        given = {
            "key_hash": names.key_hashes(stored),
            "kind": kind,
            "order": order,
            "sha256": sha256,
            "width": width,
            "height": height,
        }
        fixed: dict[str, NDArray[Any]] = {}
        for name, (dtype, shape) in FIXED.items():
            column = given[name]
            if column is not None:
                fixed[name] = np.ascontiguousarray(column, dtype)
            else:
                fixed[name] = unknown_sha256(n) if name == SHA256 else np.zeros((n, *shape), dtype)
            if fixed[name].shape != (n, *shape):
                raise QueryError(f"column {name} has shape {fixed[name].shape}, {n} records need {(n, *shape)}")
        for name, signatures in rows.items():
            check_rows(name, len(signatures), n)
        return cls(fixed, {"key": stored, "meta": meta}, rows)

    def take(self, rows: NDArray[Any]) -> Records:
        """Return these records, in this order. `rows`: integer positions."""
        at = np.asarray(rows, np.intp)
        if len(at) == len(self) and (at == np.arange(len(at))).all():
            return self
        return Records(
            {name: column[at] for name, column in self.fixed.items()},
            {part: texts.take(at) for part, texts in self.texts.items()},
            {name: column[at] for name, column in self.rows.items()},
        )

    @staticmethod
    def join(parts: Sequence[Records]) -> Records:
        """Return the records of all parts, of which there is at least one."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        return Records(
            {name: np.concatenate([part.fixed[name] for part in parts]) for name in first.fixed},
            {name: Texts.join([part.texts[name] for part in parts]) for name in first.texts},
            {name: np.concatenate([part.rows[name] for part in parts]) for name in first.rows},
        )

    @staticmethod
    def none(families: Iterable[Family]) -> Records:
        """Return no records."""
        return Records.build(
            keys=[], order=np.zeros((0, 2), np.uint64), rows={f.name: np.zeros(0, f.dtype) for f in families}
        )

    def key(self, i: int) -> str:
        return self.texts["key"][i].decode()

    def latest(self) -> Records:
        """Return one record a key, the one with the highest order, sorted by key hash."""
        return self.take(self.newest().rows)

    def newest(self) -> Newest:
        """Find the record with the highest order of each key."""
        order = self.fixed["order"]
        by = np.lexsort((order[:, 1], order[:, 0], self.fixed["key_hash"]))
        hashes = self.fixed["key_hash"][by]
        last = np.ones(len(by), bool)
        last[:-1] = hashes[1:] != hashes[:-1]
        # records that share a hash almost always have one key, but two keys may collide: compare the keys themselves
        older = np.flatnonzero(~last)
        ends = np.flatnonzero(last)
        ends = ends[np.searchsorted(ends, older)]
        if len(older):
            keys = self.texts["key"]
            is_same = keys.take(by[older]).equals(keys.take(by[ends]))
            if not is_same.all():
                self._part(by, older, ends, last)
        return Newest(by, last, older[~last[older]], ends[~last[older]])

    def _part(
        self, by: NDArray[np.intp], older: NDArray[np.intp], ends: NDArray[np.intp], last: NDArray[np.bool_]
    ) -> None:
        """Tell keys apart that share a hash: correct `last`, and in `ends` the place of the newest record of each key.

        `by`: the records by hash and order. `older`: the places there that another one with the hash follows.
        """
        newest: dict[bytes, int] = {}
        run = -1
        for n in range(len(older) - 1, -1, -1):
            place, end = int(older[n]), int(ends[n])
            if end != run:
                run, newest = end, {self.texts["key"][int(by[end])]: end}
            ends[n] = newest.setdefault(self.texts["key"][int(by[place])], place)
            last[place] = ends[n] == place

    def columns(
        self, rows: NDArray[np.intp] | None = None, *, partial: bool = False
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the columns to store: names and arrays, one at a time.

        `rows`: positions of the records to store, in this order; all unless given. `partial`: leave out the digests
        where those of all images are unknown.
        """
        kinds = self.fixed["kind"] if rows is None else self.fixed["kind"][rows]
        for name, column in self.fixed.items():
            some = column if rows is None else column[rows]
            if name != SHA256 or not partial or has_sha256(some, kinds):
                yield name, some
        for part, texts in self.texts.items():
            taken = texts if rows is None else texts.take(rows)
            yield f"{part}.offsets", taken.offsets
            yield f"{part}.data", taken.data
        for name, signatures in self.rows.items():
            yield name, signatures if rows is None else signatures[rows]

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]], families: Iterable[Family], name: str) -> Records:
        """Return the records that the object `name` stores as these columns. Raises CorruptObject."""
        families = list(families)
        if SHA256 not in columns and "kind" in columns:
            columns = {**columns, SHA256: unknown_sha256(len(columns["kind"]))}
        expected = {name: (np.dtype(dtype), shape) for name, (dtype, shape) in FIXED.items()}
        expected |= {family.name: (family.dtype, ()) for family in families}
        needed = [*expected, *(f"{part}.{kind}" for part in PARTS for kind in ("data", "offsets"))]
        missing = [column for column in needed if column not in columns]
        if missing:
            raise CorruptObject(name, f"has no column {', '.join(missing)}")
        rows = len(columns["kind"])
        for family in families:
            check_rows(family.name, len(columns[family.name]), rows, name)
        for column, (dtype, shape) in expected.items():
            if (columns[column].dtype, columns[column].shape) != (dtype, (rows, *shape)):
                found = f"{columns[column].dtype} {columns[column].shape}"
                raise CorruptObject(name, f"column {column} is {found}, {rows} records need {dtype} {(rows, *shape)}")
        records = cls(
            {name: columns[name] for name in FIXED},
            {part: Texts(columns[f"{part}.data"], columns[f"{part}.offsets"]) for part in PARTS},
            {family.name: columns[family.name] for family in families},
        )
        try:
            records.check()
        except ValueError as error:
            raise CorruptObject(name, str(error)) from error
        return records

    def check(self) -> None:
        """Raise ValueError for values that no record can have. Signatures are checked when they are asked with."""
        if (self.fixed["kind"] > DELETE).any():
            raise ValueError(f"column kind has a {self.fixed['kind'].max()}, and there are only {PUT} and {DELETE}")
        for part, texts in self.texts.items():
            texts.check(part, len(self))
        lengths = np.diff(self.texts["key"].offsets)
        if len(lengths) and not 1 <= lengths.min() <= lengths.max() <= names.MAX_KEY_BYTES:
            raise ValueError(
                f"a key has {lengths.min()} bytes, another {lengths.max()}; 1 to {names.MAX_KEY_BYTES:,} can be"
            )
        if (names.key_hashes(self.texts["key"]) != self.fixed["key_hash"]).any():
            raise ValueError("a key does not have the hash that stands beside it")
        self.texts["key"].check_utf8()


def unknown_sha256(records: int) -> NDArray[np.uint8]:
    """Return (records, 32) uint8, read-only: the column `sha256` where nothing is known. It takes no memory."""
    return np.broadcast_to(np.zeros(32, np.uint8), (records, 32))


def has_sha256(digests: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> bool:
    """Return False if these records are to be stored without their digests: no image's bytes are known.

    Deletes alone are no reason: a reader that does not know what their log object or segment lacks would refuse it.
    """
    return bool(digests.any()) or bool((kinds == DELETE).all())


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """The newest record of each key among many records."""

    by: NDArray[np.intp]
    """(records,) intp: the positions of all, sorted by key hash and order."""

    last: NDArray[np.bool_]
    """(records,) bool: True where the record of `by` is the newest of its key."""

    older: NDArray[np.intp]
    """(older,) intp: where in `by` the others are."""

    newer: NDArray[np.intp]
    """(older,) intp: where in `by` the newest record of the key of each of those is."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """(keys,) intp: the positions of the newest records, sorted by key hash."""
        return self.by if not len(self.older) else self.by[self.last]


def meta_bytes(meta: Mapping[str, Any] | None, source: Mapping[str, Any] | None) -> bytes:
    """Return metadata as stored: canonical JSON, so that the same record gives the same bytes."""
    document = {name: part for name, part in (("meta", meta), ("source", source)) if part}
    if not document:
        return b""
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise QueryError(f"metadata {dict(meta or {})!r} is not JSON: {error}") from error


def key_text(stored: bytes, name: str) -> str:
    """Return a key that the object `name` stores. Raises CorruptObject."""
    try:
        return stored.decode()
    except UnicodeDecodeError as error:
        raise CorruptObject(name, f"key {stored[:60]!r} is not UTF-8 ({error.reason})") from error


def meta_of(stored: bytes, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (the user's metadata, the source) from metadata that the object `name` stores. Raises CorruptObject."""
    try:
        document = strict_json.loads(stored) if stored else {}
    except ValueError as error:
        raise CorruptObject(name, f"metadata is not JSON ({error})") from error
    meta, source = (document.get(part, {}) if isinstance(document, dict) else None for part in ("meta", "source"))
    if not isinstance(meta, dict) or not isinstance(source, dict):
        raise CorruptObject(name, f"metadata {stored[:60]!r} is not an object with the objects meta and source")
    return meta, source
