"""The eight orientations: where a place goes and comes from, and their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from shards.pictures.orientations import ORIENTATIONS, number_of, place_before, turned


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_place_of_a_turned_picture_is_where_it_was_before(orientation: int) -> None:
    pixels = np.arange(6 * 4).reshape(4, 6)
    result = turned(pixels, orientation)
    height, width = result.shape
    for row in range(height):
        for column in range(width):
            x, y = place_before((column + 0.5) / width, (row + 0.5) / height, orientation)
            assert pixels[int(y * 4), int(x * 6)] == result[row, column]


def test_variants_name_orientations() -> None:
    assert [number_of(name) for name in ORIENTATIONS] == list(range(1, 9))
    assert number_of("rotated 90, negative") == 6
    assert number_of("") == 1
