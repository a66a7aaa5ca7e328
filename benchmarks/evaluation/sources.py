"""Sources of pictures: packages of Debian and of PyPI, with the licences that they state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class Source:
    """Some pictures of one package."""

    package: str

    pictures: tuple[str, ...]
    """Patterns of paths within the package."""

    kind: str
    """Folder of the set that they go to: what kind of pictures they are."""

    licence: str

    registry: str = "debian"
    """`debian` or `pypi`."""

    asked: int = 0
    """How many of them, at most, are copied and asked for."""

    left_out: tuple[str, ...] = ()
    """Parts of paths of pictures that are left out: the same picture in other colours or sizes, tests, diagrams."""

    of_a_folder: int = 1_000_000
    """How many of one folder, at most, are taken: hundreds of stars with another number of points are no pictures."""

    def found(self, unpacked: Path) -> Iterator[Path]:
        """Yield the paths of its pictures in the unpacked package, sorted."""
        taken: dict[Path, int] = {}
        for path in sorted({path for pattern in self.pictures for path in unpacked.glob(pattern)}):
            inside = path.relative_to(unpacked).as_posix()
            if (
                path.suffix.lower() not in SUFFIXES
                or path.is_symlink()
                or any(part in inside for part in self.left_out)
            ):
                continue
            taken[path.parent] = taken.get(path.parent, 0) + 1
            if taken[path.parent] <= self.of_a_folder:
                yield path


WALLPAPERS = "usr/share/backgrounds/**/*.*"

SOURCES = (
    Source("gnome-backgrounds", (WALLPAPERS,), "wallpapers", "CC BY-SA 3.0", asked=100, left_out=("-d.webp",)),
    Source("lomiri-wallpapers-16.04", (WALLPAPERS,), "wallpapers", "CC BY-SA 3.0", asked=100),
    Source("lomiri-wallpapers-20.04", (WALLPAPERS,), "wallpapers", "CC BY-SA 3.0", asked=100),
    Source(
        "mate-backgrounds",
        (WALLPAPERS,),
        "wallpapers",
        "GPL 2 and CC BY-SA 4.0",
        asked=100,
        left_out=("Elephants_", "MATE-Stripes", "Ubuntu-Mate-"),
    ),
    Source("ukui-wallpapers", (WALLPAPERS,), "wallpapers", "CC BY-SA 4.0", asked=100),
    Source(
        "plasma-workspace-wallpapers",
        ("usr/share/wallpapers/*/contents/screenshot.*", "usr/share/wallpapers/*/contents/images/1920x1080.*"),
        "wallpapers",
        "LGPL 3 and CC BY-SA 4.0",
        asked=100,
        of_a_folder=1,
    ),
    Source(
        "scikit-image",
        ("skimage/data/*.*",),
        "photographs",
        "BSD 3 clause and public domain",
        "pypi",
        100,
        ("checker", "test", "diff"),
    ),
    Source("scikit-learn", ("sklearn/datasets/images/*.jpg",), "photographs", "CC BY 2.0", "pypi", 100),
    Source(
        "stellarium-data",
        ("usr/share/stellarium/nebulae/default/*.png",),
        "sky",
        "GPL 2, CC BY and public domain",
        asked=40,
    ),
    Source(
        "stellarium-data",
        ("usr/share/stellarium/skycultures/**/*.*",),
        "engravings",
        "GPL 2, CC BY-SA and public domain",
        asked=20,
    ),
    Source(
        "tuxpaint-stamps-default",
        ("usr/share/tuxpaint/stamps/**/*.png",),
        "stamps",
        "GPL 2 and public domain",
        asked=30,
    ),
    Source(
        "openclipart-png",
        ("usr/share/openclipart/png/**/*.png",),
        "clipart",
        "public domain (CC0)",
        asked=30,
        of_a_folder=60,
    ),
    Source(
        "wesnoth-1.16-data",
        ("usr/share/games/wesnoth/1.16/data/**/portraits/**/*.*", "usr/share/games/wesnoth/1.16/data/**/story/**/*.*"),
        "paintings",
        "GPL 2 and CC BY-SA 4.0",
        asked=40,
    ),
)
"""In this order: a picture that two have is the former's. What an `asked` of 100 says is all of them."""
