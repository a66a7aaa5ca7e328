"""Kinds of picture files, told by their first bytes: which are read here, and what to do about the others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shards.pictures.containers import HEIC_BRANDS, brands, is_svg, media_type

CONVERT = "save it as PNG or JPEG, and send that"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of picture file."""

    name: str
    """What people call it."""

    pillow: str | None = None
    """Pillow's name of the format where its bytes are read here; None where they are not."""

    advice: str = CONVERT
    """What to do about one that cannot be read."""


READ = {
    "image/jpeg": Kind("JPEG", "JPEG"),
    "image/png": Kind("PNG", "PNG"),
    "image/gif": Kind("GIF", "GIF"),
    "image/webp": Kind("WebP", "WEBP"),
    "image/avif": Kind("AVIF", "AVIF"),
    "image/heic": Kind("HEIC", "HEIF"),
    "image/bmp": Kind("BMP", "BMP"),
    "image/tiff": Kind("TIFF", "TIFF"),
}
"""Kinds that are read here, by media type."""

SVG = Kind(
    "SVG, a drawing that has no pixels until a program renders it, each a little differently",
    advice="render it to PNG as those of the index were, such as with 'cairosvg drawing.svg -o drawing.png', and send"
    " that",
)
JPEG_XL = Kind("JPEG XL", advice="save it as JPEG, such as with 'djxl picture.jxl picture.jpg', and send that")
RAW = Kind("a raw file of a camera", advice="develop it, or send the JPEG that the camera keeps beside it")
VIDEO = Kind("a video", advice="save a frame of it as PNG or JPEG, and send that")
BEGINNINGS = (
    (b"8BPS\0\2", Kind("Photoshop's PSB", advice="save it as PNG, and send that")),
    (b"8BPS", Kind("Photoshop", "PSD", "save it as PNG, or in 8 bits a channel")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind("JPEG 2000", "JPEG2000")),
    (b"\xff\x4f\xff\x51", Kind("JPEG 2000", "JPEG2000")),
    (b"DDS ", Kind("DDS", "DDS")),
    (b"qoif", Kind("QOI", "QOI")),
    (b"\x01\xda", Kind("SGI", "SGI")),
    (b"icns", Kind("ICNS", "ICNS")),
    (b"\0\0\1\0", Kind("ICO", "ICO")),
    (b"\xff\x0a", JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JPEG_XL),
    (b"\x76\x2f\x31\x01", Kind("OpenEXR")),
    (b"#?RADIANCE", Kind("Radiance HDR")),
    (b"#?RGBE", Kind("Radiance HDR")),
    (b"II\xbc", Kind("JPEG XR")),
    (b"gimp xcf", Kind("GIMP's XCF", advice="export it as PNG, and send that")),
    (b"AT&TFORM", Kind("DjVu")),
    (b"\x1aE\xdf\xa3", VIDEO),
    (b"P7\n", Kind("PAM")),
    (b"FLIF", Kind("FLIF")),
    (b"BPG\xfb", Kind("BPG")),
    (b"\xd7\xcd\xc6\x9a", Kind("WMF", advice="render it to PNG, and send that")),
    (b"II+\0", Kind("TIFF", "TIFF")),
    (b"MM\0+", Kind("TIFF", "TIFF")),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIU\0", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"FOVb", RAW),
)
"""Beginnings of other files."""

NETPBM = re.compile(rb"P[1-6fF]\s")
VIDEO_BRANDS = frozenset({b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5", b"3gp6"})
RAW_BRANDS = frozenset({b"crx "})
HEIF_BRANDS = frozenset({b"mif1", b"msf1", b"mif2", b"j2ki", b"avci", b"jpeg", b"vvic"})
"""Brands of ISO/IEC 23008-12 for pictures in whatever coding."""


def kind_of(data: bytes) -> Kind | None:
    """Return the kind of picture that a file claims to be; None for what is no picture, and for a kind nobody knows.

    `data`: its first 4 kB, or more.
    """
    known = READ.get(media_type(data[:512]) or "")
    if known is not None:
        return known
    for beginning, kind in BEGINNINGS:
        if data.startswith(beginning):
            return kind
    if NETPBM.match(data):
        return Kind("Netpbm", "PPM")
    if data[40:44] == b" EMF" and data[:4] == b"\1\0\0\0":
        return Kind("EMF", advice="render it to PNG, and send that")
    stated = brands(data)
    if stated & RAW_BRANDS:
        return RAW
    if stated & (HEIF_BRANDS | HEIC_BRANDS):
        return Kind("HEIF in another coding than HEVC and AV1")
    if stated & VIDEO_BRANDS or (data[:4] == b"RIFF" and data[8:12] == b"AVI "):
        return VIDEO
    return SVG if is_svg(data) else None
