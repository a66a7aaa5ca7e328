"""The containers of picture files, as far as bytes tell without a decoder."""

from __future__ import annotations

from typing import Literal

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


TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value of TIFF 6.0, by the number of its kind."""


def media_type(head: bytes) -> str | None:
    """Return the media type of a picture that browsers show, such as `image/jpeg`; None for all other files.

    `head`: the first 512 bytes of the file, or more. They say what the file claims to be; only decoding tells whether
    it is that.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if brands(head) & AVIF_BRANDS:
        return "image/avif"
    if is_heic(head):
        return "image/heic"
    return next((name for magic, name in MEDIA_TYPES if head.startswith(magic)), None)


def is_heic(data: bytes) -> bool:
    """Return whether this file is HEIC. 512 bytes of it are enough."""
    stated = brands(data)
    return bool(stated & HEIC_BRANDS) and not stated & AVIF_BRANDS


def is_svg(data: bytes) -> bool:
    """Return whether this file is SVG, as text in UTF-8. 4 kB of it are enough."""
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head


def ends_early(data: bytes) -> bool:
    """Return whether a container states more bytes than there are: of RIFF (WebP), boxes (AVIF, HEIC, JPEG 2000), TIFF.

    Their decoders say only that something is wrong.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_end(data) > len(data)
    if data[4:8] != b"jP  " and not brands(data) & (HEIC_BRANDS | AVIF_BRANDS):
        return False
    start = 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            # 0 is a box up to the end of the file, 1 one over 4 GB: neither says where the file should end
            return False
        start += size
    return start != len(data)


def _tiff_end(data: bytes) -> int:
    """Return the byte at which the first directory of a TIFF ends, and all that it names."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"

    def number(start: int, size: int) -> int:
        return int.from_bytes(data[start : start + size], order)

    directory = number(4, 4)
    end = directory + 2 + 12 * number(directory, 2) + 4
    if len(data) < end:
        return end
    strips: dict[int, tuple[int, int, int]] = {}
    for entry in range(directory + 2, end - 4, 12):
        tag, size, count = number(entry, 2), TIFF_SIZES.get(number(entry + 2, 2), 1), number(entry + 4, 4)
        place = entry + 8 if size * count <= 4 else number(entry + 8, 4)
        end = max(end, place + size * count)
        strips[tag] = (place, size, count)
    for offsets, lengths in ((273, 279), (324, 325)):
        if end <= len(data) and offsets in strips and lengths in strips:
            (start, size, count), (of_lengths, size_of_length, _) = strips[offsets], strips[lengths]
            # they lie one after the other in all but odd files
            last = count - 1
            end = max(
                end, number(start + size * last, size) + number(of_lengths + size_of_length * last, size_of_length)
            )
    return end


def brands(data: bytes) -> set[bytes]:
    """Return the brands in the first box of a file of ISO/IEC 14496-12, and of other files none."""
    if data[4:8] != b"ftyp":
        return set()
    box = data[8 : min(int.from_bytes(data[:4], "big"), 512)]
    return {box[start : start + 4] for start in range(0, len(box), 4)}
