"""Hashes as the column `hash_hex` holds them, some thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from shards.families import Rows
from shards.families.hashes import ImageHash

HEX = re.compile(rb"[0-9a-fA-F]*")

WORD_DIGITS = 16


def digits_of(family: ImageHash) -> int:
    """Return the number of hexadecimal digits of a family's hashes."""
    return -(-family.bits // 4)


def of_column(column: Sequence[Any], family: ImageHash) -> tuple[Rows, dict[int, str]]:
    """Return the hashes of some rows, and why some are none, by row; theirs are zeros."""
    digits, wrong = digits_of(family), dict[int, str]()
    hashes: Sequence[bytes] = column
    if set(map(type, column)) != {bytes} or set(map(len, column)) != {digits} or not HEX.fullmatch(b"".join(column)):
        wrong = {row: reason for row, value in enumerate(column) if (reason := _wrong(value, family, digits))}
        hashes = [b"0" * digits if row in wrong else value for row, value in enumerate(column)]
    words = family.dtype["hash"].shape[0]
    padding = b"0" * (words * WORD_DIGITS - digits)
    data = bytes.fromhex((padding + padding.join(hashes)).decode()) if hashes else b""
    rows = np.zeros(len(column), family.dtype)
    rows["hash"] = np.frombuffer(data, ">u8").reshape(-1, words)
    used = family.bits % 64
    if used:
        for row in np.flatnonzero(rows["hash"][:, 0] >> np.uint64(used)).tolist():
            wrong[row] = f"hash_hex is more than the {family.bits} bits of a {family.name}"
    return rows, wrong


def _wrong(value: Any, family: ImageHash, digits: int) -> str | None:
    """Return what is wrong with a value; None if it is a hash."""
    if value is None:
        return "hash_hex is NULL"
    if not isinstance(value, bytes):
        return f"hash_hex is the number {value}, not a text"
    if not value:
        return "hash_hex is empty"
    if not HEX.fullmatch(value):
        return f"hash_hex is {value[:40].decode(errors='replace')!a}: not all of that are hexadecimal digits"
    if len(value) != digits:
        return f"hash_hex has {len(value):,} digits; a {family.name} has {digits}"
    return None
