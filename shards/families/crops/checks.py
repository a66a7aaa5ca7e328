"""What no picture's row can be: rows come as text from anybody, and as bytes from processes that decode pictures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families.base import Row
from shards.families.crops.codes import NEAR
from shards.families.crops.compute import ASKED_AREA, STORED_AREA
from shards.families.crops.features import EIGHTHS, has_octave
from shards.families.crops.keypoints import EDGE
from shards.families.crops.pyramid import SIGMA, STEPS, octave_shapes
from shards.families.crops.row import ASKED, MIN_SHARE, STORED, features_of, sigmas_and_angles, weak_bits
from shards.families.crops.working import Size


def check_stored(row: Row) -> None:
    """Raise SignatureError where no picture has this stored row."""
    _check(row, STORED, STORED_AREA)


def check_question(row: Row) -> None:
    """Raise SignatureError where no picture is asked for by this row, as `questions` returns it."""
    _check(row, ASKED, ASKED_AREA)
    if row["min_share"] != MIN_SHARE or row["flags"] != 0:
        raise SignatureError(
            f"a crops question: smallest share {row['min_share']} and flags {row['flags']}; they are {MIN_SHARE} and 0"
        )


def _check(row: Row, most: int, area: int) -> None:
    count, size = int(row["count"]), Size(int(row["width"]), int(row["height"]))
    if count > most:
        raise SignatureError(f"crops signature: {count} features; there are {most} at most")
    # sides are rounded: the sides themselves may each be half a pixel less
    if min(size.width, size.height) < 1 or (2 * size.width - 1) * (2 * size.height - 1) > 4 * area:
        raise SignatureError(
            f"crops signature: a working image of {size.width} × {size.height} pixels; it has about {area:,} at most"
        )
    if count and not has_octave(size):
        raise SignatureError(f"crops signature: {count} features in {size.width} × {size.height} pixels, too few lines")
    if row["features"][count:].tobytes().strip(b"\0"):
        raise SignatureError(f"crops signature: bytes that are not 0 behind the last of {count} features")
    features = features_of(row)
    if count:
        _check_places(features, size)
        _check_details(features, size)
        _check_codes(features["code"])


def _check_places(features: NDArray[np.void], size: Size) -> None:
    for name, side in (("x", size.width), ("y", size.height)):
        # half a pixel nearer to the edge than any keypoint, for the fraction; and one step for rounding
        lowest = math.floor(255 * (EDGE - 0.5) / side)
        highest = math.ceil(255 * (side - EDGE - 0.5) / side + 0.5)
        outside = (features[name] < lowest) | (features[name] > highest)
        if outside.any():
            place = features[name][outside][0]
            raise SignatureError(f"crops signature: a feature at {name} = {place}; they lie from {lowest} to {highest}")


def _check_details(features: NDArray[np.void], size: Size) -> None:
    sigmas, _ = sigmas_and_angles(features["packed"])
    last = len(octave_shapes(size.height, size.width)) - 1
    lowest, highest = (
        math.floor(EIGHTHS * (octaves + math.log2(SIGMA)) + 0.5) for octaves in (0.5 / STEPS, last + 1 + 0.5 / STEPS)
    )
    outside = (sigmas < lowest) | (sigmas > highest)
    if outside.any():
        raise SignatureError(
            f"crops signature: a feature of sigma {sigmas[outside][0]}; they have {lowest} to {highest}"
        )
    weak = np.sort(weak_bits(features["packed"]), axis=1)
    if (weak[:, 1:] == weak[:, :-1]).any():
        raise SignatureError("crops signature: a feature has the same weak bit twice")


def _check_codes(code: NDArray[np.uint64]) -> None:
    near = np.bitwise_count(code[:, None] ^ code) <= NEAR
    if int(near.sum()) > len(code):
        first, second = np.argwhere(np.triu(near, 1))[0]
        raise SignatureError(
            f"crops signature: features {first + 1} and {second + 1} have codes within {NEAR} bits of each other"
        )
