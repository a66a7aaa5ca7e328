"""The page of `lookalike duplicates --html`: one file with all thumbnails inside, which loads nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from lookalike.cli.output import human
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import LookalikeError
from shards.storage import originals

if TYPE_CHECKING:
    from lookalike.duplicates.find import Copy, Duplicates, Group
    from lookalike.index import Index
    from shards.table.read.snapshot import Image

SIDE = 240
"""Pixels of a thumbnail: twice its size on the page, for dense screens; about 6 KB."""

GROUPS = 1000
"""Limit on the groups on the page: a browser opens so many thumbnails without trouble."""

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, Canvas); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 0 0 .6rem; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
ul { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; margin: 0; padding: 0; }
li { width: 130px; overflow-wrap: anywhere; font-size: .8rem; }
img, .none { display: block; width: 120px; height: 120px; object-fit: contain; border: 1px solid var(--line);
  border-radius: 6px; background: color-mix(in srgb, CanvasText 5%, Canvas); }
.none { display: grid; place-items: center; text-align: center; opacity: .7; }
.keep img, .keep .none { outline: 3px solid #2e8b57; }
.keep b { color: #2e8b57; } p, small { opacity: .8; }
"""


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
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Duplicates in {_text(index.url)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Duplicates in {_text(index.url)}</h1>
<p>{_text(told)}. In each group the first image, framed in green, has the most pixels.</p>
{sections}
</body>
</html>
"""


def _group(n: int, group: Group, index: Index, pool: Pool, drawn: Callable[[int], None]) -> str:
    size = human.count(1 + len(group.copies), "image")
    items = "\n".join([_item(group.head, None, index, pool), *(_item(c.image, c, index, pool) for c in group.copies)])
    drawn(1 + len(group.copies))
    return f"<section><h2>Group {n:,}: {size}</h2>\n<ul>\n{items}\n</ul></section>"


def _item(image: Image, copy: Copy | None, index: Index, pool: Pool) -> str:
    """Return one image as HTML; `copy` is None for the image to keep."""
    alike = "<b>keep</b>" if copy is None else f"score {human.score(copy.score)}"
    if copy is not None and copy.distance is not None:
        alike += f", distance {human.distance(copy.distance)}"
    size = human.pixels(image.width, image.height)
    path = str(image.source.get("path", ""))
    return (
        f'<li{" class=keep" if copy is None else ""} title="{_text(path)}">{_drawing(image, index, pool)}'
        f"{_text(image.key)}<br><small>{size}<br>{alike}</small></li>"
    )


def _drawing(image: Image, index: Index, pool: Pool) -> str:
    """Return the thumbnail as HTML, or a note if the original cannot be read any more."""
    max_bytes = index.settings.pictures.max_bytes
    try:
        drawn = index.thumbnail(image) or pool.thumbnail(originals.read(image.source, max_bytes, index.originals), SIDE)
        encoded = b64encode(drawn).decode()
    except LookalikeError as error:
        return f'<span class="none" title="{_text(str(error))}">cannot be read now</span>'
    return f'<img loading="lazy" alt="{_text(image.key)}" src="data:image/webp;base64,{encoded}">'


def _text(text: str) -> str:
    """Escape a text for use between tags and in quotes."""
    return escape(human.shown(text), quote=True)
