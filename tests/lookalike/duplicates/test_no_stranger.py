"""Of a folder of copies, bursts, icons and pages, no file of another source is marked, and the copies are found."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.evaluation.drawn import line_drawing, page_of_text, screen
from lookalike import Index
from lookalike.duplicates.keep import Keeping
from lookalike.duplicates.marking import all_but_the_best
from lookalike.duplicates.review import Asked, Review
from lookalike.duplicates.tiers import DEFAULT
from shards.families import family
from shards.pictures.decoding import decode
from tests.lookalike.duplicates.folder import review_here

PICTURES = sorted((Path(__file__).parents[3] / "demo" / "pictures").glob("*.jpg"))

FOUND = 0.95
"""Least share of half-size, re-encoded and grey copies in the first two tiers."""


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    return _encoded(image, "JPEG", quality=quality)


def png(image: Image.Image) -> bytes:
    return _encoded(image, "PNG")


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def photographs(number: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield pictures: parts of the demo's, none of which shows what another does, and none of which is flat."""
    given = 0
    for n in range(len(PICTURES) * 17):
        if given == number:
            return
        whole = Image.open(PICTURES[n % len(PICTURES)]).convert("RGB")
        part = n // len(PICTURES)
        if part == 0:
            given += 1
            yield f"photo{n}", whole
            continue
        # cells of a grid of 4 × 4: the parts do not overlap, and the whole is too different from any
        row, column = divmod((part - 1) % 16, 4)
        width, height = whole.width // 4, whole.height // 4
        box = (column * width, row * height, (column + 1) * width, (row + 1) * height)
        image = whole.crop(box)
        if not is_flat(image):
            given += 1
            yield f"photo{n}", image


def is_flat(image: Image.Image) -> bool:
    """Return whether a picture is without content, such as a piece of the sky: then only its own bytes are a copy."""
    decoded = decode(png(image))
    kinds = [family(name) for name in ("dhash", "pdq")]
    return any(bool(kind.is_flat(np.array([kind.compute(decoded)], kind.dtype))[0]) for kind in kinds)


def copies(image: Image.Image) -> dict[str, bytes]:
    """Return files of one picture, by what was done to it."""
    width, height = image.size
    caption = image.copy()
    ImageDraw.Draw(caption).text((width // 8, height - height // 6), "Holiday 2019", fill="white", stroke_width=1)
    return {
        "original": png(image),
        "identical": png(image),
        "reencoded": jpeg(image, 60),
        "half": jpeg(image.resize((width // 2, height // 2), Image.Resampling.LANCZOS)),
        "grey": jpeg(image.convert("L")),
        "cropped": jpeg(image.crop((width // 20, height // 20, width, height))),
        "captioned": jpeg(caption),
    }


def burst(image: Image.Image, frames: int, chance: Random) -> dict[str, bytes]:
    """Return frames of one scene in which something small has moved: each is a picture of its own."""
    side = max(8, min(image.size) // 8)
    thing = Image.new("RGB", (side, side), "black")
    # whatever is behind it, some of it is seen
    thing.paste("white", (0, 0, side // 2, side))
    files = {}
    places = [(x, y) for x in range(0, image.width - side, side) for y in range(0, image.height - side, side)]
    for n, place in enumerate(chance.sample(places, frames)):
        frame = image.copy()
        frame.paste(thing, place)
        files[f"frame{n}"] = jpeg(frame, 92)
    return files


def icon(letter: str, colour: str) -> Image.Image:
    """Return clip art on white: the same shape, with another letter or colour in it."""
    image = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((6, 6, 58, 58), outline="black", fill=colour, width=3)
    draw.text((24, 18), letter, fill="black", font_size=26)
    return image


def made(number: int) -> dict[str, bytes]:
    """Return about this many files by key, which begins with the name of the source."""
    chance = Random(16)
    share = number // 10
    files: dict[str, bytes] = {}
    for name, image in photographs(share // 2 + 1):
        files |= {f"{name}/{kind}": data for kind, data in copies(image).items()}
    for n, (_, image) in enumerate(photographs(share // 4 + 1)):
        for kind, data in burst(image, 6, chance).items():
            files[f"burst{n}-{kind}/original"] = data
    letters = [chr(code) for code in (*range(65, 91), *range(97, 123))]
    for n in range(2 * share):
        colour = ("gold", "tomato", "skyblue", "palegreen")[n // len(letters) % 4]
        drawn = icon(letters[n % len(letters)] + ("" if n < 208 else str(n)), colour)
        files[f"icon{n}/original"] = png(drawn)
    for n in range(share):
        kind = (page_of_text, line_drawing, screen)[n % 3]
        drawn = kind(Random(n))
        files |= {f"page{n}/original": png(drawn), f"page{n}/identical": png(drawn)}
        files[f"page{n}/reencoded"] = jpeg(drawn, 60)
    return files


def indexed(folder: Path, files: Mapping[str, bytes]) -> Index:
    # crops takes most of the time, and suggests nothing here
    index = Index.create(str(folder / "index"), families=("haar", "goldberg", "dhash", "pdq"))
    index.trust_originals(folder)
    records = []
    for key, data in files.items():
        path = folder / "files" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        records.append(index.sign(key, data, source={"path": str(path), "size": len(data)}))
    index.write(records)
    return index


def source_of(key: str) -> str:
    return key.partition("/")[0]


def found_of(review: Review, kind: str, tiers: tuple[str, ...] = DEFAULT) -> set[str]:
    """Return the copies of this kind that are in a group with their original."""
    found = set()
    for group in review.groups:
        for source, number in Counter(source_of(each.image.key) for each in group.images).items():
            if number > 1:
                keys = {each.image.key for each in group.images if each.tier is None or each.tier in tiers}
                found |= {f"{source}/{kind}"} & keys
    return found


def check(folder: Path, number: int) -> dict[str, float]:
    """Return the share that is found of each kind, of photographs."""
    files = made(number)
    review = review_here(indexed(folder, files), Asked())
    choices = all_but_the_best(review, Keeping(), DEFAULT)
    wrong = [
        (choice.goes.image.key, choice.kept.image.key)
        for choice in choices
        if source_of(choice.goes.image.key) != source_of(choice.kept.image.key)
    ]
    assert wrong == []
    identical = [key for key in files if key.endswith("/identical")]
    assert len(found_of(review, "identical")) == len(identical)
    shares = {}
    for kind in ("reencoded", "half", "grey"):
        wanted = [key for key in files if key.startswith("photo") and key.endswith(f"/{kind}")]
        found = [key for key in found_of(review, kind) if key.startswith("photo")]
        shares[kind] = len(found) / len(wanted)
    return shares


def test_no_file_of_another_source_is_marked(tmp_path: Path) -> None:
    for kind, share in check(tmp_path, 20).items():
        assert share >= FOUND, kind


@pytest.mark.long
def test_no_file_of_another_source_is_marked_in_two_thousand(tmp_path: Path) -> None:
    for kind, share in check(tmp_path, 2000).items():
        assert share >= FOUND, kind
