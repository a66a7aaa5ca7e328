"""The pages of `lookalike duplicates --html`: some groups each, thumbnails in files beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lookalike.cli.output import human, thumbnail_page
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings

if TYPE_CHECKING:
    from lookalike.duplicates.review import Review, Reviewed, ReviewGroup
    from lookalike.index import Index

GROUPS = 50
"""Groups of one page, which is 12,000 pixels tall and 40 KB where groups are pairs."""


def write(
    path: Path, review: Review, groups: Sequence[ReviewGroup], index: Index, drawn: Callable[[int], None]
) -> None:
    """Write the first page to this path, and others and the thumbnails beside it."""
    pages = [groups[start : start + GROUPS] for start in range(0, len(groups), GROUPS)] or [groups]
    folder = path.with_name(f"{path.stem}-files")
    folder.mkdir(exist_ok=True)
    # a process is started only if there is a picture without a thumbnail
    with Pool(WorkerSettings.of(index.settings), 1) as pool:
        for n, some in enumerate(pages):
            sections = "\n".join(
                _group(n * GROUPS + at + 1, group, folder, index, pool, drawn) for at, group in enumerate(some)
            )
            _place(path, n).write_text(_page(path, n, len(pages), sections, review, groups, index), encoding="utf-8")


def _place(path: Path, n: int) -> Path:
    return path if n == 0 else path.with_name(f"{path.stem}-{n + 1}{path.suffix}")


def _page(
    path: Path, n: int, of: int, sections: str, review: Review, groups: Sequence[ReviewGroup], index: Index
) -> str:
    copies = sum(len(group.images) - 1 for group in groups)
    told = f"{human.count(len(groups), 'group')} with {human.count(copies, 'copy', 'copies')}"
    if review.unconfirmed:
        told += f"; {human.count(review.unconfirmed, 'pair')} could not be confirmed"
    links = []
    if n:
        links.append(f'<a rel="prev" href="{quote(_place(path, n - 1).name)}">Previous</a>')
    if of > 1:
        links.append(f"<span>Page {n + 1:,} of {of:,}</span>")
    if n + 1 < of:
        links.append(f'<a rel="next" href="{quote(_place(path, n + 1).name)}">Next</a>')
    nav = f"<nav>{''.join(links)}</nav>" if links else ""
    told += ". In each group the first image, framed in green, is the best."
    return thumbnail_page.frame(index, "'self' file:", told, "\n".join((nav, sections, nav)))


def _group(n: int, group: ReviewGroup, folder: Path, index: Index, pool: Pool, drawn: Callable[[int], None]) -> str:
    items = [_item(each, folder, index, pool) for each in group.images]
    drawn(len(items))
    return thumbnail_page.group(n, items)


def _item(each: Reviewed, folder: Path, index: Index, pool: Pool) -> str:
    image, facts = each.image, each.facts
    told = [human.pixels(image.width, image.height)]
    told += [] if facts.bytes is None else [human.size(facts.bytes)]
    told += [text for text in (facts.format, (facts.taken or facts.modified or "")[:10]) if text]
    name = f"{image.sha256 or sha256(image.key.encode(errors='surrogatepass')).hexdigest()}.webp"

    def place(draw: Callable[[], bytes]) -> str:
        # what has the same bytes has the same thumbnail; a key does not say what the picture is now
        if not image.sha256 or not (folder / name).exists():
            (folder / name).write_bytes(draw())
        return f"{quote(folder.name)}/{name}"

    drawing = thumbnail_page.drawing(image, index, pool, place)
    said = each.tier or "best"
    return thumbnail_page.item(image, facts.path or "", drawing, ", ".join(told), said, is_best=each.tier is None)
