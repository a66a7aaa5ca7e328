"""Polygons in the plane, whose corners are complex numbers x + iy, and upright rectangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.complex128]
"""Places as complex numbers x + iy."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, points: Points) -> Box:
        return cls(*(float(of) for of in (points.real.min(), points.imag.min(), points.real.max(), points.imag.max())))

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def corners(self) -> Points:
        """(4,) clockwise from the upper left one."""
        across = np.array([self.left, self.right, self.right, self.left])
        return across + 1j * np.array([self.top, self.top, self.bottom, self.bottom])

    def holds(self, points: Points) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (points.real >= self.left) & (points.real <= self.right)
        return inside & (points.imag >= self.top) & (points.imag <= self.bottom)


def clipped(polygon: Points, frame: Box) -> Points:
    """Return a convex polygon's part inside of a frame, after I. Sutherland and G. Hodgman, 1974."""
    for axis, limit, sign in ((0, frame.left, 1), (0, frame.right, -1), (1, frame.top, 1), (1, frame.bottom, -1)):
        inside = [sign * ((point.imag if axis else point.real) - limit) for point in polygon]
        kept: list[complex] = []
        for at, depth in enumerate(inside):
            if inside[at - 1] * depth < 0:
                share = inside[at - 1] / (inside[at - 1] - depth)
                kept.append(polygon[at - 1] + share * (polygon[at] - polygon[at - 1]))
            if depth >= 0:
                kept.append(polygon[at])
        polygon = np.array(kept, np.complex128)
    return polygon


def area(polygon: Points) -> float:
    """Return the area of a polygon without crossings."""
    return float(abs((np.conj(polygon) * np.roll(polygon, -1)).imag.sum())) / 2
