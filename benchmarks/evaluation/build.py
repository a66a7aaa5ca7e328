"""From sources to the set: pictures of 640 pixels, each once, in a folder for each kind."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageOps

from benchmarks.evaluation.drawn import DRAWN
from benchmarks.evaluation.sources import SUFFIXES, Source

SIDE, QUALITY = 640, 95
"""Pixels of the longer side, and JPEG quality: as pictures lie on the web."""

SHORTEST = 96
"""Pixels of the shorter side below which a picture is left out."""

LARGEST = 60_000_000
"""Pixels from which on a picture is left out: a drawing of 600 million pixels takes minutes and 2 GB."""

PLAIN = 4.0
"""Deviation of 16 × 16 grey levels below which a picture shows next to nothing, and is left out."""

DRAWN_OF_A_KIND = 150
DRAWN_ASKED = 20

ASKED = "asked"
"""Folder of the set with the pictures that are copied and asked for; below it, as beside it, one for each kind."""


class TooLarge(Exception):
    """A picture has too many pixels."""


@dataclass(slots=True)
class Set:
    """A set that is being made in a folder."""

    folder: Path

    seen: set[bytes] = field(default_factory=set)

    listed: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Name in the set, package, path in it, licence."""

    def add(self, source: Source, unpacked: Path) -> None:
        """Add the pictures of a package, which is unpacked there."""
        found = list(_shuffled(source.found(unpacked), unpacked))
        self._add(source.kind, found, unpacked, source.package, source.licence, source.asked)

    def add_folder(self, kind: str, folder: Path, asked: int) -> None:
        """Add pictures of your own, of any licence: the set stays on this machine."""
        paths = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        self._add(kind, list(_shuffled(sorted(paths), folder)), folder, "", "your own", asked)

    def draw(self) -> None:
        """Add the pictures that are made by code."""
        for kind, draw in DRAWN.items():
            for n in range(DRAWN_OF_A_KIND):
                self._save(draw(Random(f"{kind}/{n}")), kind, f"{n:03d}", "", "made here", n < DRAWN_ASKED)

    def write_list(self) -> None:
        """Write what came from where, and on which terms, into `sources.tsv`."""
        lines = ["\t".join(entry) for entry in [("picture", "package", "path", "licence"), *self.listed]]
        (self.folder / "sources.tsv").write_text("\n".join(lines) + "\n")

    def _add(self, kind: str, paths: Iterable[Path], root: Path, package: str, licence: str, asked: int) -> None:
        left = asked
        for path in paths:
            inside = path.relative_to(root).as_posix()
            try:
                image = loaded(path)
            except (OSError, TooLarge, Image.DecompressionBombError) as error:
                print(f"left out: {path}: {error}", file=sys.stderr)
                continue
            sketch = np.asarray(image.convert("L").resize((16, 16), Image.Resampling.BOX)).astype(int)
            mark = (sketch // 8).tobytes()
            if min(image.size) < SHORTEST or sketch.std() < PLAIN or mark in self.seen:
                continue
            self.seen.add(mark)
            name = f"{len(self.listed):05d}-{path.stem[:40]}"
            self._save(image, kind, name, package, licence, left > 0, inside)
            left -= 1

    def _save(
        self, image: Image.Image, kind: str, name: str, package: str, licence: str, is_asked: bool, path: str = ""
    ) -> None:
        inside = f"{ASKED}/{kind}/{name}.jpg" if is_asked else f"{kind}/{name}.jpg"
        target = self.folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target, quality=QUALITY)
        self.listed.append((inside, package, path, licence))


def loaded(path: Path) -> Image.Image:
    """Return a picture as RGB over white, its longer side of SIDE pixels at most. Raises TooLarge and OSError."""
    with Image.open(path) as file:
        if file.width * file.height > LARGEST:
            raise TooLarge(f"{file.width} × {file.height} pixels")
        if file.format == "JPEG":
            file.draft("RGB", (2 * SIDE, 2 * SIDE))
        image = ImageOps.exif_transpose(file)
        if image.has_transparency_data:
            ground = Image.new("RGBA", image.size, "white")
            ground.alpha_composite(image.convert("RGBA"))
            image = ground
        image = image.convert("RGB")
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return image


def build(folder: Path, unpacked: Iterable[tuple[Source, Path]], extra: Mapping[str, tuple[Path, int]]) -> Set:
    """Make the set in a folder that does not exist yet, and return it."""
    folder.mkdir(parents=True)
    made = Set(folder)
    for source, place in unpacked:
        made.add(source, place)
        print(f"{source.package} {source.kind}: {len(made.listed):,} pictures now", file=sys.stderr)
    for kind, (place, asked) in extra.items():
        made.add_folder(kind, place, asked)
        print(f"{place}: {len(made.listed):,} pictures now", file=sys.stderr)
    made.write_list()
    return made


def build_drawn(folder: Path) -> Set:
    """Make the set of pictures that are made by code, in a folder that does not exist yet, and return it."""
    folder.mkdir(parents=True)
    made = Set(folder)
    made.draw()
    made.write_list()
    return made


def _shuffled(paths: Iterable[Path], root: Path) -> Iterator[Path]:
    """Yield paths in an order that depends on their names alone, and on no alphabet."""
    yield from sorted(paths, key=lambda path: sha256(path.relative_to(root).as_posix().encode()).digest())
