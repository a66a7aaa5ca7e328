"""What can still be read of a damaged segment: rows of which every byte is the one that was written."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, ObjectNotFound
from shards.families import Family
from shards.storage.base import Store
from shards.table.format import archive, names
from shards.table.format.columns import CHECK_BLOCK, CHECKS, Column, decode
from shards.table.format.manifest import Segment
from shards.table.format.placement import check_columns, check_family
from shards.table.format.records import DELETE, FIXED, PARTS, SHA256, Part, Records, meta_of, unknown_sha256
from shards.table.format.texts import Texts
from shards.table.maintain.reduced import DESCRIBING


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The rows of a damaged segment that count."""

    records: Records
    """Those that can be read: images, and deletes."""

    reduced: Records
    """Images whose metadata, size or SHA-256 cannot be read: they are without."""

    lost: tuple[bytes, ...]
    """Keys of images that cannot be read, but for their keys."""

    unknown: int
    """Number of images of which not even the key can be read."""

    is_whole: bool
    """True if every row can be read: what is damaged is only needed for searching, or is no column."""


def salvage(store: Store, segment: Segment, families: Sequence[Family], dead: NDArray[np.uint32]) -> Salvaged:
    """Return what can be read of a segment, without its `dead` rows. Raises StorageError where the store fails."""
    try:
        check_columns(segment)
        for family in families:
            check_family(segment, family)
        return _Remains(store, segment, families).rows(dead)
    except (ObjectNotFound, CorruptObject):
        none = Records.none(families)
        return Salvaged(none, none, (), segment.live, is_whole=False)


def records_of(store: Store, name: str, families: Sequence[Family]) -> Records | None:
    """Return the records of a whole segment that no manifest describes; None where it is damaged or no such segment."""
    try:
        data = store.get(name)
        columns = decode(name, data)
        # every byte is read for that: not of a file of any size that is no segment
        names.check_content(name, data)
        return Records.from_columns(columns, families, name)
    except (ObjectNotFound, CorruptObject):
        return None


class _Remains:
    """The columns of a damaged segment, and which of their bytes are right."""

    def __init__(self, store: Store, segment: Segment, families: Sequence[Family]) -> None:
        for name in (*(FIXED.keys() - {SHA256}), *(f"{part}.{kind}" for part in PARTS for kind in ("data", "offsets"))):
            if name not in segment.columns:
                raise CorruptObject(segment.name, f"the manifest knows no column {name!r} of it")
        self._store = store
        self._segment = segment
        self._families = families
        self._checks = self._stored_checks()
        self._first_check: dict[str, int] = {}
        blocks = 0
        for name, column in segment.columns.items():
            self._first_check[name] = blocks
            blocks += column.blocks

    def rows(self, dead: NDArray[np.uint32]) -> Salvaged:
        counts = np.ones(self._segment.rows, bool)
        counts[dead] = False
        kinds, good = self._fixed("kind")
        # young deletes have to be kept: which are young is known where all columns are
        wanted = counts | (good & (kinds == DELETE))
        fixed: dict[str, NDArray[Any]] = {"kind": kinds}
        is_right = {}
        describes = np.ones(len(counts), bool)
        for name in FIXED.keys() - {"kind"}:
            fixed[name], is_right[name] = self._fixed(name)
            if name in DESCRIBING:
                fixed[name] = np.where(is_right[name].reshape(-1, *[1] * (fixed[name].ndim - 1)), fixed[name], 0)
                describes &= is_right[name]
            else:
                good &= is_right[name]
        signatures: dict[str, NDArray[Any]] = {}
        for family in self._families:
            signatures[family.name], is_good = self._fixed(family.name)
            good &= is_good
        keys, has_key = self._texts("key")
        metas, has_meta = self._texts("meta")
        for row in np.flatnonzero(has_key & is_right["key_hash"]).tolist():
            has_key[row] = names.key_hash(keys[row]) == fixed["key_hash"][row] and is_text(keys[row])
        for row in np.flatnonzero(has_meta & good & wanted).tolist():
            try:
                meta_of(metas[row], self._segment.name)
            except CorruptObject:
                has_meta[row] = False
        good &= has_key
        # nothing describes a delete
        whole = good & ((describes & has_meta) | (kinds == DELETE))
        texts = {"key": keys, "meta": [meta if is_good else b"" for meta, is_good in zip(metas, has_meta, strict=True)]}

        def chosen(which: NDArray[np.bool_]) -> Records:
            rows = np.flatnonzero(which)
            return Records(
                {name: fixed[name][rows] for name in FIXED},
                {part: Texts.of([texts[part][row] for row in rows]) for part in PARTS},
                {name: column[rows] for name, column in signatures.items()},
            )

        bad = np.flatnonzero(counts & ~good)
        lost = tuple(keys[row] for row in bad.tolist() if has_key[row])
        return Salvaged(
            chosen(wanted & whole),
            chosen(counts & good & ~whole),
            lost,
            len(bad) - len(lost),
            is_whole=bool(good.all() and describes.all() and has_meta.all()),
        )

    def _stored_checks(self) -> NDArray[np.uint32] | None:
        """Return the checksums, if they are the ones that were written: their own is in their header."""
        column = self._segment.columns.get(CHECKS)
        if column is None:
            return None
        data = self._read(column)
        if len(data) != column.size or self._crc_of_header(CHECKS, data) is False:
            return None
        return np.frombuffer(data, "<u4")

    def _crc_of_header(self, name: str, data: bytes) -> bool:
        """Return True if the zip header of this column says the CRC-32 that its bytes have."""
        column = self._segment.columns[name]
        ends = [other.offset + other.size for other in self._segment.columns.values() if other.offset < column.offset]
        start = max(ends, default=0)
        head = bytes(self._store.get_ranges(self._segment.name, [(start, column.offset)])[0])
        try:
            member = archive.read_member(head, start, self._segment.size)
        except ValueError:
            return False
        return zlib.crc32(data, zlib.crc32(head[member.content - start :])) == member.crc

    def _read(self, column: Column) -> bytes:
        return bytes(self._store.get_ranges(self._segment.name, [(column.offset, column.offset + column.size)])[0])

    def _bytes(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return (bytes,) uint8 of a column, zeros where the file ends before, and the numbers of its bad blocks."""
        column = self._segment.columns[name]
        data = self._read(column)
        whole = np.zeros(column.size, np.uint8)
        whole[: len(data)] = np.frombuffer(data, np.uint8)
        if self._checks is None:
            is_good = len(data) == column.size and self._crc_of_header(name, data)
            return whole, np.empty(0, np.int64) if is_good else np.arange(column.blocks)
        first = self._first_check[name]
        view = memoryview(whole)  # type: ignore[arg-type]
        computed = [zlib.crc32(view[at : at + CHECK_BLOCK]) for at in range(0, column.size, CHECK_BLOCK)]
        stored = self._checks[first : first + column.blocks]
        return whole, np.flatnonzero(np.array(computed, np.uint32) != stored)

    def _fixed(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a column with one value a row, and (rows,) bool: which of them are right."""
        if name == SHA256 and name not in self._segment.columns:
            return unknown_sha256(self._segment.rows), np.ones(self._segment.rows, bool)
        column = self._segment.columns[name]
        data, bad = self._bytes(name)
        starts = np.arange(self._segment.rows, dtype=np.int64) * column.row_size
        values = data.view(column.dtype).reshape(column.shape) if column.size else np.empty(column.shape, column.dtype)
        return values, _is_good(starts, starts + column.row_size, bad)

    def _texts(self, part: Part) -> tuple[list[bytes], NDArray[np.bool_]]:
        """Return the texts of a column, and (rows,) bool: which of them are right."""
        offsets, is_there = self._places(part)
        data, bad = self._bytes(f"{part}.data")
        starts, stops = offsets[:-1].copy(), offsets[1:].copy()
        good = is_there & (starts <= stops) & (stops <= len(data))
        starts[~good] = stops[~good] = 0
        good &= _is_good(starts, stops, bad)
        text = data.tobytes()
        return [text[a:b] for a, b in zip(starts.tolist(), stops.tolist(), strict=True)], good

    def _places(self, part: Part) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        data, bad = self._bytes(f"{part}.offsets")
        at = np.arange(self._segment.rows, dtype=np.int64) * 8
        offsets = np.minimum(data.view("<u8"), np.uint64(1 << 62)).astype(np.int64)
        return offsets, _is_good(at, at + 16, bad)


def is_text(key: bytes) -> bool:
    """Return True if this is UTF-8, as every key is."""
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_good(starts: NDArray[np.int64], stops: NDArray[np.int64], bad: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) bool: True for spans of bytes that lie in no bad block."""
    first = np.searchsorted(bad, starts // CHECK_BLOCK, "left")
    last = np.searchsorted(bad, (np.maximum(stops, starts + 1) - 1) // CHECK_BLOCK, "right")
    return np.asarray((first == last) | (starts == stops))
