"""The containers of picture files, as far as their first bytes tell. No decoder is needed for that."""

from __future__ import annotations

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""Brands of ISO/IEC 23008-12 that stand for HEVC, and those of AVIF, which has the same container and which Pillow
reads."""


MEDIA_TYPES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
"""First bytes of the files that a browser shows as a picture and cannot run, each with the media type, as in the
WHATWG's MIME Sniffing Standard, section 6.1. Those of RIFF and ISO/IEC 14496-12 are told by their brands."""


def media_type(head: bytes) -> str | None:
    """Return the media type of a picture that browsers show, such as `image/jpeg`; None for all other files.

    `head`: the first 512 bytes of the file, or more. They say what the file claims to be; only decoding tells whether
    it is that.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if _brands(head) & AVIF_BRANDS:
        return "image/avif"
    if is_heic(head):
        return "image/heic"
    return next((name for magic, name in MEDIA_TYPES if head.startswith(magic)), None)


def is_heic(data: bytes) -> bool:
    """Return whether this file is HEIC. 512 bytes of it are enough."""
    brands = _brands(data)
    return bool(brands & HEIC_BRANDS) and not brands & AVIF_BRANDS


def is_svg(data: bytes) -> bool:
    """Return whether this file is SVG, as text in UTF-8. 4 kB of it are enough."""
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head


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
