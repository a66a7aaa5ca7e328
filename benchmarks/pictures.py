"""Signing pictures: what each family costs beside decoding the file."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from benchmarks.measure import Result, median_seconds
from benchmarks.signatures import PICTURES
from shards.families import DEFAULT, family
from shards.images import Picture, decode
from shards.signing import sign


def run() -> list[Result]:
    """One 512 px JPEG; the baseline is Pillow's plain decode of the same bytes."""
    data = (PICTURES / "astronaut.jpg").read_bytes()
    width, height = Image.open(BytesIO(data)).size
    baseline = median_seconds(lambda: Image.open(BytesIO(data)).load(), runs=15)

    def fresh() -> Picture:
        # a picture remembers its luma: each run needs a new one
        return Picture(picture.rgb)

    picture = decode(data)
    default = [family(name) for name in DEFAULT]
    found = [
        Result(
            "sign a JPEG in the four default families",
            median_seconds(lambda: sign(decode(data), default), runs=15),
            "Pillow decodes it",
            baseline,
            f"{width} × {height}, decoding included",
        )
    ]
    for name in (*DEFAULT, "ahash", "whash", "pdq"):
        one = family(name)
        found.append(
            Result(
                f"  {name}, decoded already",
                median_seconds(lambda one=one: one.compute(fresh()), runs=15),  # type: ignore[misc]
                "Pillow decodes it",
                baseline,
                "",
            )
        )
    return found
