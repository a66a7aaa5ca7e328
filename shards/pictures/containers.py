"""The containers of picture files, as far as their first bytes tell: RIFF, and the boxes of ISO/IEC 14496-12."""

from __future__ import annotations

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""Brands of ISO/IEC 23008-12 that stand for HEVC, and those of AVIF, which has the same container and which Pillow
reads."""


def is_heic(data: bytes) -> bool:
    """Return whether this file is HEIC. 512 bytes of it are enough."""
    brands = _brands(data)
    return bool(brands & HEIC_BRANDS) and not brands & AVIF_BRANDS


def ends_early(data: bytes) -> bool:
    """Return whether a container states more bytes than there are: RIFF (WebP), or boxes (AVIF, HEIC, JPEG 2000).

    Their decoders say only that something is wrong.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data[4:8] != b"jP  " and not _brands(data) & (HEIC_BRANDS | AVIF_BRANDS):
        return False
    start = 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            # 0 is a box up to the end of the file, 1 one over 4 GB: neither says where the file should end
            return False
        start += size
    return start != len(data)


def _brands(data: bytes) -> set[bytes]:
    """Return the brands in the first box of a file of ISO/IEC 14496-12, and of other files none."""
    if data[4:8] != b"ftyp":
        return set()
    box = data[8 : min(int.from_bytes(data[:4], "big"), 512)]
    return {box[start : start + 4] for start in range(0, len(box), 4)}
