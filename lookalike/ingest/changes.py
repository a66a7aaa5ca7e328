"""What is new, what has changed and what is gone, against what an index knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.cli.output.progress import Progress
from lookalike.index import Index
from lookalike.ingest.files import Found
from shards.errors import KeyNotFound
from shards.table.read.snapshot import Image

ASK_BELOW = 1000
"""Known images for each picture that was found, above which asking for each key costs less than reading all."""


@dataclass(frozen=True, slots=True)
class ToSign:
    """A picture the index does not have, or not as it is now. `replaces`: whether the index has its key."""

    found: Found
    meta: Mapping[str, Any] | None
    replaces: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """`unchanged` and `gone`: keys. `known`: how many images of the index were compared."""

    to_sign: list[ToSign]
    unchanged: list[str]
    gone: list[str]
    known: int


def of_all(index: Index, found: Mapping[str, Found], prefix: str, progress: Progress) -> Changes:
    """Compare with every image whose key begins with `prefix`, in one pass; `gone` are those that were not found."""
    return _compare(_counted(index.list(prefix=prefix), progress), found, {})


def of_some(index: Index, found: Mapping[str, Found], meta: Mapping[str, Any], progress: Progress) -> Changes:
    """Compare with the images of these keys only; nothing is `gone`. `meta`: new metadata for all of them, if any."""
    if len(found) * ASK_BELOW < index.count():
        return _compare(_counted(_asked(index, found), progress), found, meta)
    return _compare((image for image in _counted(index.list(), progress) if image.key in found), found, meta)


def _counted(images: Iterator[Image], progress: Progress) -> Iterator[Image]:
    for image in images:
        progress.advance()
        yield image


def _asked(index: Index, found: Mapping[str, Found]) -> Iterator[Image]:
    for key in found:
        try:
            yield index.get(key).image
        except KeyNotFound:
            continue


def _compare(images: Iterator[Image], found: Mapping[str, Found], meta: Mapping[str, Any]) -> Changes:
    """Where `meta` is empty, an image keeps what it has."""
    unchanged: set[str] = set()
    kept: dict[str, Mapping[str, Any]] = {}
    gone: list[str] = []
    known = 0
    for image in images:
        known += 1
        one = found.get(image.key)
        if one is None:
            gone.append(image.key)
        elif image.source == one.source and (not meta or image.meta == meta):
            unchanged.add(image.key)
        else:
            kept[image.key] = image.meta
    to_sign = [
        ToSign(one, meta or kept.get(key) or None, key in kept) for key, one in found.items() if key not in unchanged
    ]
    return Changes(to_sign, [key for key in found if key in unchanged], gone, known)
