"""Memory that is used again for each picture.

Most of what a fresh array of this size costs is the page faults of its first use: 1,330 a picture, a quarter of the
time that a row takes.
"""

from __future__ import annotations

import math
import threading
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

KEPT = 16 << 20
"""Bytes of the largest array that is kept: the pyramid of a question takes 8 MB."""


class Scratch(threading.local):
    """The arrays of one thread, by name. Other threads see others."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: type[Scalar]) -> NDArray[Scalar]:
        """Return an array with anything in it. The next array of this name in this thread takes its place."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        held = self._kept.get(name)
        if held is None or held.nbytes < size:
            held = np.empty(size, np.uint8)
            if size <= KEPT:
                self._kept[name] = held
        array: NDArray[Any] = held[:size].view(dtype).reshape(shape)
        return array


SCRATCH = Scratch()
"""What this package computes with; nothing in it outlives the computing of one picture."""
