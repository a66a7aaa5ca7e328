"""Bringing an index up to date with the folders of the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lookalike.index import Index
from lookalike.ingest import changes
from lookalike.ingest.changes import Changes
from lookalike.ingest.original import Original, SourceUnreadable
from shards.table.read.snapshot import Image

FEW = 20
"""Images of a folder that may go at once although the folder has none any more."""


def compare(index: Index, originals: Mapping[str, Original], advance: Callable[[], None]) -> Changes:
    """Compare an index with all pictures of the folders. `advance` is called for each image of the index.

    Images that were taken over from a database have no file that they were made of. They count as unchanged while
    there is a file of their name, as they do for the program itself.
    """
    return changes.compare_all(_TakenOver(index, originals), originals, "", advance)


def check_gone(gone: Sequence[str], folders: Iterable[str], found: Iterable[str]) -> None:
    """Raise SourceUnreadable where a folder has no pictures any more and many are to go: is it mounted?"""
    there = list(found)
    for folder in folders:
        below = os.path.join(folder.rstrip("/"), "")  # noqa: PTH118 - as keys begin, however many slashes there are
        going = sum(key.startswith(below) for key in gone)
        if going > FEW and not any(key.startswith(below) for key in there):
            raise SourceUnreadable(
                f"img_dirs: {folder} has no pictures, and the index has {going:,} of it: is it mounted? If they are to"
                " go, take the folder out of img_dirs, or build; nothing was changed"
            )


class _TakenOver:
    """An index in which each image without a source has that of the file of its key."""

    def __init__(self, index: Index, originals: Mapping[str, Original]) -> None:
        self._index = index
        self._originals = originals

    def list(self, *, prefix: str = "") -> Iterator[Image]:
        return map(self._image, self._index.list(prefix=prefix))

    def images(self, keys: Iterable[str]) -> dict[str, Image]:
        return {key: self._image(image) for key, image in self._index.images(keys).items()}

    def count(self) -> int:
        return self._index.count()

    def _image(self, image: Image) -> Image:
        original = self._originals.get(image.key)
        return image if image.source or original is None else replace(image, source=original.source)
