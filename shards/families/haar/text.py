"""The text form of Haar signatures, which IQDB prints and takes: 528 hex digits, with or without `iqdb_` before them.

Three averages as big-endian float64 (16 digits each), then 3 × 40 coefficients as big-endian int16 (4 digits
each), channel by channel.
"""

from __future__ import annotations

import re

import numpy as np

from shards.errors import SignatureError
from shards.families.base import Row
from shards.families.haar.row import make_row
from shards.families.haar.wavelet import COEFFICIENTS, SIDE

PREFIX = "iqdb_"
AVERAGE_BYTES = 3 * 8
DIGITS = 2 * (AVERAGE_BYTES + 3 * COEFFICIENTS * 2)

LIMITS = {"Y": (0.0, 1.0), "I": (-0.6, 0.6), "Q": (-0.53, 0.53)}
"""Range of the averages of any picture: the weights of red, green and blue do not add up to more."""


def format_row(row: Row) -> str:
    """Return the text, with the prefix, in lower case."""
    data: bytes = row["avgl"].astype(">f8").tobytes() + row["sig"].astype(">i2").tobytes()
    return PREFIX + data.hex()


def parse_row(text: str) -> Row:
    """Return the signature in the text. Coefficients may be in any order. Raises SignatureError."""
    digits = text[len(PREFIX) :] if text[: len(PREFIX)].lower() == PREFIX else text
    if len(digits) != DIGITS:
        raise SignatureError(
            f"a haar signature has {DIGITS} hex digits, with or without {PREFIX!r} before them; "
            f"this one has {len(digits):,} characters"
        )
    if stranger := re.search("[^0-9A-Fa-f]", digits):
        raise SignatureError(f"haar signature: character {stranger.start() + 1} is {stranger.group()!a}, no hex digit")
    data = bytes.fromhex(digits)
    avgl = np.frombuffer(data, ">f8", 3).astype(np.float64)
    for (channel, (lowest, highest)), average in zip(LIMITS.items(), avgl.tolist(), strict=True):
        if not lowest <= average <= highest:  # NaN is refused too
            raise SignatureError(
                f"haar signature: the average of {channel} is {average:g}, and pictures have {lowest:g} to {highest:g}"
            )
    sig = np.sort(np.frombuffer(data, ">i2", offset=AVERAGE_BYTES).astype(np.int16).reshape(3, COEFFICIENTS))
    for channel, coefficients in zip(LIMITS, sig.astype(int), strict=True):
        indices = np.sort(np.abs(coefficients))
        if indices[0] == 0:
            raise SignatureError(f"haar signature: channel {channel} has a coefficient 0; they count from 1")
        if indices[-1] >= SIDE * SIDE:
            raise SignatureError(
                f"haar signature: channel {channel} has a coefficient {indices[-1]}; they end at {SIDE * SIDE - 1}"
            )
        if (repeated := indices[1:][indices[1:] == indices[:-1]]).size:
            raise SignatureError(f"haar signature: channel {channel} has coefficient {repeated[0]} twice")
    return make_row(avgl, sig)
