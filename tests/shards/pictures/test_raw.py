"""Raw files of cameras: the picture in them counts, and is seen as the camera was held."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import PictureError
from shards.pictures import raw
from shards.pictures.decoding import PictureSettings, decode
from shards.table.format.settings import IndexSettings
from tests.patience import PATIENCE
from tests.shards.pictures.drawn import pixels

FORMS = {1: "B", 2: "B", 3: "H", 4: "I", 10: "ii"}
"""Forms of values of TIFF, by the number of their kind."""

Tags = Mapping[int, tuple[int, Sequence[Any]]]


def jpeg(rgb: np.ndarray[Any, Any]) -> bytes:
    body = io.BytesIO()
    Image.fromarray(rgb).save(body, "JPEG", quality=95)
    return body.getvalue()


def dng(preview: bytes | None, width: int, height: int, orientation: int = 1) -> bytes:
    """The smallest DNG that is one: a directory with the camera's JPEG, and one below it with grey raw data."""
    data = bytearray(b"II*\0\0\0\0\0")

    def put(body: bytes) -> int:
        data.extend(b"\0" * (len(data) % 2) + body)
        return len(data) - len(body)

    def directory(tags: Tags) -> int:
        entries = []
        for tag, (kind, values) in sorted(tags.items()):
            flat = [number for value in values for number in (value if isinstance(value, tuple) else (value,))]
            body = struct.pack(f"<{FORMS[kind] * len(values)}", *flat)
            place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", put(body))
            entries.append(struct.pack("<HHI", tag, kind, len(values)) + place)
        return put(struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4))

    levels = put(np.full((48, 64), 1000, "<u2").tobytes())
    sizes: Tags = {256: (4, [64]), 257: (4, [48]), 278: (4, [48]), 279: (4, [64 * 48 * 2]), 273: (4, [levels])}
    depth: Tags = {254: (4, [0]), 258: (3, [16]), 259: (3, [1]), 262: (3, [32803]), 277: (3, [1])}
    colours: Tags = {33421: (3, [2, 2]), 33422: (1, [0, 1, 1, 2])}
    matrix = [(int(n % 4 == 0), 1) for n in range(9)]
    camera: Tags = {
        271: (2, b"Test\0"),
        272: (2, b"Camera\0"),
        274: (3, [orientation]),
        50706: (1, [1, 4, 0, 0]),
        50708: (2, b"Test Camera\0"),
        50721: (10, matrix),
    }
    if preview is None:
        top = directory({**sizes, **depth, **colours, **camera})
    else:
        place = put(preview)
        below = directory({**sizes, **depth, **colours})
        of_preview: Tags = {256: (4, [width]), 257: (4, [height]), 278: (4, [height]), 279: (4, [len(preview)])}
        form: Tags = {254: (4, [1]), 258: (3, [8, 8, 8]), 259: (3, [7]), 262: (3, [6]), 277: (3, [3])}
        top = directory({**of_preview, **form, **camera, 273: (4, [place]), 330: (4, [below])})
    struct.pack_into("<I", data, 4, top)
    return bytes(data)


PREVIEW = jpeg(pixels())


def test_the_cameras_own_picture_counts() -> None:
    data = dng(PREVIEW, 60, 40)
    assert raw.is_raw(data)
    assert np.array_equal(decode(data).rgb, decode(PREVIEW).rgb)


def test_it_is_seen_as_the_camera_was_held() -> None:
    turned = decode(dng(PREVIEW, 60, 40, orientation=6))
    assert np.array_equal(turned.rgb, decode(PREVIEW).turned(6).rgb)
    assert decode(dng(PREVIEW, 60, 40, orientation=6), PictureSettings(exif="ignore")).width == 60


def test_limits_are_those_of_the_picture_in_it() -> None:
    with pytest.raises(PictureError) as refused:
        decode(dng(PREVIEW, 60, 40), PictureSettings(max_pixels=1000))
    assert refused.value.reason == "too_many_pixels"
    with pytest.raises(PictureError) as refused:
        decode(dng(PREVIEW, 60, 40), max_cost=1)
    assert refused.value.reason == "too_costly"


def test_one_without_a_picture_is_not_developed() -> None:
    with pytest.raises(PictureError, match="develop it") as refused:
        decode(dng(None, 0, 0))
    assert refused.value.reason == "unsupported"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_is_refused(kept: float) -> None:
    data = dng(PREVIEW, 60, 40)
    with pytest.raises(PictureError) as refused:
        decode(data[: int(kept * len(data))])
    assert refused.value.reason in ("damaged", "truncated", "unsupported")


def test_without_its_extra_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for data in (dng(PREVIEW, 60, 40), b"FUJIFILMCCD-RAW 0201", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"):
        with pytest.raises(PictureError, match=r"lookalike\[raw\]") as refused:
            decode(data)
        assert refused.value.reason == "unsupported"


def test_a_plain_tiff_is_no_raw_file() -> None:
    body = io.BytesIO()
    Image.fromarray(pixels()).save(body, "TIFF")
    assert not raw.is_raw(body.getvalue())
    assert not raw.is_raw(PREVIEW)


def test_it_is_read_in_a_confined_process() -> None:
    settings = IndexSettings(("haar", "dhash"))
    with Pool(WorkerSettings.of(settings), 1, PATIENCE) as pool:
        assert pool.compute(dng(PREVIEW, 60, 40)).width == 60
