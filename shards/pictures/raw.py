"""Raw files of cameras, which are read by an extra: the picture that the camera keeps in them, never the raw data.

To develop raw data is a matter of taste, takes seconds, and gives another picture in each program. The camera's own is
what people know as the photograph.
"""

from __future__ import annotations

import io
import struct

from shards.errors import PictureError
from shards.pictures.containers import brands

BEGINNINGS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb")
"""First bytes of the files of Fujifilm, Panasonic, Olympus and Sigma."""

CANON_BRAND = b"crx "
"""Brand of Canon's CR3, which has the container of ISO/IEC 14496-12."""

CANON = b"CR\2"
"""Bytes 8 to 10 of Canon's CR2, which is a TIFF."""

DNG_VERSION, SUBFILE_TYPE, MAKE, SUBFILES = 50706, 254, 271, 330
"""Tags of TIFF. The raw files of other makers are TIFFs that begin with a small copy, name the maker, and have the rest
in files below."""

ENTRIES = 512
"""Entries of a directory that are looked at."""

UPRIGHT = {0: 1, 3: 3, 5: 8, 6: 6}
"""Orientation as EXIF numbers it, by LibRaw's number."""


def is_raw(data: bytes) -> bool:
    """Return whether this file is raw data of a camera, as far as its beginning tells."""
    if data.startswith(BEGINNINGS) or CANON_BRAND in brands(data[:512]):
        return True
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return False
    tags = _tags(data)
    return (
        data[8:11] == CANON
        or DNG_VERSION in tags
        or (tags.get(SUBFILE_TYPE) == 1 and MAKE in tags and SUBFILES in tags)
    )


def prepare() -> bool:
    """Load the reader; return whether it is there."""
    try:
        import rawpy  # noqa: F401
    except ImportError:
        return False
    return True


def preview(data: bytes) -> tuple[bytes, int]:
    """Return the picture in a raw file as a file of its own, and the orientation in which it is to be seen.

    Raises PictureError where there is none, or the extra is missing.
    """
    if not prepare():
        raise PictureError("unsupported", "this is a camera's raw file, read by an extra: pip install 'lookalike[raw]'")
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            found = raw.extract_thumb()
            flip = int(raw.sizes.flip)
    except rawpy.LibRawNoThumbnailError as error:
        raise PictureError("unsupported", "this raw file has no picture in it: develop it, and send that") from error
    except rawpy.LibRawUnsupportedThumbnailError as error:
        message = "the picture in this raw file has a form that is not read here: develop it, and send that"
        raise PictureError("unsupported", message) from error
    except rawpy.LibRawFileUnsupportedError as error:
        raise PictureError(
            "unsupported", "this camera's raw files are not read here: develop it, and send that"
        ) from error
    except rawpy.LibRawError as error:
        raise PictureError("damaged", f"this raw file cannot be read ({error}); copy it anew") from error
    orientation = UPRIGHT.get(flip, 1)
    if isinstance(found.data, bytes):
        return found.data, orientation
    height, width, _ = found.data.shape
    return b"P6 %d %d 255\n" % (width, height) + found.data.tobytes(), orientation


def _tags(data: bytes) -> dict[int, int]:
    """Return the tags of the first directory of a TIFF, each with its value or place."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        entries = (struct.unpack_from(f"{order}HHII", data, start + 2 + 12 * n) for n in range(min(count, ENTRIES)))
        return {tag: value if kind != 3 or order == "<" else value >> 16 for tag, kind, _, value in entries}
    except struct.error:
        return {}
