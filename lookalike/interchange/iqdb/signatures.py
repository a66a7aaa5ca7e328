"""Haar signatures as IQDB's databases hold them: three averages and a blob of coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families import Rows, family
from shards.families.haar.row import ROW
from shards.families.haar.text import LIMITS
from shards.families.haar.wavelet import COEFFICIENTS, SIDE

CHANNELS = 3
BYTES = CHANNELS * COEFFICIENTS * 2
"""Bytes of the blob: int16, little-endian, [channel][coefficient]."""


def of_columns(averages: Sequence[Sequence[Any]], sigs: Sequence[Any]) -> tuple[Rows, dict[int, str]]:
    """Return the signatures of some rows, and why some are none, by row.

    `averages`: those of Y, I and Q, a sequence each. `sigs`: a blob of `BYTES` bytes each; in its place a number, the
    length of a blob that is none, or a word, the type of a value that is no blob.
    """
    wrong: dict[int, str] = {}
    blobs = _blobs(sigs, wrong)
    columns = [_average(column, channel, wrong) for channel, column in enumerate(averages)]
    rows = np.empty(len(sigs), ROW)
    rows["sig"] = np.frombuffer(blobs, "<i2").reshape(-1, CHANNELS, COEFFICIENTS)
    for channel, column in enumerate(columns):
        rows["avgl"][:, channel] = column
    return rows, {**check(rows), **wrong}


def check(rows: Rows) -> dict[int, str]:
    """Sort the coefficients of all rows, and return why some are no signatures, by row."""
    sig = rows["sig"]
    if not (sig[..., 1:] > sig[..., :-1]).all():
        sig.sort(axis=-1)
    # the magnitude of -32768 is out of range as it wraps around: it stays negative
    indices = np.sort(np.abs(sig), axis=-1)
    limits = np.array([*LIMITS.values()])
    with np.errstate(invalid="ignore"):
        is_good = ((rows["avgl"] >= limits[:, 0]) & (rows["avgl"] <= limits[:, 1])).all(axis=-1)
    is_good &= (indices[..., 0] > 0).all(axis=-1) & (indices[..., -1] < SIDE * SIDE).all(axis=-1)
    is_good &= (indices[..., 1:] > indices[..., :-1]).all(axis=(1, 2))
    return {row: _reason(rows[row]) for row in np.flatnonzero(~is_good).tolist()}


def _reason(row: np.void) -> str:
    """Return what the family says of a signature that is none."""
    haar = family("haar")
    try:
        haar.parse(haar.format(row))
    except SignatureError as error:
        return str(error)
    return "is no haar signature"


def _blobs(sigs: Sequence[Any], wrong: dict[int, str]) -> bytes:
    """Return all blobs end to end, zeros for those that are none."""
    try:
        blobs = b"".join(sigs)
        # every blob that came has the right length, and no word for a type is as long
        if len(blobs) == BYTES * len(sigs):
            return blobs
    except TypeError:
        pass
    for row, sig in enumerate(sigs):
        if not isinstance(sig, bytes):
            wrong[row] = f"sig has {sig:,} bytes; a signature has {BYTES}"
        elif len(sig) != BYTES:
            kind = sig.decode(errors="replace")
            wrong[row] = "sig is NULL" if kind == "null" else f"sig is {kind}, not a blob"
    return b"".join(bytes(BYTES) if row in wrong else sig for row, sig in enumerate(sigs))


def _average(column: Sequence[Any], channel: int, wrong: dict[int, str]) -> NDArray[np.float64]:
    """Return the averages of a channel, 0 for what is no number."""
    if set(map(type, column)) <= {float, int}:
        return np.array(column, np.float64)
    name = f"avglf{channel + 1}"
    values = np.zeros(len(column))
    for row, value in enumerate(column):
        if isinstance(value, float | int):
            values[row] = value
        else:
            wrong.setdefault(row, f"{name} is {'NULL' if value is None else 'text, not a number'}")
    return values
