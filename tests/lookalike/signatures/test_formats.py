"""Every kind of picture is computed in a confined process as it is in this one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.signatures.compute import compute_picture
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.table.format.settings import IndexSettings
from tests.patience import PATIENCE

SETTINGS = IndexSettings(("haar", "goldberg", "dhash", "phash", "whash", "pdq"))

OPTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", {}),
    ("JPEG", "CMYK", {"progressive": True}),
    ("MPO", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "I;16", {}),
    ("GIF", "P", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("AVIF", "RGB", {"speed": 10}),
    ("HEIF", "RGB", {}),
    ("JXL", "RGB", {}),
    ("TIFF", "F", {}),
    *(("TIFF", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "zstd", "lzma")),
    ("TIFF", "1", {"compression": "group4"}),
    ("JPEG2000", "RGB", {"irreversible": True}),
    ("BMP", "RGB", {}),
    ("ICO", "RGBA", {}),
    ("ICNS", "RGBA", {}),
    ("TGA", "RGB", {}),
    ("PPM", "RGB", {}),
    ("PCX", "P", {}),
    ("SGI", "RGB", {}),
    ("DDS", "RGBA", {}),
    ("QOI", "RGB", {}),
    ("BLP", "P", {}),
    ("XBM", "1", {}),
]


def encoded(kind: str, mode: str, **options: Any) -> bytes:
    if kind == "JXL":
        pytest.importorskip("pillow_jxl")
    if kind == "HEIF":
        heif = pytest.importorskip("pillow_heif")
        heif.register_heif_opener()
    noise = np.random.default_rng(1).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    image = Image.fromarray(noise).resize((192, 128), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    (Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16)) if mode == "I;16" else image.convert(mode)).save(
        file, kind, **options
    )
    return file.getvalue()


def test_every_kind_of_picture_is_computed_as_in_this_process() -> None:
    families = SETTINGS.load_families()
    with Pool(WorkerSettings.of(SETTINGS), 1, PATIENCE) as pool:
        for kind, mode, options in OPTIONS:
            data = encoded(kind, mode, **options)
            expected = compute_picture(data, families, SETTINGS.pictures, thumbnail=SETTINGS.thumbnails)
            assert pool.compute(data) == expected, (kind, mode, options)
