"""The algorithms of the ImageHash package (4.3).

Each function takes the luma (rows, columns) uint8 and a size, and returns the bits of the hash as a square array of
bool, whose first row holds the most significant bits.

Sources: N. Krawetz, "Looks Like It" (ahash, phash) and "Kind of Like That" (dhash), hackerfactor.com, 2011 and 2013;
D. Petrov, "Wavelet image hash in Python", 2016 (whash).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes.cosine import dct
from shards.families.hashes.lanczos import resize

DB4_MARGIN = 6
"""Coefficients by which a side of a db4 approximation is longer than that of a Haar one: each level of a filter of 8
taps turns n into (n + 7) // 2, and k levels turn s · 2^k into s + 6 if k is at least 3."""

DB4_LEVELS = 3
"""Minimum number of levels, so that all hashes of a size have the same length."""


def dhash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Set a bit where brightness rises from a pixel to the next one in its row."""
    pixels = resize(luma, size + 1, size)
    return pixels[:, 1:] > pixels[:, :-1]


def dhash_vertical(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Set a bit where brightness rises from a pixel to the next one in its column."""
    pixels = resize(luma, size, size + 1)
    return pixels[1:] > pixels[:-1]


def ahash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Set a bit for each pixel that is brighter than the mean."""
    pixels = resize(luma, size, size)
    brighter: NDArray[np.bool_] = pixels > pixels.mean()
    return brighter


def phash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Set a bit for each of the size × size lowest frequencies, the mean included, that is above their median."""
    pixels = resize(luma, 4 * size, 4 * size).astype(np.float64)
    lowest = dct(dct(pixels.T).T)[:size, :size]
    above: NDArray[np.bool_] = lowest > np.median(lowest)
    return above


def whash(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Set a bit for each coefficient of the size × size Haar approximation that is above their median."""
    return _wavelet_hash(luma, size, "haar", size)


def whash_db4(luma: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Do as `whash` does with the Daubechies wavelet of 4 vanishing moments: (size + 6) × (size + 6) bits.

    ImageHash's hash of a picture whose shorter side is below 8 · size has fewer bits and can be compared with no other.
    Here such a picture is first enlarged to that side, so all hashes have one length.
    """
    return _wavelet_hash(luma, size, "db4", size << DB4_LEVELS)


def _wavelet_hash(
    luma: NDArray[np.uint8], size: int, wavelet: Literal["haar", "db4"], smallest: int
) -> NDArray[np.bool_]:
    """Set a bit for each coefficient of a wavelet's approximation that is above their median.

    The picture is resized to a square whose side is the largest power of two in its shorter side, and at least
    `smallest`. Memory: about 30 bytes for each pixel of the square, 500 MB for one of 4,096 × 4,096.
    """
    # importing PyWavelets takes 60 ms, for which only the families that use it should wait
    import pywt

    side = max(1 << (min(luma.shape).bit_length() - 1), smallest)
    levels = side.bit_length() - 1
    pixels = resize(luma, side, side) / 255.0
    coefficients = pywt.wavedec2(pixels, "haar", level=levels)
    # the mean of the picture: without it, overall brightness does not count
    coefficients[0] = coefficients[0] * 0
    pixels = pywt.waverec2(coefficients, "haar")
    approximation = pywt.wavedec2(pixels, wavelet, level=levels - (size.bit_length() - 1))[0]
    above: NDArray[np.bool_] = approximation > np.median(approximation)
    return above
