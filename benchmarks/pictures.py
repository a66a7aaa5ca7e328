"""Signing pictures: what each family costs beside decoding the file, and beside the packages it takes after."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from PIL import Image

from benchmarks.measure import Result, median_seconds, optional
from benchmarks.signatures import PICTURES
from lookalike.signatures.compute import compute_signatures
from shards.families import DEFAULT, family
from shards.families.crops import compute
from shards.pictures.decoding import Picture, decode

RUNS = 15

MOST_DECODINGS = 7
"""Times that computing a row of crops may take as long as decoding a JPEG of 640 pixels."""

ORIGINALS = {"dhash": "dhash", "phash": "phash", "ahash": "average_hash", "whash": "whash"}
"""What ImageHash calls these families."""


def run() -> list[Result]:
    """One 512 px JPEG, decoding included and excluded."""
    data = (PICTURES / "astronaut.jpg").read_bytes()
    image = Image.open(BytesIO(data))
    image.load()
    decoding: float | None = median_seconds(lambda: Image.open(BytesIO(data)).load(), runs=RUNS)
    picture = decode(data)
    default = [family(name) for name in DEFAULT]
    found = [
        Result(
            "sign a JPEG in the four default families",
            median_seconds(lambda: compute_signatures(decode(data), default), runs=RUNS),
            "Pillow decodes it",
            decoding,
            f"{picture.width} × {picture.height}, decoding included",
        )
    ]
    for name in ("haar", "goldberg", *ORIGINALS, "pdq"):
        baseline_name, baseline = "Pillow decodes it", decoding
        if name not in ("haar", "goldberg"):
            baseline_name, theirs = _original(name, image, picture)
            baseline = median_seconds(theirs, runs=RUNS) if theirs else None
        found.append(Result(f"  {name}, decoded already", _ours(name, picture), baseline_name, baseline, ""))
    return found + _crops()


def _crops() -> list[Result]:
    """Measure what is stored of a 640 px JPEG, and what it is asked for by, decoding excluded."""
    data = (PICTURES / "dahlia.jpg").read_bytes()
    picture = decode(data)
    decoding = median_seconds(lambda: Image.open(BytesIO(data)).load(), runs=RUNS)
    stored = median_seconds(lambda: compute.signature(picture), runs=RUNS)
    asked = median_seconds(lambda: compute.questions(picture), runs=RUNS)
    name, detail = "Pillow decodes it", f"{picture.width} × {picture.height}"
    return [
        Result(
            "  crops, a stored row",
            stored,
            name,
            decoding,
            detail,
            f"at most {MOST_DECODINGS}",
            stored <= MOST_DECODINGS * decoding,
        ),
        Result("  crops, both rows of a question", asked, name, decoding, detail),
    ]


def _ours(name: str, picture: Picture) -> float:
    # a picture remembers its luma: each run needs a new one
    return median_seconds(lambda: family(name).compute(Picture(picture.rgb)), runs=RUNS)


def _original(name: str, image: Image.Image, picture: Picture) -> tuple[str, Callable[[], object] | None]:
    """Return the package that the family takes after, and its way to the same hash, if it is installed."""
    package = "pdqhash" if name == "pdq" else "ImageHash"
    module = optional(package.lower())
    if module is None:
        return f"{package} (not installed)", None
    if name == "pdq":
        return package, lambda: module.compute(picture.rgb)
    return package, lambda: getattr(module, ORIGINALS[name])(image)
