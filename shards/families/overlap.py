"""The part that two pictures have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from shards.families.polygons import Box, area, clipped
from shards.pictures.orientations import place_before

Corner: TypeAlias = tuple[float, float]
"""x and y in shares of the picture's width and height: (0, 0) is its upper left corner, (1, 1) its lower right one. A
corner may lie beyond: what is upright in one picture is turned in the other, and cut off by its border."""

Corners: TypeAlias = tuple[Corner, Corner, Corner, Corner]
"""Four corners, clockwise as the stored picture shows them."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The parts of a stored picture and of a question's picture that show the same."""

    stored: Corners
    """The part of the stored picture."""

    question: Corners
    """The same part in the question's picture: `question[n]` shows what `stored[n]` shows, exactly as one picture lies
    over the other.

    Where the question is mirrored, these corners run counterclockwise.
    """

    share: float
    """Area of the part as a share of the stored picture, from 0 to 1."""

    rotation: float
    """Degrees, from 0 to 360, by which the question shows the part turned clockwise."""

    scale: float
    """Length of a line of the part in the question's picture, beside the same line in the stored picture, if both
    pictures had the same area: 0.5 where the part takes up a quarter as much of the question's picture."""

    agreeing: int
    """Number of features that agree on this."""

    def before_turning(self, orientation: int) -> Overlap:
        """Return the same where the question is the picture before it was turned as EXIF orientation 1 to 8 asks."""
        first, second, third, fourth = (place_before(*corner, orientation) for corner in self.question)
        return replace(self, question=(first, second, third, fourth))

    def turned_round(self) -> Overlap:
        """Return the same where the stored picture is the question, and neither is mirrored."""
        corners = np.array([complex(*corner) for corner in self.question])
        return Overlap(
            self.question,
            self.stored,
            area(clipped(corners, Box(0, 0, 1, 1))),
            -self.rotation % 360 % 360,
            1 / self.scale,
            self.agreeing,
        )
