"""What the two pages of `lookalike duplicates --html` share: their frame, a group, and an image with its thumbnail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from lookalike.cli.output import human
from lookalike.signatures.pool import Pool
from shards.errors import LookalikeError
from shards.storage import originals

if TYPE_CHECKING:
    from lookalike.index import Index
    from shards.table.read.snapshot import Image

SIDE = 240
"""Pixels of a thumbnail: twice its size on the page, for dense screens; about 6 KB."""

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


def frame(index: Index, images_from: str, told: str, body: str) -> str:
    """Return a page as HTML. `images_from`: where it may load images from. `told`: the line below its title."""
    policy = f"default-src 'none'; img-src {images_from}; style-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Duplicates in {text(index.url)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Duplicates in {text(index.url)}</h1>
<p>{text(told)}</p>
{body}
</body>
</html>
"""


def group(n: int, items: Sequence[str]) -> str:
    """Return a group of images as HTML."""
    listed = "\n".join(items)
    return f"<section><h2>Group {n:,}: {human.count(len(items), 'image')}</h2>\n<ul>\n{listed}\n</ul></section>"


def item(image: Image, path: str, drawn: str, facts: str, said: str, *, is_best: bool) -> str:
    """Return an image as HTML: its thumbnail, its key, facts of it, and what is said of it."""
    framed, said = (" class=keep", f"<b>{text(said)}</b>") if is_best else ("", text(said))
    return f'<li{framed} title="{text(path)}">{drawn}{text(image.key)}<br><small>{text(facts)}<br>{said}</small></li>'


def drawing(image: Image, index: Index, pool: Pool, place: Callable[[Callable[[], bytes]], str]) -> str:
    """Return the thumbnail as HTML, or a note if the original cannot be read any more.

    `place` says where the thumbnail lies; it gets a function that draws it, as WebP.
    """

    def draw() -> bytes:
        max_bytes = index.settings.pictures.max_bytes
        return index.thumbnail(image) or pool.thumbnail(originals.read(image.source, max_bytes, index.originals), SIDE)

    try:
        source = place(draw)
    except LookalikeError as error:
        return f'<span class="none" title="{text(str(error))}">cannot be read now</span>'
    return f'<img loading="lazy" alt="{text(image.key)}" src="{source}">'


def text(text: str) -> str:
    """Escape a text for use between tags and in quotes."""
    return escape(human.shown(text), quote=True)
