"""Where the demo's index lies: made anew by each run, and never in the place of anything else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from lookalike import Index, LookalikeError
from shards.table.format import names

PICTURES = Path(__file__).parent.resolve() / "pictures"

FOLDER = Path("demo-index")
"""In the folder where the demo is run."""

MADE_BY = "python -m demo"
"""In the `source` of every image that the demo adds: what it knows its own index by."""

PARTS = {
    ".tmp",
    names.SETTINGS,
    *(folder.rstrip("/") for folder in (names.LOG, names.MANIFEST, names.SEGMENTS, names.DEAD, names.THUMBNAILS)),
}
"""What an index in a folder consists of."""


class NotOursError(Exception):
    """What lies in the folder was not made by the demo, so it stays."""


def make_index(pictures: Mapping[str, bytes]) -> Index:
    """An index of these pictures of the demo, by name, folded into one segment. Raises NotOursError."""
    if FOLDER.exists() or FOLDER.is_symlink():
        _check_ours()
        shutil.rmtree(FOLDER)
    index = Index.create(str(FOLDER))
    index.write(
        [
            index.sign(name, picture, source={"made_by": MADE_BY, "path": str(PICTURES / name)})
            for name, picture in pictures.items()
        ]
    )
    index.compact()
    return index


def _check_ours() -> None:
    """Raise NotOursError unless this is an index, of nothing but what the demo adds, and with nothing beside it."""
    if FOLDER.is_symlink() or not FOLDER.is_dir():
        raise NotOursError(f"{FOLDER} is in the way: it is no folder. Move it away first.")
    beside = sorted(path.name for path in FOLDER.iterdir() if path.name not in PARTS)
    if beside:
        raise NotOursError(f"{FOLDER} is in the way: {beside[0]!r} in it is no part of an index. Move it away first.")
    try:
        foreign = [image.key for image in Index.open(str(FOLDER)).list() if image.source.get("made_by") != MADE_BY]
    except LookalikeError as error:
        raise NotOursError(f"{FOLDER} is in the way: {error}. Move it away first.") from error
    if foreign:
        raise NotOursError(
            f"{FOLDER} is in the way: it has {foreign[0]!r}, which the demo did not add. Move it away first."
        )


def files() -> dict[str, int]:
    """Everything that the index consists of: its files by name within the folder, with their bytes."""
    found = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(FOLDER).as_posix(): path.stat().st_size for path in found}
