"""The pages of `lookalike duplicates --html`: some groups each, thumbnails in files beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lookalike.cli.output import human
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import LookalikeError
from shards.storage import originals

if TYPE_CHECKING:
    from lookalike.duplicates.review import Review, Reviewed, ReviewGroup
    from lookalike.index import Index

SIDE = 240
"""Pixels of a thumbnail: twice its size on the page, for dense screens; about 6 KB."""

GROUPS = 50
"""Groups of one page, which is 12,000 pixels tall and 40 KB where groups are pairs."""

POLICY = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'"
"""What the pages may load: their thumbnails."""

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, Canvas); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 .8rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 0 0 .5rem; }
section { border-top: 1px solid var(--line); padding: .8rem 0; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: .8rem; list-style: none;
  margin: 0; padding: 0; }
li { font-size: .8rem; min-width: 0; }
img, .none { display: block; width: 120px; height: 120px; object-fit: contain; border: 1px solid var(--line);
  border-radius: 6px; background: color-mix(in srgb, CanvasText 5%, Canvas); }
.none { display: grid; place-items: center; text-align: center; opacity: .7; }
.keep img, .keep .none { outline: 3px solid #2e8b57; } .keep b { color: #2e8b57; }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1rem; } p, small { opacity: .8; }
"""


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
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>Duplicates in {_text(index.url)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Duplicates in {_text(index.url)}</h1>
<p>{_text(told)}. In each group the first image, framed in green, is the best.</p>
{nav}
{sections}
{nav}
</body>
</html>
"""


def _group(n: int, group: ReviewGroup, folder: Path, index: Index, pool: Pool, drawn: Callable[[int], None]) -> str:
    items = "\n".join(_item(each, folder, index, pool) for each in group.images)
    drawn(len(group.images))
    return f"<section><h2>Group {n:,}: {human.count(len(group.images), 'image')}</h2>\n<ul>\n{items}\n</ul></section>"


def _item(each: Reviewed, folder: Path, index: Index, pool: Pool) -> str:
    image, facts = each.image, each.facts
    told = [human.pixels(image.width, image.height)]
    told += [] if facts.bytes is None else [human.size(facts.bytes)]
    told += [text for text in (facts.format, (facts.taken or facts.modified or "")[:10]) if text]
    tier = "<b>best</b>" if each.tier is None else _text(each.tier)
    return (
        f'<li{" class=keep" if each.tier is None else ""} title="{_text(facts.path or "")}">'
        f"{_drawing(each, folder, index, pool)}"
        f"{_text(image.key)}<br><small>{_text(', '.join(told))}<br>{tier}</small></li>"
    )


def _drawing(each: Reviewed, folder: Path, index: Index, pool: Pool) -> str:
    """Write the thumbnail, and return it as HTML, or a note if the original cannot be read any more."""
    image = each.image
    try:
        name = f"{image.sha256}.webp"
        if not image.sha256 or not (folder / name).exists():
            data = index.thumbnail(image) or pool.thumbnail(
                originals.read(image.source, index.settings.pictures.max_bytes, index.originals), SIDE
            )
            name = name if image.sha256 else f"{abs(hash(image.key)):x}.webp"
            (folder / name).write_bytes(data)
    except LookalikeError as error:
        return f'<span class="none" title="{_text(str(error))}">cannot be read now</span>'
    return f'<img loading="lazy" alt="{_text(image.key)}" src="{quote(folder.name)}/{name}">'


def _text(text: str) -> str:
    """Escape a text for use between tags and in quotes."""
    return escape(human.shown(text), quote=True)
