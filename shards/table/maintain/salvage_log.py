"""What can still be read of a damaged log object: columns whose bytes match the CRC-32 in front of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.families import Family
from shards.storage.base import Data
from shards.table.format import archive
from shards.table.format.records import DELETE, FIXED, SHA256, Records
from shards.table.format.texts import Texts
from shards.table.maintain.reduced import filled
from shards.table.maintain.salvage import is_text

SIGNATURE = b"PK\x03\x04"
"""What the header of each column begins with."""


@dataclass(frozen=True, slots=True)
class SalvagedLog:
    """The records of a damaged log object."""

    records: Records
    """All of them, or none: a record needs every column."""

    reduced: Records
    """The same of images whose metadata, size or SHA-256 cannot be read: they are without."""

    lost: tuple[bytes, ...] = ()
    """Keys of images that cannot be read, but for their keys."""

    unknown: int = 0
    """Limit of the images of which not even the key can be read."""

    outdated: int = 0
    """Limit of the images that are found again in an older state, or although they were removed."""


def salvage_log(name: str, data: Data, families: Sequence[Family]) -> SalvagedLog:
    """Return what can be read of the log object `name`, whose bytes are these."""
    columns = _intact(memoryview(data).cast("B"))
    none = Records.none(families)
    # without the column nothing is known of the images' bytes; but of one that is damaged, its name is somewhere
    had_digests = f"{SHA256}.npy".encode() in bytes(data)
    less = filled(columns, had_digests=had_digests)
    try:
        found = Records.from_columns(columns if less is None else less, families, name)
        return SalvagedLog(found, none) if less is None else SalvagedLog(none, found)
    except CorruptObject:
        pass
    keys = _keys(columns)
    if keys is None:
        limit = _limit(len(data), families, had_digests=had_digests)
        rows = next((len(columns[column]) for column in FIXED if column in columns), limit)
        return SalvagedLog(none, none, unknown=rows, outdated=rows)
    lost = tuple(key for key, kind in zip(keys, columns["kind"].tolist(), strict=True) if kind != DELETE)
    return SalvagedLog(none, none, lost, outdated=len(keys))


def _intact(data: memoryview) -> dict[str, NDArray[Any]]:
    """Return the columns that are as they were written, by name, wherever they lie."""
    columns: dict[str, NDArray[Any]] = {}
    whole = bytes(data)
    at = whole.find(SIGNATURE)
    while at >= 0:
        end = at + len(SIGNATURE)
        try:
            member = archive.read_member(data[at : at + archive.MAX_HEADER], at, len(data))
        except ValueError:
            pass
        else:
            if zlib.crc32(data[member.content : member.end]) == member.crc:
                flat = np.frombuffer(data[member.offset : member.end], member.dtype)
                columns.setdefault(member.name, flat.reshape(member.shape))
                end = member.end
        at = whole.find(SIGNATURE, end)
    return columns


def _keys(columns: Mapping[str, NDArray[Any]]) -> list[bytes] | None:
    """Return the keys, one for each of the kinds; None where they cannot be read."""
    kinds, data, offsets = (columns.get(name) for name in ("kind", "key.data", "key.offsets"))
    if kinds is None or data is None or offsets is None:
        return None
    is_whole = (kinds.ndim, data.ndim, offsets.ndim) == (1, 1, 1) and len(offsets) == len(kinds) + 1
    if not is_whole or offsets[0] != 0 or int(offsets[-1]) != len(data) or (offsets[1:] < offsets[:-1]).any():
        return None
    keys = Texts(data, offsets).tolist()
    return keys if all(map(is_text, keys)) else None


def _limit(size: int, families: Sequence[Family], *, had_digests: bool) -> int:
    """Return the records that an object of so many bytes can have held, and one at least: what is gone may be all."""
    held = [FIXED[name] for name in FIXED if had_digests or name != SHA256]
    fixed = sum(np.dtype((dtype, shape)).itemsize for dtype, shape in held)
    return max(size // (fixed + sum(family.dtype.itemsize for family in families)), 1)
