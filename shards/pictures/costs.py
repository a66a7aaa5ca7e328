"""The cost of a picture, known before it is decoded: how much work it will be, and how much memory it may need.

The unit is a pixel of a plain JPEG with the default signatures, about 26 ns of a processor: 4 ns to decode it, and 22
for the signatures.
"""

from __future__ import annotations

from shards.errors import PictureError
from shards.pictures.headers import read_header

WEIGHTS = {
    "JPEG": 1.0,
    "MPO": 1.0,
    "BMP": 1.0,
    "DIB": 1.0,
    "PPM": 1.0,
    "TGA": 1.0,
    "GIF": 1.2,
    "PCX": 1.2,
    "SGI": 1.2,
    "ICO": 1.8,
    "TIFF": 1.8,
    "PNG": 1.8,
    "WEBP": 2.0,
    "AVIF": 4.0,
    "HEIF": 4.0,
    "JPEG2000": 12.0,
    "JXL": 12.0,
}
"""Cost of a pixel, by Pillow's name of the format: measured with noisy pictures of 4 megapixels. AVIF and HEIC took
twice as long as plain JPEG, JPEG XL up to 4 times, and they have modes that take longer."""

JPEG = frozenset({"JPEG", "MPO"})
"""Formats whose cost depends on the number of scans."""

START_OF_SCAN = b"\xff\xda"

OTHER_WEIGHT = 28.0
"""That of all other formats: Pillow decodes QOI and some of DDS in Python."""

SCAN_WEIGHT = 0.05
"""Cost of a pixel in each scan of a progressive JPEG. A scan took 0.3 ns a pixel if it held next to nothing, and up to
1.4 where it held bits for each coefficient."""

MAX_SCANS = 100
"""Scans of a JPEG. Encoders write 10, those that optimise up to 14; libjpeg's own tools offer such a limit, since
scans of 14 bytes each keep a decoder busy for minutes."""

COST_A_SECOND = 20e6
"""Cost that a processor does in a second, at the least: half of what was measured, for slower ones, and busy ones."""


def cost(kind: str, pixels: int, scans: int = 1) -> float:
    """Return the cost of a picture of this format, under Pillow's name, and of so many pixels."""
    return pixels * (WEIGHTS.get(kind, OTHER_WEIGHT) + SCAN_WEIGHT * (scans - 1))


def stated_cost(data: bytes | memoryview, max_pixels: int) -> tuple[float, int]:
    """Return the cost of a picture, and its pixels, as its header states them.

    Where no header that is read here states them, it may be whatever is decoded: the cost of the dearest format.
    """
    header = read_header(data)
    if header is None:
        return cost("", max_pixels), max_pixels
    return cost(header.kind, header.pixels, header.scans), header.pixels


def check_cost(kind: str, pixels: int, data: bytes, max_cost: float) -> None:
    """Raise PictureError, with the reason `too_costly`, for a picture that would be too much work.

    `kind` and `pixels` are what the decoder found in these bytes.
    """
    scans = 1
    if kind in JPEG:
        header = read_header(data)
        # one that is too odd to be walked through has at most as many scans as it has their markers
        scans = header.scans if header is not None else max(1, data.count(START_OF_SCAN))
    if scans > MAX_SCANS:
        raise PictureError(
            "too_costly", f"a JPEG of {scans:,} scans; up to {MAX_SCANS} are decoded; save it anew, in the plain form"
        )
    costs = cost(kind, pixels, scans)
    if costs > max_cost:
        raise PictureError(
            "too_costly",
            f"{pixels:,} pixels of {kind}" + (f" in {scans} scans" if scans > 1 else "") + f" are as much work as "
            f"{costs / 1e6:,.0f} million of a plain JPEG, more than the {max_cost / 1e6:,.0f} million that there is "
            "time for; send a smaller copy, or a plain JPEG",
        )
