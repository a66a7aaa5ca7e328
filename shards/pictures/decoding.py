"""From bytes to pictures: the one decoder, and its limits.

Pillow is used in this package and nowhere else. It is imported when the first picture is decoded, so processes that
only scan signatures never load it.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np

from shards.errors import PictureError
from shards.pictures import jxl, raw
from shards.pictures.containers import is_heic
from shards.pictures.conversion import converted
from shards.pictures.costs import check_cost
from shards.pictures.endings import endings
from shards.pictures.frames import with_content
from shards.pictures.orientations import ORIENTATIONS
from shards.pictures.picture import Picture
from shards.pictures.pillow_warnings import pillow_warnings_ignored
from shards.pictures.refusals import refusal
from shards.pictures.settings import Alpha, Exif, PictureSettings
from shards.pictures.thumbnails import thumbnail

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ORIENTATIONS", "Alpha", "Exif", "Picture", "PictureSettings", "decode", "prepare", "thumbnail"]

UNREADABLE = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", jxl.FORMAT})
"""Formats that Pillow recognises and that are refused: EPS starts Ghostscript, WMF needs Windows, and the others Pillow
cannot decode. JPEG XL is opened by itself."""

ENDS = frozenset({"truncated", "damaged"})
"""Reasons of files of which only the end may be missing."""


def prepare() -> bool:
    """Load every decoder, to work in one thread if it can: for a process that can load nothing any more later.

    Returns whether one of them starts threads all the same: that of HEIC, which is there with its extra alone.
    """
    from PIL import AvifImagePlugin, Image

    Image.init()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    jxl.prepare()
    raw.prepare()
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.options.DECODE_THREADS = 1
    return True


def decode(data: bytes | memoryview, settings: PictureSettings | None = None, *, max_cost: float = math.inf) -> Picture:
    """Decode a picture: JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP, ICO and whatever else Pillow reads.

    HEIC needs the extra `lookalike[heic]`, JPEG XL `lookalike[jxl]`, and raw files of cameras `lookalike[raw]`: of
    these the picture counts that the camera keeps in them. Of an animation one frame is decoded. Depths and colours
    become 8-bit RGB as Pillow converts them, but for what the settings say of alpha and of depth, and embedded colour
    profiles do not count. `max_cost`: the most work that it may be (see `costs`).

    Raises PictureError, and nothing else whatever the bytes, with `reason` one of
    `empty`, `too_large_bytes`, `too_many_pixels` and `too_costly` (before anything is decoded), `not_an_image` (no
    known format), `unsupported` (a known format that cannot be read here), `truncated` (the file ends before its last
    pixel) and `damaged` (it contradicts itself).
    """
    settings = settings or PictureSettings()
    size = memoryview(data).nbytes
    if size == 0:
        raise PictureError("empty", "0 bytes: there is no picture; check that the upload was complete")
    if size > settings.max_bytes:
        raise PictureError(
            "too_large_bytes",
            f"{size:,} bytes are more than the {settings.max_bytes:,} that are decoded; send a smaller copy",
        )
    body = bytes(data)
    with pillow_warnings_ignored():
        try:
            return _picture(body, settings, max_cost)
        except PictureError:
            raise
        except Exception as error:
            # decoders fail in whatever way damaged bytes lead them to: SyntaxError, struct.error, IndexError, …
            refused = refusal(error, body, settings.max_pixels)
            picture = _ended(body, settings, max_cost) if refused.reason in ENDS else None
            if picture is None:
                raise refused from error
    return picture


def _ended(data: bytes, settings: PictureSettings, max_cost: float) -> Picture | None:
    """Return the picture of a file that was cut after its last pixel; None where pixels are missing."""
    first: Picture | None = None
    try:
        for whole in endings(data):
            picture = _picture(whole, settings, max_cost)
            if first is not None and not np.array_equal(first.rgb, picture.rgb):
                return None
            first = first or picture
    except MemoryError:
        raise
    except Exception:
        return None
    return first


def _picture(data: bytes, settings: PictureSettings, max_cost: float) -> Picture:
    """Return the picture in a file, as `decode` does, whatever errors the decoder raises."""
    # what Pillow decoded is freed before a turned copy is made
    picture, orientation = _as_stored(data, settings, max_cost)
    return picture.turned(orientation)


def _as_stored(data: bytes, settings: PictureSettings, max_cost: float) -> tuple[Picture, int]:
    """Return the picture in a file, and the orientation in which it is to be seen."""
    if raw.is_raw(data):
        return _in_raw(data, settings, max_cost)
    heic = is_heic(data)
    with _opened(data, settings, max_cost) as image:
        width, height = image.size
        if width * height > settings.max_pixels:
            raise PictureError(
                "too_many_pixels",
                f"{width:,} × {height:,} = {width * height:,} pixels are more than the "
                f"{settings.max_pixels:,} that are decoded; send a smaller copy",
            )
        check_cost("HEIF" if heic else image.format or "", width * height, data, max_cost)
        image.load()
        # HEIC and JPEG XL turn pictures themselves, but for JPEGs that were packed as JPEG XL
        is_turned = heic or (image.format == jxl.FORMAT and not getattr(image, "jpeg", False))
        orientation = 1 if is_turned or settings.exif == "ignore" else _exif_orientation(image)
        if settings.frame == "first":
            return converted(image, settings), orientation
        return with_content(image, lambda frame: converted(frame, settings)), orientation


def _in_raw(data: bytes, settings: PictureSettings, max_cost: float) -> tuple[Picture, int]:
    """Return the camera's picture in a raw file, and its orientation: its own, or else that of the raw data."""
    preview, orientation = raw.preview(data)
    if raw.is_raw(preview):
        raise PictureError("damaged", "the picture in this raw file is a raw file: develop it, and send that")
    picture, own = _as_stored(preview, settings, max_cost)
    return picture, orientation if own == 1 and settings.exif != "ignore" else own


def _opened(data: bytes, settings: PictureSettings, max_cost: float) -> Image.Image:
    """Open a picture: its header is read, and its pixels are not decoded yet, but for those of JPEG XL."""
    from PIL import Image

    if is_heic(data):
        return _open_heic(data)
    if jxl.is_jxl(data):
        check_cost(jxl.FORMAT, jxl.pixels(data, settings.max_pixels), data, max_cost)
        return jxl.open_jxl(data)
    Image.init()
    return Image.open(io.BytesIO(data), formats=[name for name in Image.ID if name not in UNREADABLE])


def _open_heic(data: bytes) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise PictureError(
            "unsupported", "this is HEIC, which is read by an extra: pip install 'lookalike[heic]'"
        ) from None
    image: Image.Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return image


def _exif_orientation(image: Image.Image) -> int:
    """Return 1 to 8; 1 where nothing sensible is stated, since a picture with broken EXIF is still a picture."""
    from PIL import ExifTags

    try:
        stated = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1
