"""The pictures of the golden values of `crops`, and what their rows are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.families.crops import compute
from shards.pictures.decoding import Picture, decode
from tests import pictures
from tests.pictures.painted import painted

Cases: TypeAlias = Iterator[tuple[str, NDArray[np.uint8]]]

GOLDEN = Path(__file__).parents[2] / "golden" / "crops" / "golden.json"
DEMO = Path(__file__).parents[3] / "demo" / "pictures"

SHAPES = [(1, 1), (1, 5000), (16, 16), (17, 17), (16, 5600), (5600, 16), (151, 149), (300, 301), (250, 1000)]
"""(height, width) of pictures of noise: enlarged and shrunk ones, with and without a single octave."""

LARGE = (2000, 3000)
"""(height, width) of a picture that is read in several strips."""


def golden() -> dict[str, list[str]]:
    """Return for each picture the hash of its pixels, of its stored row, and of its question of 500 features."""
    values: dict[str, list[str]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return values


def demo() -> Cases:
    for path in sorted(DEMO.glob("*.jpg")):
        yield f"demo {path.stem}", decode(path.read_bytes()).rgb


def paintings() -> Cases:
    for seed in range(0, 100, 4):
        yield f"painted {seed}", painted(seed)


def noise() -> Cases:
    for height, width in SHAPES:
        yield f"noise {height}x{width}", np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def real() -> Cases:
    for number, rgb in enumerate(pictures.real()):
        if number % 6 == 0:
            yield f"real {number}", rgb


def flat_and_large() -> Cases:
    yield "flat", np.full((200, 300, 3), (20, 200, 90), np.uint8)
    yield "large", large()


KINDS: list[Callable[[], Cases]] = [demo, paintings, noise, real, flat_and_large]
"""All pictures, in the order of the golden values. Each yields the name and the (height, width, 3) uint8 pixels."""


def large() -> NDArray[np.uint8]:
    """Return a picture of 6 megapixels: waves of many lengths in three colours, of whole numbers alone."""
    lines, columns = (np.arange(side, dtype=np.int32) for side in LARGE)
    lines = lines[:, None]
    wave = (lines * columns // 997 + lines * lines // 1511 + columns * columns // 2003) % 511
    grey = np.abs(wave - 255)
    return np.stack([grey, grey // 2 + 60, 255 - grey], axis=2).astype(np.uint8)


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def pixels(rgb: NDArray[np.uint8]) -> str:
    """Return a hash of the pixels and of their shape: a picture that has changed has no golden value."""
    return digest(repr(rgb.shape).encode() + rgb.tobytes())


def ours(rgb: NDArray[np.uint8]) -> list[str]:
    """Return what `golden` has for these pixels."""
    row, questions = compute.signature_and_questions(Picture(rgb))
    return [pixels(rgb), digest(row.tobytes()), digest(questions[1].tobytes())]
