"""Decoding a JPEG at a smaller scale: the time that it would save, and the signatures that it would change.

libjpeg can leave out high frequencies while it decodes, and give the picture at 1/2, 1/4 or 1/8 of its size; Pillow
calls that a draft. Pictures are put together of the demo's, side by side in full detail, and enlarged: enlarged ones
have nothing in the frequencies that a draft leaves out, so they are the best it can hope for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image

from benchmarks.measure import Result, median_seconds
from benchmarks.signatures import PICTURES
from shards.families import DEFAULT, family
from shards.pictures.decoding import Picture

FAMILIES = (*DEFAULT, "whash", "pdq")

SIZES = (512, 1024, 2048)
"""Pixels on each side."""

SCALES = (2, 4, 8)

SMALLEST = 128
"""Pixels on each side of the smallest draft: the Haar transform begins with as many."""

QUALITY = 90

PICTURES_EACH = 2
"""Pictures of each kind and size: large ones take long, and one changed signature is enough."""


@dataclass(frozen=True, slots=True)
class Example:
    """A JPEG, square, and its signatures."""

    data: bytes
    signatures: dict[str, np.void]


def run() -> Iterator[Result]:
    """Measure each kind of picture, size and scale: `ours` decodes the draft, the baseline the whole picture."""
    for kind in ("tiled", "enlarged"):
        for side in SIZES:
            examples = [Example(data, _signed(_decode(data))) for data in _jpegs(kind, side)]
            for scale in SCALES:
                if side // scale >= SMALLEST:
                    yield _measured(f"JPEG of {side} px at 1/{scale}, {kind}", examples, scale)


def _measured(what: str, examples: Sequence[Example], scale: int) -> Result:
    same = dict.fromkeys(FAMILIES, 0)
    scores: dict[str, list[float]] = {name: [] for name in FAMILIES}
    for example in examples:
        whole, draft = example.signatures, _signed(_decode(example.data, scale))
        for name in FAMILIES:
            one = family(name)
            same[name] += whole[name].tobytes() == draft[name].tobytes()
            scores[name].append(
                float(one.score_pairs(np.array([whole[name]], one.dtype), np.array([draft[name]], one.dtype))[0])
            )
    first = examples[0].data
    kept = ", ".join(f"{name} {same[name]} (worst {min(scores[name]):.1f})" for name in FAMILIES)
    return Result(
        what,
        median_seconds(partial(_decode, first, scale), runs=3),
        "all of it",
        median_seconds(partial(_decode, first), runs=3),
        f"equal signatures of {len(examples)} pictures: {kept}",
        "every signature equal",
        all(count == len(examples) for count in same.values()),
    )


def _decode(data: bytes, scale: int = 1) -> Image.Image:
    image = Image.open(BytesIO(data))
    if scale > 1:
        asked = image.width // scale, image.height // scale
        drafted = image.draft("RGB", asked)
        if drafted is None or image.size != asked:
            raise RuntimeError(f"a draft at 1/{scale} has {image.size} pixels, not {asked}")
    image.load()
    return image


def _signed(image: Image.Image) -> dict[str, np.void]:
    picture = Picture(np.ascontiguousarray(np.asarray(image.convert("RGB"))))
    return {name: family(name).compute(picture) for name in FAMILIES}


def _jpegs(kind: str, side: int) -> list[bytes]:
    """Return pictures of this size as JPEGs."""
    sources = [Image.open(path).convert("RGB") for path in sorted(PICTURES.glob("*.jpg"))]
    found = []
    for n in range(PICTURES_EACH):
        if kind == "enlarged":
            image = sources[n].resize((side, side), Image.Resampling.LANCZOS)
        else:
            image = Image.new("RGB", (side, side))
            at = n
            for top in range(0, side, 300):
                for left in range(0, side, 400):
                    image.paste(sources[at % len(sources)], (left, top))
                    at += 1
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY)
        found.append(buffer.getvalue())
    return found
