"""Reading of what image-match's functions take for a picture: a path, an address, bytes, or an array."""

from __future__ import annotations

import os
import urllib.request
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from shards.errors import LookalikeError, PictureError
from shards.families.goldberg.greys import WEIGHTS, Greys
from shards.pictures.decoding import Picture, PictureSettings, decode
from shards.storage import originals

FETCH_SECONDS = 30.0
"""How long the other side of an address may be silent."""

UNREADABLE = frozenset({"empty", "not_an_image", "unsupported", "damaged"})
"""Reasons of a PictureError that image-match calls corrupt."""


class CorruptImageError(LookalikeError, RuntimeError):
    """Bytes that are no picture, or a damaged one."""


class CorruptFileError(CorruptImageError, OSError):
    """A file whose bytes are no picture; image-match raises an OSError for it."""


class TruncatedImageError(LookalikeError, OSError):
    """A picture that ends too early."""


def grey_picture(image: object, *, bytestream: bool, settings: PictureSettings) -> NDArray[np.float64]:
    """Return (height, width) float64, 0 for black and 1 for white.

    `image`: a path or address as `str`, an array (height, width) or (height, width, 3), or if `bytestream` an encoded
    picture. Integers of an array are shares of the highest number that their type has; floats are taken as they are.

    Raises CorruptImageError, OSError for a file that cannot be read and for a picture that is truncated, PictureError
    for one that exceeds the limits, TypeError, and ValueError for an array of another shape.
    """
    if isinstance(image, np.ndarray) and not bytestream and not _is_plain(image):
        shares = _shares(image)
        return shares @ (WEIGHTS.astype(np.float64) / WEIGHTS.sum()) if shares.ndim == 3 else shares
    return Greys.of_rgb(color_picture(image, bytestream=bytestream, settings=settings).rgb).to_shares()


def color_picture(image: object, *, bytestream: bool, settings: PictureSettings) -> Picture:
    """Return the picture with 8 bits a colour. Arguments and errors are those of `grey_picture`."""
    if bytestream:
        return _decoded(bytes(memoryview(cast("bytes", image))), settings, "the bytes", CorruptImageError)
    if isinstance(image, str):
        return _decoded(_read(image, settings.max_bytes), settings, image, CorruptFileError)
    if isinstance(image, bytes):
        raise ValueError("these bytes are taken for a path: say bytestream=True for those of a picture")  # noqa: TRY004
    if isinstance(image, np.ndarray):
        if _is_plain(image):
            return Picture(np.ascontiguousarray(image))
        levels = np.rint(_shares(image).clip(0, 1) * 255).astype(np.uint8)
        return Picture(np.ascontiguousarray(levels if levels.ndim == 3 else np.repeat(levels[:, :, None], 3, axis=2)))
    raise TypeError("Path or image required.")


def _decoded(data: bytes, settings: PictureSettings, name: str, corrupt: type[CorruptImageError]) -> Picture:
    try:
        return decode(data, settings)
    except PictureError as error:
        if error.reason == "truncated":
            raise TruncatedImageError(f"{name}: {error}") from error
        if error.reason in UNREADABLE:
            raise corrupt(f"{name}: {error}") from error
        raise


def _read(path: str, max_bytes: int) -> bytes:
    """Return the bytes at a path, at an address of the web, or of an object in a bucket."""
    if path.startswith(("http://", "https://")):
        return _fetch(path, max_bytes)
    if originals.is_url(path):
        return originals.read_object(path, max_bytes)
    os.stat(path)  # noqa: PTH116 - says what is wrong in the words of the system, such as FileNotFoundError
    try:
        return originals.read_file(path, max_bytes)
    except PictureError as error:
        if error.reason == "unreadable":
            raise OSError(str(error)) from error
        raise


def _fetch(address: str, max_bytes: int) -> bytes:
    """Fetch a picture for the program that gave the address. Raises OSError, and PictureError for one too large."""
    request = urllib.request.Request(address, headers={"User-Agent": "lookalike", "Accept": "image/*"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - the caller saw to the scheme
        data = cast(BinaryIO, answer).read(max_bytes + 1)
    if len(data) > max_bytes:
        raise PictureError("too_large_bytes", f"{address}: more than {max_bytes:,} bytes, the limit")
    return data


def _is_plain(array: NDArray[Any]) -> bool:
    """Return True for the pixels of a picture of 8 bits a colour."""
    return array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8 and array.size > 0


def _shares(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return an array of the same shape, 1.0 for white. Raises ValueError for one that is no picture."""
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise ValueError(f"an array of shape {array.shape}: a picture is (height, width) or (height, width, 3)")
    if array.dtype.kind in "iu":
        return array / float(np.iinfo(array.dtype).max)
    if array.dtype.kind in "fb":
        return array.astype(np.float64)
    raise ValueError(f"an array of {array.dtype}: a picture has integers or floats")
