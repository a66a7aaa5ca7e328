"""Bytes to pictures: the one decoder, and its limits.

Pillow is used here and nowhere else, and imported when the first picture is decoded: whoever only scans
signatures never loads it.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from shards.errors import PictureError
from shards.pictures.orientations import ORIENTATIONS, turned

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ORIENTATIONS", "Picture", "PictureSettings", "decode", "media_type", "thumbnail"]

UNREADABLE = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
"""What Pillow recognises and we leave alone: EPS starts Ghostscript, WMF needs Windows, the others are
recognised only, not decoded."""

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
"""Brands of ISO/IEC 23008-12 that say HEVC, and of AVIF, which has the same container and which Pillow reads."""

SAID_OF_SHORT_FILES = ("truncated", "Truncated", "not enough image data", "unexpected end", "Unexpected end")

LUMA_WEIGHTS = np.array([19595, 38470, 7471], np.float32) / np.float32(65536)
LUMA_ROWS = 64
"""Rows of luma computed at a time: their float32 copy of a wide picture still fits the L2 cache."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """How bytes become a picture. An index has one such setting for ever: it decides what its signatures mean.

    `exif`: turn the picture as its EXIF orientation says, or leave it as stored, as IQDB and image-match do.
    TIFF and HEIC state their orientation in the format itself; it always counts, as it does in Pillow.
    `alpha`: lay transparent pixels over white, or drop the alpha channel and show whatever colour is below,
    which is Pillow's `convert("RGB")` and what image-match does.
    `max_bytes`: of the file. `max_pixels`: width × height of the decoded picture, compared before decoding; at
    3 bytes a pixel the default needs 300 MB. Pillow's own ceiling of 178,956,970 pixels stays in force.
    """

    exif: Literal["apply", "ignore"] = "apply"
    alpha: Literal["white", "drop"] = "white"
    max_bytes: int = 32 << 20
    max_pixels: int = 100_000_000


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture.

    `rgb`: (height, width, 3) uint8, C-contiguous.
    """

    rgb: NDArray[np.uint8]

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """(height, width) uint8: ITU-R 601 luma exactly as Pillow's `convert("L")` rounds it.

        That is (19595 R + 38470 G + 7471 B + 32768) >> 16. The same in float32 is exact, since every partial
        sum is a multiple of 1/65536 below 256 and so has at most 24 bits; and it is three times faster.
        """
        luma = np.empty(self.rgb.shape[:2], np.uint8)
        for start in range(0, self.height, LUMA_ROWS):
            block = self.rgb[start : start + LUMA_ROWS].astype(np.float32)
            luma[start : start + LUMA_ROWS] = block @ LUMA_WEIGHTS + np.float32(0.5)
        luma.flags.writeable = False
        return luma

    def orientations(self) -> list[Picture]:
        """The picture in the 8 orientations of the plane, in the order of `ORIENTATIONS`; the first is itself."""
        return [self, *(Picture(turned(self.rgb, orientation)) for orientation in range(2, 9))]


def decode(data: bytes | memoryview, settings: PictureSettings | None = None) -> Picture:
    """The picture in these bytes: JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP, ICO and whatever else Pillow reads.

    HEIC needs the extra `lookalike[heic]`. Of an animation it is the first frame. Depths and colour spaces
    become 8-bit RGB as Pillow converts them: 16-bit and floating-point greys are clipped at 255, not scaled,
    and embedded colour profiles do not count.

    Raises PictureError, and nothing else whatever the bytes, with `reason` one of
    `empty`, `too_large_bytes`, `too_many_pixels` (before anything is decoded), `not_an_image` (no known
    format), `unsupported` (a known format that cannot be read here), `truncated` (the file ends too early) and
    `damaged` (it contradicts itself).
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
    try:
        with pillow_warnings_ignored():
            return Picture(_pixels(bytes(data), settings))
    except PictureError:
        raise
    except Exception as error:
        # decoders fail in whatever way damaged bytes lead them to: SyntaxError, struct.error, IndexError, …
        raise _refusal(error, bytes(data)) from error


def _pixels(data: bytes, settings: PictureSettings) -> NDArray[np.uint8]:
    """(height, width, 3) uint8, C-contiguous."""
    heic = _is_heic(data)
    with _open_heic(data) if heic else _open(data) as image:
        width, height = image.size
        if width * height > settings.max_pixels:
            raise PictureError(
                "too_many_pixels",
                f"{width:,} × {height:,} = {width * height:,} pixels are more than the "
                f"{settings.max_pixels:,} that are decoded; send a smaller copy",
            )
        image.load()
        orientation = 1 if heic or settings.exif == "ignore" else _exif_orientation(image)
        return turned(_rgb(image, settings.alpha), orientation)


def _open(data: bytes) -> Image.Image:
    """The picture with its header read and its pixels not yet decoded."""
    from PIL import Image

    Image.init()
    return Image.open(io.BytesIO(data), formats=[name for name in Image.ID if name not in UNREADABLE])


def _is_heic(data: bytes) -> bool:
    brands = _brands(data)
    return bool(brands & HEIC_BRANDS) and not brands & AVIF_BRANDS


def _brands(data: bytes) -> set[bytes]:
    """What a file of ISO/IEC 14496-12 says it is in its first box; nothing where it is no such file."""
    if data[4:8] != b"ftyp":
        return set()
    box = data[8 : min(int.from_bytes(data[:4], "big"), 512)]
    return {box[start : start + 4] for start in range(0, len(box), 4)}


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
    """1 to 8; 1 where nothing sensible is stated: a picture with broken EXIF is still a picture."""
    from PIL import ExifTags

    try:
        stated = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def _rgb(image: Image.Image, alpha: Literal["white", "drop"]) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of a loaded image of any mode."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Pillow clips these too, but it has changed its mind about 16 bits before, and casts NaN to anything
        grey = np.nan_to_num(np.asarray(image), nan=0.0).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "La":
        image = image.convert("LA")
    if alpha == "white" and image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width, 3): the colours over white, by rows so that the 16-bit products stay small."""
    rgb = np.empty((*rgba.shape[:2], 3), np.uint8)
    for row, out in zip(rgba, rgb, strict=True):
        opacity = row[:, 3:].astype(np.uint16)
        # at most 255 · 255 + 127: no overflow, and +127 rounds to nearest since 255 is odd
        out[:] = (row[:, :3] * opacity + np.uint16(255) * (255 - opacity) + np.uint16(127)) // 255
    return rgb


def _refusal(error: Exception, data: bytes) -> PictureError:
    """What a decoder's complaint means for whoever sent the bytes."""
    from PIL import Image, UnidentifiedImageError

    said = f"{type(error).__name__}: {error}".strip()[:200]
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too_many_pixels", f"Pillow refuses to decode so many pixels ({said})")
    if isinstance(error, EOFError) or any(words in said for words in SAID_OF_SHORT_FILES) or _ends_early(data):
        return PictureError(
            "truncated", f"the picture goes on after its {len(data):,} bytes ({said}); send the whole file"
        )
    if isinstance(error, UnidentifiedImageError):
        return PictureError(
            "not_an_image",
            f"{len(data):,} bytes that begin like no picture format that is read here; "
            "send JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP or HEIC",
        )
    return PictureError(
        "damaged", f"the {len(data):,} bytes begin like a picture but cannot be decoded ({said}); save it anew"
    )


def _ends_early(data: bytes) -> bool:
    """Whether a container states more bytes than there are: RIFF (WebP), or boxes (AVIF, HEIC, JPEG 2000).

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


_ignoring = threading.Lock()
_decoding_threads = 0
_saved: warnings.catch_warnings[None] | None = None


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Nothing that Pillow's modules warn of is shown or raised meanwhile, in any thread.

    Pillow warns of a hundred harmless oddities in files that strangers send. `catch_warnings` alone swaps the
    filters of the whole process, and threads that decode at once would restore each other's: so the first
    decoder in sets the filter, and the last one out takes it back.
    """
    global _decoding_threads, _saved
    with _ignoring:
        _decoding_threads += 1
        if _decoding_threads == 1:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
    try:
        yield
    finally:
        with _ignoring:
            _decoding_threads -= 1
            if _decoding_threads == 0 and _saved is not None:
                _saved.__exit__(None, None, None)
                _saved = None


def thumbnail(picture: Picture, side: int) -> bytes:
    """The picture as a WebP file of at most `side` × `side` pixels, for people to look at; never made larger."""
    from PIL import Image

    image = Image.fromarray(picture.rgb)
    image.thumbnail((side, side))
    encoded = io.BytesIO()
    # method 2 takes 60 % of the time of the usual 4, for files that are 3 % larger
    image.save(encoded, "WEBP", quality=75, method=2)
    return encoded.getvalue()


def media_type(data: bytes | memoryview) -> str:
    """What kind of file these bytes are to a browser, such as `image/jpeg`, by their content alone.

    `application/octet-stream` where they begin like no picture, or the format has no media type.
    """
    from PIL import Image

    if _is_heic(bytes(data[:512])):
        return "image/heic"
    try:
        with pillow_warnings_ignored(), _open(bytes(data)) as image:
            # a JPEG with further pictures behind it: browsers know it by its first name only
            name = "JPEG" if image.format == "MPO" else image.format or ""
    except Exception:
        # decoders fail in whatever way damaged bytes lead them to
        return "application/octet-stream"
    return Image.MIME.get(name, "application/octet-stream")
