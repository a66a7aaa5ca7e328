"""Columns as an uncompressed `.npz`: plain for `numpy.load`, and readable by byte range.

Members are uncompressed, and each array's bytes begin at a multiple of 64: the local header's extra field is padded
for that, as Android's zipalign does. The same columns give the same bytes.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.storage.base import Data
from shards.table.format import archive, dtypes

ALIGNMENT = 64
"""A cache line, and the widest vector register."""

CHECK_BLOCK = 1 << 14
"""Bytes that one checksum covers: a small read is rounded up to this, and checksums are 1/4096 of the data."""

CHECKS = "checks"
"""The column of checksums, uint32: CRC-32 of every `CHECK_BLOCK` bytes of every column before it, in order."""

ZIP64_FROM = 1 << 30
"""Bytes from which on a member gets a ZIP64 header, which is longer: the place of the data depends on it. zipfile would
use one only near 2 GB, by a rule of its own."""

_PAD_ID = 0xD935
_LOCAL_HEADER = 30
_ZIP64_EXTRA = 20


@dataclass(frozen=True, slots=True)
class Column:
    """The place of an array in its object."""

    offset: int
    """First byte of the array's own bytes, behind its header."""

    size: int
    """Bytes, without the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def row_size(self) -> int:
        """Bytes of one row."""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    @property
    def blocks(self) -> int:
        """Number of checksums that cover the column."""
        return -(-self.size // CHECK_BLOCK)

    def to_json(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "bytes": self.size,
            "dtype": np.lib.format.dtype_to_descr(self.dtype),
            "shape": list(self.shape),
        }

    @classmethod
    def from_json(cls, document: object) -> Column:
        """Return the place that a manifest says. Raises ValueError for what no column can be."""
        if not isinstance(document, dict) or not {"offset", "bytes", "dtype", "shape"} <= document.keys():
            raise ValueError(f"column {str(document)[:100]} is not offset, bytes, dtype and shape")
        offset, size = document["offset"], document["bytes"]
        if type(offset) is not int or type(size) is not int or not 0 <= offset <= dtypes.MAX_LENGTH:
            raise ValueError(f"column of {str(size)[:20]} bytes at {str(offset)[:20]}: these are no places in a file")
        column = cls(offset, size, dtypes.from_json(document["dtype"]), dtypes.shape_from_json(document["shape"]))
        if size != column.dtype.itemsize * math.prod(column.shape) or offset % ALIGNMENT:
            raise ValueError(f"column of {size} bytes at {offset} cannot be {column.dtype} {column.shape}")
        return column


def write(file: IO[bytes], columns: Iterable[tuple[str, NDArray[Any]]], *, checked: bool) -> dict[str, Column]:
    """Write columns one after the other, with their checksums if `checked`, and return the place of each."""
    placed: dict[str, Column] = {}
    checks: list[int] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in columns:
            placed[name], data = _write_member(archive, file, name, array)
            if checked:
                checks.extend(zlib.crc32(data[i : i + CHECK_BLOCK]) for i in range(0, len(data), CHECK_BLOCK))
        if checked:
            placed[CHECKS], _ = _write_member(archive, file, CHECKS, np.array(checks, np.uint32))
    return placed


def _write_member(
    archive: zipfile.ZipFile, file: IO[bytes], name: str, array: NDArray[Any]
) -> tuple[Column, memoryview]:
    header = io.BytesIO()
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    data = memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    member.create_system = 3
    member.external_attr = 0o644 << 16
    member.file_size = len(header.getvalue()) + len(data)
    is_large = member.file_size >= ZIP64_FROM
    start = file.tell() + _LOCAL_HEADER + len(member.filename) + (_ZIP64_EXTRA if is_large else 0)
    padding = -(start + 4) % ALIGNMENT
    member.extra = _PAD_ID.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
    with archive.open(member, "w", force_zip64=is_large) as stream:
        stream.write(header.getvalue())
        offset = file.tell()
        stream.write(data)
    return Column(offset, len(data), array.dtype, array.shape), data


def encode(columns: Iterable[tuple[str, NDArray[Any]]]) -> bytes:
    """Return the columns as one small object, which is read whole and checked by its name."""
    file = io.BytesIO()
    write(file, columns, checked=False)
    return file.getvalue()


def decode(name: str, data: Data) -> dict[str, NDArray[Any]]:
    """Return the columns of the object `name`, which was read whole; they are copies. Raises CorruptObject."""
    try:
        return _decode(memoryview(data).cast("B"))
    except ValueError as error:
        raise CorruptObject(name, f"is no archive of columns: {error}") from error


def _decode(data: memoryview) -> dict[str, NDArray[Any]]:
    members: list[archive.Member] = []
    at = 0
    while len(members) < archive.MAX_MEMBERS and archive.is_member(data[at : at + 4]):
        members.append(archive.read_member(data[at : at + archive.MAX_HEADER], at, len(data)))
        at = members[-1].end
    archive.check_directory(data[at:][: archive.MAX_DIRECTORY], members, at)
    columns: dict[str, NDArray[Any]] = {}
    for member in members:
        if member.name in columns:
            raise ValueError(f"two columns have the name {member.name}")
        if zlib.crc32(data[member.content : member.end]) != member.crc:
            raise ValueError(f"the CRC-32 of column {member.name} is not the one in its header")
        flat = np.frombuffer(data, member.dtype, math.prod(member.shape), member.offset)
        columns[member.name] = flat.reshape(member.shape).copy()
    return columns
