"""The page of `lookalike duplicates --html`: one file with all thumbnails inside, which loads nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING

from lookalike.cli.output import human, thumbnail_page
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings

if TYPE_CHECKING:
    from lookalike.duplicates.find import Copy, Duplicates, Group
    from lookalike.index import Index
    from shards.table.read.snapshot import Image

GROUPS = 1000
"""Limit on the groups on the page: a browser opens so many thumbnails without trouble."""


def page(found: Duplicates, index: Index, family: str, drawn: Callable[[int], None]) -> str:
    """Return the page as HTML. `drawn` is called with the number of images that were drawn."""
    groups = found.groups[:GROUPS]
    # a process is started only if there is a picture without a thumbnail
    with Pool(WorkerSettings.of(index.settings), 1) as pool:
        sections = "\n".join(_group(n, group, index, pool, drawn) for n, group in enumerate(groups, 1))
    copies = sum(len(group.copies) for group in found.groups)
    told = f"{human.count(len(found.groups), 'group')} with {human.count(copies, 'copy', 'copies')}, to {family}"
    if len(groups) < len(found.groups):
        told += f"; the page shows the largest {human.count(GROUPS)}"
    if found.flat:
        told += f"; {human.count(len(found.flat), 'image')} without content left out"
    if found.method.caveat:
        told += f"; {found.method.caveat}"
    told += ". In each group the first image, framed in green, has the most pixels."
    return thumbnail_page.frame(index, "data:", told, sections)


def _group(n: int, group: Group, index: Index, pool: Pool, drawn: Callable[[int], None]) -> str:
    items = [_item(group.head, None, index, pool), *(_item(copy.image, copy, index, pool) for copy in group.copies)]
    drawn(len(items))
    return thumbnail_page.group(n, items)


def _item(image: Image, copy: Copy | None, index: Index, pool: Pool) -> str:
    """Return one image as HTML; `copy` is None for the image to keep."""
    said = "keep" if copy is None else f"score {human.score(copy.score)}"
    if copy is not None and copy.distance is not None:
        said += f", distance {human.distance(copy.distance)}"
    drawing = thumbnail_page.drawing(
        image, index, pool, lambda draw: f"data:image/webp;base64,{b64encode(draw()).decode()}"
    )
    size = human.pixels(image.width, image.height)
    return thumbnail_page.item(image, str(image.source.get("path", "")), drawing, size, said, is_best=copy is None)
