"""One Haar signature: the average colour and the largest wavelet coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row, Rows
from shards.families.haar.area import area_average
from shards.families.haar.wavelet import COEFFICIENTS, SIDE, decompose, largest, to_yiq

ROW = np.dtype([("avgl", "<f8", (3,)), ("sig", "<i2", (3, COEFFICIENTS))])
"""Type of a row. `avgl`: the averages of Y, I and Q, about 0..1, -0.6..0.6 and -0.53..0.53, in float64 because IQDB's
text carries all their bits. `sig`: the signed indices of the largest coefficients of Y, I and Q, sorted."""

QUESTION = np.dtype([*ROW.descr, ("luma_of_greys", "u1")])
"""Type of a question: a row, and in `luma_of_greys` 1 where pairs with a grey picture are compared by their luma alone,
whichever of the two is grey; 0 where they are compared as IQDB does."""

GREY = 0.006
"""Limit of |average I| + |average Q| below which a picture is grey: its I and Q coefficients are noise then."""

FLAT = np.arange(-COEFFICIENTS, 0, dtype=np.int16)
"""`sig` of a channel without content: all coefficients tie at zero, so the lowest indices are taken."""


def make_row(avgl: Any, sig: Any) -> Row:
    """Return the row of (3,) averages and (3, 40) sorted coefficients."""
    rows = np.empty(1, ROW)
    rows["avgl"], rows["sig"] = avgl, sig
    row: Row = rows[0]
    return row


def compute(rgb: NDArray[np.uint8]) -> Row:
    """Return the signature of a picture, (height, width, 3) uint8."""
    planes = decompose(to_yiq(area_average(rgb, SIDE)))
    return make_row(planes[:, 0, 0] / (2 * SIDE * SIDE), [largest(plane) for plane in planes])


def question(rows: Rows, *, luma_of_greys: bool) -> Rows:
    """Return (rows,) of QUESTION that ask for pictures like these."""
    asked = np.empty(len(rows), QUESTION)
    for name in ROW.names or ():
        asked[name] = rows[name]
    asked["luma_of_greys"] = luma_of_greys
    return asked


def is_grey(rows: Rows) -> NDArray[np.bool_]:
    """Return (rows,) bool: signatures of pictures without colour."""
    chroma = np.abs(rows["avgl"][:, 1:])
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(chroma[:, 0] + chroma[:, 1] < GREY)


def is_flat(rows: Rows) -> NDArray[np.bool_]:
    """Return (rows,) bool: signatures of pictures of a single colour.

    A smooth ramp of one hue that brightens to the right has the same coefficients and counts as flat too.
    """
    return np.asarray((rows["sig"] == FLAT).all(axis=(1, 2)))
