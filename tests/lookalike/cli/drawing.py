"""Pictures for tests: coloured clouds, no two alike."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike import Index
from lookalike.ingest.original import Original


def cloud(seed: int, side: int = 24) -> Image.Image:
    """A picture of 6 × 6 random colours, blurred into each other."""
    colours = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((side, side), Image.Resampling.BICUBIC)


def png(seed: int, side: int = 24) -> bytes:
    encoded = io.BytesIO()
    cloud(seed, side).save(encoded, "PNG")
    return encoded.getvalue()


def draw(folder: Path, names: list[str], first_seed: int = 0) -> None:
    """A picture for each name, folders included."""
    for seed, name in enumerate(names, first_seed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(seed))


def index_of(address: Path, folder: Path, families: tuple[str, ...] = ("haar", "dhash")) -> Index:
    """An index of the pictures in a folder as `lookalike add` makes it, without its processes."""
    index = Index.create(str(address), families=families)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        status = path.stat()
        original = Original(path.relative_to(folder).as_posix(), str(path), status.st_size, status.st_mtime_ns)
        index.add(original.key, path.read_bytes(), source=original.source)
    return index
