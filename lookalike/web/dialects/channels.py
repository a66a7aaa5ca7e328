"""Pictures as clients of e621's IQDB send them: already reduced to 128 × 128, with one list of numbers per colour."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from lookalike.web.http.problems import validation
from shards.families.haar.wavelet import SIDE

Values = Annotated[
    list[Any],
    Field(description=f"{SIDE * SIDE:,} whole numbers from 0 to 255, row by row; or {SIDE} rows of {SIDE}."),
]


class Channels(BaseModel):
    """Red, green and blue of a picture of 128 × 128 pixels."""

    model_config = ConfigDict(title="Channels")

    r: Values
    g: Values
    b: Values

    def encoded(self) -> bytes:
        """Return the picture as a file in the simplest format, binary PPM. Raises Problem."""
        planes = [_plane(name, values) for name, values in (("r", self.r), ("g", self.g), ("b", self.b))]
        return b"P6 %d %d 255\n" % (SIDE, SIDE) + np.stack(planes, axis=-1).tobytes()


def _plane(name: str, values: list[Any]) -> NDArray[np.uint8]:
    """Return one colour as (128 · 128,) uint8."""
    try:
        plane = np.asarray(values)
    except ValueError:  # rows of different lengths
        plane = np.zeros(0)
    if plane.shape not in ((SIDE * SIDE,), (SIDE, SIDE)) or plane.dtype.kind != "i":
        raise validation(f"channels.{name}: must be a list of {SIDE * SIDE:,} whole numbers")
    if plane.min() < 0 or plane.max() > 255:
        raise validation(f"channels.{name}: values from {plane.min()} to {plane.max()}; colours are from 0 to 255")
    return plane.astype(np.uint8).reshape(-1)
