"""The folder of the demo's index: made again by each run, and never in place of anything else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from lookalike import Index, LookalikeError
from shards.table.format import names

PICTURES = Path(__file__).parent.resolve() / "pictures"

FOLDER = Path("demo-index")
"""Relative to the folder in which the demo is run."""

MADE_BY = "python -m demo"
"""Mark in the `source` of every image that the demo adds, by which it recognises its own index."""


class NotOursError(Exception):
    """The folder holds something that the demo did not make, so it stays."""


def make_index(pictures: Mapping[str, bytes]) -> Index:
    """Create an index of these pictures, given by name, folded into one segment. Raises NotOursError."""
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
    """Raise NotOursError unless the folder is an index of the demo's pictures alone, with nothing beside it."""
    if FOLDER.is_symlink() or not FOLDER.is_dir():
        raise NotOursError(f"{FOLDER} is in the way: it is no folder. Move it away first.")
    try:
        index = Index.open(str(FOLDER))
        foreign = [image.key for image in index.list() if image.source.get("made_by") != MADE_BY]
    except LookalikeError as error:
        raise NotOursError(f"{FOLDER} is in the way: {error}. Move it away first.") from error
    # `.tmp` is where a folder's objects are written before they get their names
    parts = {".tmp", names.SETTINGS, index.settings.id}
    beside = sorted(path.name for path in FOLDER.iterdir() if path.name not in parts)
    if beside:
        raise NotOursError(f"{FOLDER} is in the way: {beside[0]!r} in it is no part of an index. Move it away first.")
    if foreign:
        raise NotOursError(
            f"{FOLDER} is in the way: it has {foreign[0]!r}, which the demo did not add. Move it away first."
        )


def files() -> dict[str, int]:
    """Return the files of the index: names within the folder, and sizes in bytes."""
    found = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(FOLDER).as_posix(): path.stat().st_size for path in found}
