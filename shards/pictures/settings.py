"""The rules by which bytes become a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from shards.pictures.depths import Depth

Exif: TypeAlias = Literal["apply", "ignore"]
Alpha: TypeAlias = Literal["white", "drop"]
Frame: TypeAlias = Literal["content", "first"]


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The rules by which bytes become a picture. An index keeps them for ever: they decide what its signatures mean."""

    exif: Exif = "apply"
    """Turn the picture as its EXIF orientation says, or leave it as stored, as IQDB and image-match do. TIFF and HEIC
    state their orientation in the format itself; it always counts, as it does in Pillow."""

    alpha: Alpha = "white"
    """Lay transparent pixels over white, or drop the alpha channel and show whatever colour is below, which is Pillow's
    `convert("RGB")` and what image-match does."""

    depth: Depth = "scale"
    """Scale greys of more than 8 bits by what their file says of black and white, so that they look as people see them;
    or clip them as Pillow's `convert("RGB")` and so all the programs over it do, which leaves little of most such
    pictures but white. Colours of 16 bits are scaled either way."""

    frame: Frame = "content"
    """Of an animation, show the first frame that is not all of one colour, as `shards.pictures.frames` has it; or the
    first one whatever it shows, as Pillow and the programs over it do."""

    max_bytes: int = 32 << 20
    """Bytes of the file."""

    max_pixels: int = 100_000_000
    """Width × height of the decoded picture, compared before decoding; at 3 bytes a pixel the default needs 300 MB,
    and 400 to 800 MB while it is decoded. Pillow's own limit of 178,956,970 pixels stays in force."""
