"""The output of the demo: coloured on a terminal, plain text anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.lookups import Cost, Row, asked
from demo.place import FOLDER
from lookalike import Index
from shards.table.format import names

POSTCARD = Path(__file__).parent / "postcard.jpg"
"""A smaller, mirrored copy of one of the pictures, with a caption, to search for."""


def found_table(index: Index, rows: Iterable[Row], console: Console) -> list[Row]:
    """Print the table of found copies, row by row as they come. Returns the rows."""
    images = index.count()
    table = _table(index, f"found of {images} copies")
    shown = []
    with Live(table, console=console) if console.is_terminal else nullcontext():
        for row in rows:
            counts = [row.found[name] for name in asked(index)]
            table.add_row(row.name, *(_cell(found, images) for found in counts))
            shown.append(row)
    if not console.is_terminal:
        console.print(table)
    return shown


def _cell(found: int | None, images: int) -> Text:
    if found is None:
        return Text("-", style="dim")
    style = "green" if found == images else "yellow" if 2 * found >= images else "red"
    return Text(f"{found}/{images}", style=style)


def cost_table(index: Index, costs: Mapping[str, Cost], console: Console) -> None:
    """Print times and sizes, by family."""
    table = _table(index, "what it costs")
    stats = index.stats()
    of_families = [costs[name] for name in asked(index)]
    each = [stats.columns[family.name] // stats.images for family in index.families]
    sizes = [sum(each), *each]
    table.add_row("ms to sign a picture", *(f"{cost.signing * 1000:.1f}" for cost in of_families))
    table.add_row(f"ms to search {stats.images} images", *(f"{cost.searching * 1000:.1f}" for cost in of_families))
    table.add_row("bytes of an image's signature", *map(str, sizes))
    console.print(table)


def _table(index: Index, title: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(title)
    for name in asked(index):
        table.add_column(name, justify="right")
    return table


def index_files(files: Mapping[str, int], console: Console) -> None:
    """Print the files of the index, and the newest segment as numpy reads it."""
    line(console, f"The index is nothing but these files in {FOLDER}/, {sum(files.values()):,} bytes in all:")
    drawn = [size for name, size in files.items() if names.THUMBNAILS in name]
    for name, size in files.items():
        if names.THUMBNAILS not in name:
            line(console, f"  {size:>7,}  {name}")
    line(console, f"  {sum(drawn):>7,}  {names.THUMBNAILS}: {len(drawn)} thumbnails, for people to look at")
    segment = max(name for name in files if names.SEGMENTS in name)
    with np.load(FOLDER / segment, allow_pickle=False) as arrays:
        hashes = arrays["dhash"]["hash"][:3, 0]
    line(console)
    line(console, f'>>> numpy.load("{FOLDER}/{segment[:35]}....npz")["dhash"]["hash"][:3, 0]')
    line(console, repr(hashes))


def next_step(console: Console) -> None:
    """Print a command to continue with."""
    command = Path(sys.executable).with_name("lookalike")
    here = [os.path.relpath(path) for path in (command, POSTCARD)]
    line(console, "Next, a postcard of one of them, mirrored and with a caption:")
    line(console, f"  {here[0]} search {FOLDER} {here[1]} --orientations")


def line(console: Console, text: str = "", style: str | None = None) -> None:
    """Print a line as it is: neither wrapped nor highlighted."""
    console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)
