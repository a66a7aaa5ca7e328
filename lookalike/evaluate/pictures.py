"""The pictures of an evaluation: which there are, and which of them are copied and asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from shards.errors import QueryError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".jfif"}
)

DEMO = Path(__file__).parents[2] / "demo" / "pictures"
"""The demo's pictures; they are in the source, not in what pip installs."""


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Pictures in files."""

    names: tuple[str, ...]
    """Paths within their folder, sorted: the first part of one with several parts says what kind it is."""

    paths: tuple[Path, ...]

    subjects: tuple[int, ...]
    """Places of those that are asked for, rising."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What kind each picture is: its folder; below a folder of what is asked for, the folder in that."""
        folders = [name.split("/")[:-1] for name in self.names]
        asked = {folders[place][0] for place in self.subjects if len(folders[place]) > 1}
        return tuple("/".join(parts[1:2] if parts and parts[0] in asked else parts[:1]) for parts in folders)

    def asking(self, places: Sequence[int], count: int | None) -> PictureSet:
        """Return the set with these alone to be asked for, so many at most, chosen as `found` does."""
        return replace(self, subjects=tuple(sorted(_chosen(self.names, places, count))))

    def without(self, places: Iterable[int]) -> PictureSet:
        """Return the set without these pictures."""
        gone = set(places)
        kept = [place for place in range(len(self.names)) if place not in gone]
        at = {place: n for n, place in enumerate(kept)}
        return PictureSet(
            tuple(self.names[place] for place in kept),
            tuple(self.paths[place] for place in kept),
            tuple(at[place] for place in self.subjects if place in at),
        )


def found(folder: Path, *, ask: str = "", subjects: int | None = None) -> PictureSet:
    """Return the pictures in a folder and all folders below it.

    `ask`: ask only for pictures whose path in the folder begins so. `subjects`: ask for so many at most, chosen by
    their names' digests, so that the choice stays when pictures are added or removed. Raises QueryError where there is
    nothing to ask for.
    """
    if not folder.is_dir():
        raise QueryError(f"{folder} is no folder: say which folder of pictures to evaluate")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    places = [place for place, name in enumerate(names) if name.startswith(ask)]
    if len(names) < 2 or not places:
        beginning = f", {len(places)} with a path that begins with {ask!r}" if ask else ""
        raise QueryError(
            f"{folder}: too few pictures, {len(names)} in all{beginning}: it takes two or more, and one to ask for"
        )
    return PictureSet(tuple(names), tuple(paths), tuple(sorted(_chosen(names, places, subjects))))


def _chosen(names: Sequence[str], places: Sequence[int], count: int | None) -> Sequence[int]:
    if count is None or count >= len(places):
        return places
    return sorted(places, key=lambda place: sha256(names[place].encode()).digest())[:count]
