"""A folder of pictures with copies, and an index of it, whose signatures are computed in this process."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike import Index
from lookalike.duplicates.applying import Outcome, apply
from lookalike.duplicates.keep import Keeping
from lookalike.duplicates.marking import all_but_the_best
from lookalike.duplicates.planning import plan
from lookalike.duplicates.review import Asked, Review
from tests.lookalike.duplicates.in_this_process import PixelsHere

FAMILIES = ("dhash", "pdq")


def picture(seed: int, side: int = 96) -> Image.Image:
    """Return a picture with shapes of all sizes, unlike that of any other seed."""
    random = np.random.default_rng(seed)
    levels = np.zeros((side, side, 3))
    for cells in (3, 6, 12, 24):
        small = Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8))
        levels += np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), float) / cells
    levels -= levels.min()
    return Image.fromarray((levels / levels.max() * 255).astype(np.uint8))


def encoded(image: Image.Image, form: str = "PNG", quality: int = 90) -> bytes:
    """Return the picture as a file."""
    file = io.BytesIO()
    image.save(file, form, **({"quality": quality} if form == "JPEG" else {}))
    return file.getvalue()


def add(index: Index, folder: Path, pictures: dict[str, bytes]) -> None:
    """Write these files into a folder, and add them to an index."""
    index.trust_originals(folder)
    for key, data in pictures.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (0, 0))
        status = path.stat()
        source = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        index.add(key, data, source=source)


def copies(pictures: int = 3) -> dict[str, bytes]:
    """Return files: of each picture one, one of the same bytes, and one that is smaller."""
    files: dict[str, bytes] = {}
    for n in range(pictures):
        image = picture(n)
        files[f"masters/{n}.png"] = files[f"again/{n}.png"] = encoded(image)
        files[f"small/{n}.jpg"] = encoded(image.resize((48, 48)), "JPEG")
    return files


def review_here(index: Index, asked: Asked | None = None) -> Review:
    """Return a review whose pixels are laid on each other in this process."""
    return index.review(asked, PixelsHere(index.settings, index.originals))


def apply_here(index: Index, action: str, log: Path, *, exact: bool = False, into: Path | None = None) -> Outcome:
    """Do this with all but the best, where nothing below `masters/` is touched."""
    tiers = ("identical",) if exact else ("identical", "same")
    review = review_here(index, Asked(tiers=tiers))  # type: ignore[arg-type]
    choices = all_but_the_best(review, Keeping.of(protect=["masters/"]), tiers)  # type: ignore[arg-type]
    made = plan(choices, action, index.originals, folder=None if into is None else str(into))
    return apply(index, made, log)
