"""The part that two pictures have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Corner: TypeAlias = tuple[float, float]
"""x and y in shares of the picture's width and height: (0, 0) is its upper left corner, (1, 1) its lower right one."""

Corners: TypeAlias = tuple[Corner, Corner, Corner, Corner]
"""Four corners, clockwise as the stored picture shows them."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The parts of a stored picture and of a question's picture that show the same."""

    stored: Corners
    """The part of the stored picture, each number from 0 to 1."""

    question: Corners
    """The same part in the question's picture, from 0 to 1: `question[n]` shows what `stored[n]` shows.

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
