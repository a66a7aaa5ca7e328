"""The algorithms of the ImageHash package (4.3): luma to bits.

Each takes the luma (rows, columns) uint8 and a size, and gives the bits of the hash as a square array of bool, whose
first row holds the most significant bits. Sources: N. Krawetz, "Looks Like It" (ahash, phash) and "Kind of Like
That" (dhash), hackerfactor.com, 2011 and 2013; D. Petrov, "Wavelet image hash in Python", 2016 (whash).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes.cosine import dct
from shards.families.hashes.lanczos import resize

DB4_MARGIN = 6
"""How many more coefficients a side of a db4 approximation has than the Haar one: each level of a filter of 8 taps
turns n into (n + 7) // 2, and s · 2^k into s + 6 once k is 3 or more."""

DB4_LEVELS = 3


def dhash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Whether it gets brighter from each pixel to the next one in its row."""
    pixels = resize(luma, size + 1, size)
    return pixels[:, 1:] > pixels[:, :-1]


def dhash_vertical(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Whether it gets brighter from each pixel to the next one in its column."""
    pixels = resize(luma, size, size + 1)
    return pixels[1:] > pixels[:-1]


def ahash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Which pixels are brighter than the mean."""
    pixels = resize(luma, size, size)
    brighter: NDArray[np.bool_] = pixels > pixels.mean()
    return brighter


def phash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Which of the size × size lowest frequencies, the mean included, are above their median."""
    pixels = resize(luma, 4 * size, 4 * size).astype(np.float64)
    lowest = dct(dct(pixels.T).T)[:size, :size]
    above: NDArray[np.bool_] = lowest > np.median(lowest)
    return above


def whash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Which coefficients of the Haar approximation with size × size coefficients are above their median."""
    return _wavelet_hash(luma, size, "haar", size)


def whash_db4(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """The same with the Daubechies wavelet of 4 vanishing moments: (size + 6) × (size + 6) bits.

    ImageHash's hash of a picture whose shorter side is below 8 · size has fewer bits, which can be compared with no
    other; here such a picture is enlarged to that side first, so that all hashes have one length.
    """
    return _wavelet_hash(luma, size, "db4", size << DB4_LEVELS)


def _wavelet_hash(
    luma: NDArray[np.uint8], size: int, wavelet: Literal["haar", "db4"], smallest: int
) -> NDArray[np.bool_]:
    """A picture is resized to the largest power of two in its shorter side, and to `smallest` at least: memory is
    about 30 bytes for each pixel of that square, 500 MB for one of 4,096 × 4,096."""
    # PyWavelets imports in 60 ms, which only those who use it should wait for
    import pywt

    side = max(1 << (min(luma.shape).bit_length() - 1), smallest)
    levels = side.bit_length() - 1
    pixels = resize(luma, side, side) / 255.0
    coefficients = pywt.wavedec2(pixels, "haar", level=levels)
    # the mean of the picture: without it, brightness does not count
    coefficients[0] = coefficients[0] * 0
    pixels = pywt.waverec2(coefficients, "haar")
    approximation = pywt.wavedec2(pixels, wavelet, level=levels - (size.bit_length() - 1))[0]
    above: NDArray[np.bool_] = approximation > np.median(approximation)
    return above
