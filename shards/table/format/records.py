"""Records, column by column: what an index knows of its keys, in memory, in the log and in segments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError, SignatureError
from shards.families import Family, Row, Rows
from shards.table.format import names

PUT, DELETE = 0, 1

Order: TypeAlias = tuple[int, int]
"""(time in ns since 1970, tie-break), both 64 bits unsigned: the state with the highest order is a key's state."""

FIXED: dict[str, tuple[str, tuple[int, ...]]] = {
    "key_hash": ("<u8", ()),
    "kind": ("u1", ()),
    "order": ("<u8", (2,)),
    "sha256": ("u1", (32,)),
    "width": ("<u4", ()),
    "height": ("<u4", ()),
}
"""Columns of one value a row: dtype and shape."""

Part: TypeAlias = Literal["key", "meta"]
"""Columns of one text a row, each stored as `<part>.data` and `<part>.offsets`."""

PARTS: tuple[Part, ...] = ("key", "meta")


@dataclass(frozen=True, slots=True)
class Record:
    """What the index knows of one key.

    `meta` is the user's own JSON object; `source` says where the picture was read from (path, size, mtime, ETag).
    `rows` has one signature for every family of the index, none for a deleted key. `thumbnail`, a small WebP file, is
    stored beside the records, not in them.
    """

    key: str
    order: Order
    deleted: bool = False
    sha256: bytes = bytes(32)
    width: int = 0
    height: int = 0
    meta: Mapping[str, Any] | None = None
    source: Mapping[str, Any] | None = None
    rows: Mapping[str, Row] | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Byte strings end to end: string i is `data[offsets[i]:offsets[i + 1]]`.

    `data`: (bytes,) uint8. `offsets`: (n + 1,) uint64, rising from 0.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Texts:
        offsets = np.zeros(len(texts) + 1, np.uint64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> bytes:
        return self.data[int(self.offsets[i]) : int(self.offsets[i + 1])].tobytes()

    def tolist(self) -> list[bytes]:
        data, offsets = self.data.tobytes(), self.offsets.tolist()
        return [data[start:stop] for start, stop in pairwise(offsets)]

    def take(self, rows: NDArray[np.intp]) -> Texts:
        starts = self.offsets[rows].astype(np.int64)
        lengths = self.offsets[rows + 1].astype(np.int64) - starts
        offsets = np.zeros(len(rows) + 1, np.uint64)
        np.cumsum(lengths, out=offsets[1:])
        # byte j of the result comes from where its text starts, plus how far into the text it is
        within = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1].astype(np.int64), lengths)
        return Texts(self.data[np.repeat(starts, lengths) + within], offsets)

    @staticmethod
    def join(parts: Sequence[Texts]) -> Texts:
        starts = np.cumsum([0, *(len(part.data) for part in parts)]).astype(np.uint64)
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=False)]
        return Texts(np.concatenate([part.data for part in parts]), np.concatenate([*offsets, starts[-1:]]))


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Many records. Every array has one element a record, in the same order.

    `fixed`: the columns of `FIXED`. `texts`: `key` and `meta` (JSON: `{"meta": {…}, "source": {…}}`, each where
    there is one). `rows`: the signatures of each family, zeros for a deleted key.
    """

    fixed: Mapping[str, NDArray[Any]]
    texts: Mapping[Part, Texts]
    rows: Mapping[str, Rows]

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
        keys: Sequence[str],
        order: NDArray[np.uint64],
        rows: Mapping[str, Rows],
        kind: NDArray[np.uint8] | None = None,
        sha256: NDArray[np.uint8] | None = None,
        width: NDArray[np.uint32] | None = None,
        height: NDArray[np.uint32] | None = None,
        meta: Sequence[bytes] | None = None,
    ) -> Records:
        """Records from whole columns, for those who bring thousands. What is left out is zero or empty."""
        n = len(keys)
        stored = [names.key_bytes(key) for key in keys]
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
            fixed[name] = np.zeros((n, *shape), dtype) if column is None else np.ascontiguousarray(column, dtype)
            if fixed[name].shape != (n, *shape):
                raise QueryError(f"column {name} has shape {fixed[name].shape}, {n} records need {(n, *shape)}")
        for name, signatures in rows.items():
            if len(signatures) != n:
                raise QueryError(f"column {name} has {len(signatures)} rows for {n} records")
        return cls(fixed, {"key": Texts.of(stored), "meta": Texts.of(meta or [b""] * n)}, rows)

    def take(self, rows: NDArray[Any]) -> Records:
        """These records, in this order. `rows`: integer positions."""
        at = np.asarray(rows, np.intp)
        return Records(
            {name: column[at] for name, column in self.fixed.items()},
            {part: texts.take(at) for part, texts in self.texts.items()},
            {name: column[at] for name, column in self.rows.items()},
        )

    @staticmethod
    def join(parts: Sequence[Records]) -> Records:
        """All of them in one. There must be at least one part."""
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
        """No records."""
        return Records.build(
            keys=[], order=np.zeros((0, 2), np.uint64), rows={f.name: np.zeros(0, f.dtype) for f in families}
        )

    def key(self, i: int) -> str:
        return self.texts["key"][i].decode()

    def latest(self) -> Records:
        """One record a key, the one with the highest order, sorted by key hash."""
        order = self.fixed["order"]
        by = np.lexsort((order[:, 1], order[:, 0], self.fixed["key_hash"]))
        hashes = self.fixed["key_hash"][by]
        last = np.ones(len(by), bool)
        last[:-1] = hashes[1:] != hashes[:-1]
        # rows that share a hash are almost always one key, but two keys may collide: ask the keys themselves
        shared = np.flatnonzero(~last)
        if shared.size:
            run_ends = np.flatnonzero(last)
            seen: set[bytes] = set()
            run = -1
            for i in shared[::-1].tolist():
                end = int(run_ends[np.searchsorted(run_ends, i)])
                if end != run:
                    run, seen = end, {self.texts["key"][int(by[end])]}
                key = self.texts["key"][int(by[i])]
                last[i] = key not in seen
                seen.add(key)
        return self.take(by[last])

    def columns(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """What to store: names and arrays, one at a time."""
        yield from self.fixed.items()
        for part, texts in self.texts.items():
            yield f"{part}.offsets", texts.offsets
            yield f"{part}.data", texts.data
        yield from self.rows.items()

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]], families: Iterable[Family]) -> Records:
        """The records that were stored as these columns."""
        return cls(
            {name: columns[name] for name in FIXED},
            {part: Texts(columns[f"{part}.data"], columns[f"{part}.offsets"]) for part in PARTS},
            {family.name: columns[family.name] for family in families},
        )


def meta_bytes(meta: Mapping[str, Any] | None, source: Mapping[str, Any] | None) -> bytes:
    """Metadata as stored: canonical JSON, so that the same record gives the same bytes."""
    document = {name: part for name, part in (("meta", meta), ("source", source)) if part}
    if not document:
        return b""
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise QueryError(f"metadata {dict(meta or {})!r} is not JSON: {error}") from error


def meta_of(stored: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the user's metadata, the source) from what is stored."""
    document = json.loads(stored) if stored else {}
    return document.get("meta", {}), document.get("source", {})
