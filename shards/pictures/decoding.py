"""From bytes to pictures: the one decoder, and its limits.

Pillow is used here and nowhere else. It is imported when the first picture is decoded, so processes that only scan
signatures never load it.
"""

from __future__ import annotations

import io
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import PictureError
from shards.pictures.containers import ends_early, is_heic, is_svg
from shards.pictures.costs import check_cost
from shards.pictures.depths import Depth, to_8_bits
from shards.pictures.orientations import ORIENTATIONS, turned

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ORIENTATIONS", "Picture", "PictureSettings", "decode", "prepare", "thumbnail"]

UNREADABLE = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
"""Formats that Pillow recognises and that are refused: EPS starts Ghostscript, WMF needs Windows, and the others Pillow
cannot decode."""

SAID_OF_SHORT_FILES = ("truncated", "Truncated", "not enough image data", "unexpected end", "Unexpected end")

LUMA_WEIGHTS = np.array([19595, 38470, 7471], np.float32) / np.float32(65536)
LUMA_ROWS = 64
"""Rows of luma computed at a time: their float32 copy of a wide picture still fits the L2 cache."""

SHOWS = 0.005
"""Share of a picture that is transparent, a half where it is half so, from which on it shows: less, such as that of
rounded corners, moves no signature by more than saving a JPEG does."""

Exif: TypeAlias = Literal["apply", "ignore"]
Alpha: TypeAlias = Literal["white", "drop"]


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The rules by which bytes become a picture. An index keeps them for ever: they decide what its signatures mean."""

    exif: Exif = "apply"
    """Turn the picture as its EXIF orientation says, or leave it as stored, as IQDB and image-match do. TIFF and HEIC
    state their orientation in the format itself; it always counts, as it does in Pillow."""

    alpha: Alpha = "white"
    """Lay transparent pixels over white, or drop the alpha channel and show whatever colour is below, which is Pillow's
    `convert("RGB")` and what image-match does."""

    depth: Depth = "clip"
    """Make 8 bits of greys with more by clipping them, as Pillow's `convert("RGB")` and so all the programs over it do,
    which leaves little of most such pictures but white; or scale them, so that they look as people see them. Colours
    of 16 bits are scaled either way."""

    max_bytes: int = 32 << 20
    """Bytes of the file."""

    max_pixels: int = 100_000_000
    """Width × height of the decoded picture, compared before decoding; at 3 bytes a pixel the default needs 300 MB.
    Pillow's own limit of 178,956,970 pixels stays in force."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture."""

    rgb: NDArray[np.uint8]
    """(height, width, 3) uint8, C-contiguous; over white where the file is transparent and its settings say so."""

    opacity: NDArray[np.uint8] | None = None
    """(height, width) uint8, 255 where nothing shines through; None where the transparency of the file, if it has any,
    does not show, or was dropped."""

    @property
    def over_black(self) -> NDArray[np.uint8] | None:
        """The picture over black, (height, width, 3) uint8, computed at each look; None where `opacity` is.

        A copy of a cut-out may lie over any colour; and ink that is white shows over black alone.
        """
        if self.opacity is None:
            return None
        # c·a + 127 over 255, rounded down, is 255 - a less than the same over white: exactly what was added there
        return self.rgb - (255 - self.opacity)[:, :, None]

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """ITU-R 601 luma, (height, width) uint8, exactly as Pillow's `convert("L")` rounds it.

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
        """Return the picture, and it in the 7 other orientations of the plane, in the order of `ORIENTATIONS`."""
        return [self, *(self.turned(orientation) for orientation in range(2, 9))]

    def turned(self, orientation: int) -> Picture:
        """Return the picture turned as EXIF orientation 1 to 8 asks a viewer to."""
        return Picture(
            turned(self.rgb, orientation), None if self.opacity is None else turned(self.opacity, orientation)
        )

    def backgrounds(self) -> list[Picture]:
        """Return the picture, and where its transparency shows that over black, too."""
        over_black = self.over_black
        return [self] if over_black is None else [self, Picture(over_black)]


def prepare() -> bool:
    """Load every decoder, to work in one thread if it can: for a process that can load nothing any more later.

    Returns whether one of them starts threads all the same: that of HEIC, which is there with its extra alone.
    """
    from PIL import AvifImagePlugin, Image

    Image.init()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.options.DECODE_THREADS = 1
    return True


def decode(data: bytes | memoryview, settings: PictureSettings | None = None, *, max_cost: float = math.inf) -> Picture:
    """Decode a picture: JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP, ICO and whatever else Pillow reads.

    HEIC needs the extra `lookalike[heic]`. Of an animation the first frame is decoded. Depths and colour spaces
    become 8-bit RGB as Pillow converts them, but for what the settings say of alpha and of depth, and embedded colour
    profiles do not count. `max_cost`: the most work that it may be (see `costs`).

    Raises PictureError, and nothing else whatever the bytes, with `reason` one of
    `empty`, `too_large_bytes`, `too_many_pixels` and `too_costly` (before anything is decoded), `not_an_image` (no
    known format), `unsupported` (a known format that cannot be read here), `truncated` (the file ends too early) and
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
            return _picture(bytes(data), settings, max_cost)
    except PictureError:
        raise
    except Exception as error:
        # decoders fail in whatever way damaged bytes lead them to: SyntaxError, struct.error, IndexError, …
        raise _refusal(error, bytes(data)) from error


def _picture(data: bytes, settings: PictureSettings, max_cost: float) -> Picture:
    """Return the picture in a file, as `decode` does, whatever errors the decoder raises."""
    heic = is_heic(data)
    with _open_heic(data) if heic else _open(data) as image:
        width, height = image.size
        if width * height > settings.max_pixels:
            raise PictureError(
                "too_many_pixels",
                f"{width:,} × {height:,} = {width * height:,} pixels are more than the "
                f"{settings.max_pixels:,} that are decoded; send a smaller copy",
            )
        check_cost("HEIF" if heic else image.format or "", width * height, data, max_cost)
        image.load()
        orientation = 1 if heic or settings.exif == "ignore" else _exif_orientation(image)
        return _converted(image, settings).turned(orientation)


def _open(data: bytes) -> Image.Image:
    """Open a picture: its header is read, its pixels are not decoded yet."""
    from PIL import Image

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


def _converted(image: Image.Image, settings: PictureSettings) -> Picture:
    """Convert a loaded image of any mode."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Picture(np.repeat(to_8_bits(np.asarray(image), settings.depth)[:, :, None], 3, axis=2))
    if image.mode == "La":
        image = image.convert("LA")
    if settings.alpha == "white" and image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    return Picture(np.asarray(image.convert("RGB")))


def _over_white(rgba: NDArray[np.uint8]) -> Picture:
    """Lay (height, width, 4) over white, row by row so that the 16-bit products stay small."""
    rgb = np.empty((*rgba.shape[:2], 3), np.uint8)
    for row, out in zip(rgba, rgb, strict=True):
        opacity = row[:, 3:].astype(np.uint16)
        # at most 255 · 255 + 127: no overflow, and +127 rounds to nearest since 255 is odd
        out[:] = (row[:, :3] * opacity + np.uint16(255) * (255 - opacity) + np.uint16(127)) // 255
    opacity = rgba[:, :, 3]
    shows = float(opacity.mean()) <= 255 * (1 - SHOWS)
    return Picture(rgb, opacity.copy() if shows else None)


def _refusal(error: Exception, data: bytes) -> PictureError:
    """Return the error that tells the sender of the bytes what a decoder's complaint means."""
    from PIL import Image, UnidentifiedImageError

    said = f"{type(error).__name__}: {error}".strip()[:200]
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too_many_pixels", f"Pillow refuses to decode so many pixels ({said})")
    if isinstance(error, EOFError) or any(words in said for words in SAID_OF_SHORT_FILES) or ends_early(data):
        return PictureError(
            "truncated", f"the picture goes on after its {len(data):,} bytes ({said}); send the whole file"
        )
    if isinstance(error, UnidentifiedImageError) and is_svg(data):
        return PictureError(
            "unsupported",
            "this is SVG, a drawing that has no pixels until a program renders it, each a little differently: render it"
            " to PNG as those of the index were, such as with 'cairosvg drawing.svg -o drawing.png', and send that",
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


_ignoring = threading.Lock()
_decoding_threads = 0
_saved: warnings.catch_warnings[None] | None = None


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Neither show nor raise what Pillow's modules warn of meanwhile, in any thread.

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
    """Draw the picture as a WebP file of up to `side` × `side` pixels, for people to look at; never enlarge it."""
    from PIL import Image

    image = Image.fromarray(picture.rgb)
    image.thumbnail((side, side))
    encoded = io.BytesIO()
    # method 2 takes 60 % of the time of the usual 4, for files that are 3 % larger
    image.save(encoded, "WEBP", quality=75, method=2)
    return encoded.getvalue()
