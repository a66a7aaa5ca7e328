"""Differences between originals and an index: new, changed, unchanged and gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from lookalike.ingest.original import Original
from lookalike.ingest.writer import KnownImages
from shards.table.read.snapshot import Image

ASK_BELOW = 1000
"""Known images for each original that was found, above which asking for each key costs less than reading all."""


Note: TypeAlias = Callable[[Image], None]
"""Takes note of an image of the index."""


def _nothing(image: Image) -> None:
    del image


@dataclass(frozen=True, slots=True)
class ToAdd:
    """An original that the index does not have, or not as it is now."""

    original: Original

    meta: Mapping[str, Any] | None
    """Metadata for its record."""

    replaces: bool
    """True if the index has an image of its key."""

    instead_of: str | None = None
    """The path of the file that this image was made of, where that is another one."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences between originals and an index."""

    to_add: list[ToAdd]

    unchanged: list[str]
    """Keys whose original is what it was when it was added."""

    gone: list[str]
    """Keys of images whose original was not found."""

    known: int
    """How many images of the index were compared."""


def is_unchanged(original: Original, image: Image) -> bool:
    """Return whether the image was made of the original as it is now."""
    return image.source == original.source


def missing(index: KnownImages | None, originals: Sequence[Original]) -> list[Original]:
    """Return the originals that an index has to read: all, if there is no index yet.

    Left out are those that are unchanged, and those than which the index knows something later: their records would
    lose against it.
    """
    images = {} if index is None else index.images(original.key for original in originals)

    def is_missing(original: Original) -> bool:
        image = images.get(original.key)
        return image is None or not (is_unchanged(original, image) or image.added >= original.mtime_ns)

    return [original for original in originals if is_missing(original)]


def compare_all(
    index: KnownImages,
    originals: Mapping[str, Original],
    prefix: str,
    advance: Callable[[], None],
    note: Note = _nothing,
) -> Changes:
    """Compare with every image whose key begins with `prefix`; those without an original are `gone`.

    `originals`: by key. `advance` is called for each image, `note` with it.
    """
    return _compare(_counted(index.list(prefix=prefix), advance, note), originals, {})


def compare_some(
    index: KnownImages,
    originals: Mapping[str, Original],
    meta: Mapping[str, Any],
    advance: Callable[[], None],
    note: Note = _nothing,
) -> Changes:
    """Compare with the images of these keys only; nothing is `gone`.

    `originals`: by key. `meta`: new metadata for all of them; if empty, each keeps what it has. `advance` is called
    for each image that is looked at, `note` with it.
    """
    if len(originals) * ASK_BELOW < index.count():
        return _compare(_counted(index.images(originals).values(), advance, note), originals, meta)
    every = _counted(index.list(), advance, note)
    return _compare((image for image in every if image.key in originals), originals, meta)


def _counted(images: Iterable[Image], advance: Callable[[], None], note: Note) -> Iterator[Image]:
    for image in images:
        advance()
        note(image)
        yield image


def _compare(images: Iterator[Image], originals: Mapping[str, Original], meta: Mapping[str, Any]) -> Changes:
    unchanged: set[str] = set()
    kept: dict[str, Image] = {}
    gone: list[str] = []
    known = 0
    for image in images:
        known += 1
        original = originals.get(image.key)
        if original is None:
            gone.append(image.key)
        elif is_unchanged(original, image) and (not meta or image.meta == meta):
            unchanged.add(image.key)
        else:
            kept[image.key] = image
    to_add = [_to_add(original, kept.get(key), meta) for key, original in originals.items() if key not in unchanged]
    return Changes(to_add, [key for key in originals if key in unchanged], gone, known)


def freed(to_add: Iterable[ToAdd]) -> list[ToAdd]:
    """Return these, free to take the place of images that were made of other files."""
    return [replace(wanted, instead_of=None) for wanted in to_add]


def _to_add(original: Original, known: Image | None, meta: Mapping[str, Any]) -> ToAdd:
    if known is None:
        return ToAdd(original, meta or None, replaces=False)
    path = known.source.get("path")
    instead_of = path if isinstance(path, str) and path != original.path else None
    return ToAdd(original, meta or known.meta or None, replaces=True, instead_of=instead_of)
