"""The pictures of the golden values of PDQ; run as a program, records what the reference implementation says of them.

It needs the package `pdqhash`, which has to be compiled, and is used for nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests import pictures
from tests.pictures.painted import painted

GOLDEN = Path(__file__).parents[2] / "golden" / "pdq" / "golden.json"

SHAPES = [(5, 5), (64, 64), (64, 65), (63, 128), (128, 129), (257, 5), (5, 1000), (640, 480)]
"""(height, width) of pictures of noise: every width of the filter."""


def cases() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the name and the (height, width, 3) uint8 pixels of each."""
    for seed in range(100):
        yield f"painted {seed}", painted(seed)
    for height, width in SHAPES:
        yield f"noise {height}x{width}", np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for number, rgb in enumerate(pictures.real()):
        if min(rgb.shape[:2]) >= 5:
            yield f"real {number}", rgb


def digest(rgb: NDArray[np.uint8]) -> str:
    """Return a hash of the pixels and of their shape: a picture that has changed has no golden value."""
    return hashlib.blake2b(repr(rgb.shape).encode() + rgb.tobytes(), digest_size=8).hexdigest()


def record() -> None:
    """Write the golden values anew."""
    import pdqhash  # type: ignore[import-not-found]

    values = {}
    for name, rgb in cases():
        bits, quality = pdqhash.compute(np.ascontiguousarray(rgb))
        values[name] = [digest(rgb), f"{int(''.join(map(str, bits)), 2):064x}:{quality:03d}"]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())
    GOLDEN.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()
