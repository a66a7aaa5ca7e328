"""`lookalike remove`, `list` and `show`: the images of an index by their keys."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Output, note
from lookalike.cli.where import all_of, where_option

if TYPE_CHECKING:
    from shards.table.read.snapshot import Image

REMOVED_AT_ONCE = 1000


@click.command(
    "remove",
    cls=Command,
    examples=(
        ("lookalike remove photos.index 2019/sea.jpg 2019/beach.jpg", "two images"),
        ("lookalike list photos.index --prefix 2019/ --text | lookalike remove photos.index -", "a whole folder"),
    ),
)
@index_argument
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@click.option("-0", "--null", "nul_separated", is_flag=True, help="Keys on stdin end in NUL, not in a line break.")
@output_options
def remove(address: str, keys: tuple[str, ...], nul_separated: bool, form: str | None) -> None:
    """Remove images from an index, by key; - reads keys from stdin. Files are not touched.

    The exit code is 1 when there was no image of one of the keys.
    """
    from lookalike.cli.inputs import STDIN, listed
    from lookalike.index import Index

    out = Output.of(form)
    index = Index.open(address)
    wanted: list[str] = []
    for key in keys:
        wanted += listed(sys.stdin.buffer, b"\0" if nul_separated else b"\n") if key == STDIN else [key]
    removed = missing = 0
    for start in range(0, len(wanted), REMOVED_AT_ONCE):
        some = wanted[start : start + REMOVED_AT_ONCE]
        there = set(index.remove(some))
        removed += len(there)
        for key in dict.fromkeys(some):
            missing += key not in there
            if out.is_json:
                out.json({"key": key, "status": "removed" if key in there else "missing"})
            elif key not in there:
                note(f"no image has the key {key!r}")
        out.flush()
    if not out.is_json:
        out.line(f"{human.count(removed, 'image')} removed")
    if missing:
        click.get_current_context().exit(1)


@click.command(
    "list",
    cls=Command,
    examples=(
        ("lookalike list photos.index", "all keys"),
        ("lookalike list photos.index --prefix 2019/ --long", "some of them, with sizes, dates and files"),
        ("lookalike list photos.index --where album=Rome", "those with this metadata"),
        ("lookalike list photos.index --limit 1000 --after 2019/sea.jpg", "the next thousand after this one"),
    ),
)
@index_argument
@click.option("--prefix", default="", help="Only keys that begin with this text.")
@where_option
@click.option("--limit", "-n", type=click.IntRange(1), help="Maximum number of images.")
@click.option("--after", metavar="KEY", help="Continue after this key, the last one that was listed.")
@click.option("--long", "-l", "is_long", is_flag=True, help="With size, date and file, not the key alone.")
@output_options
def list_(
    address: str,
    prefix: str,
    where: tuple[Mapping[str, Any], ...],
    limit: int | None,
    after: str | None,
    is_long: bool,
    form: str | None,
) -> None:
    """List the images of an index, in an order of its own that stays the same."""
    from lookalike.index import Index

    out = Output.of(form)
    for image in Index.open(address).list(prefix=prefix, where=all_of(where), limit=limit, after=after):
        if out.is_json:
            out.json(described(image))
        elif is_long:
            path = human.shown(str(image.source.get("path", "")))
            size = human.pixels(image.width, image.height)
            out.line(f"{human.moment(image.added)}  {size:>15}  {human.shown(image.key)}  {path}".rstrip())
        else:
            out.line(human.shown(image.key))


@click.command(
    "show",
    cls=Command,
    examples=(("lookalike show photos.index 2019/sea.jpg", "size, file, metadata and signatures"),),
)
@index_argument
@click.argument("key")
@output_options
def show(address: str, key: str, form: str | None) -> None:
    """Show everything that an index has of one image."""
    import json

    from lookalike.index import Index

    out = Output.of(form)
    stored = Index.open(address).get(key)
    if out.is_json:
        out.json({**described(stored.image), "signatures": dict(stored.signatures)})
        return
    image = stored.image
    facts = {
        "key": image.key,
        "size": human.pixels(image.width, image.height),
        "added": human.moment(image.added),
        "sha256": image.sha256 or "unknown",
    }
    if image.source:
        facts["source"] = json.dumps(dict(image.source), ensure_ascii=False)
    if image.meta:
        facts["metadata"] = json.dumps(dict(image.meta), ensure_ascii=False)
    out.facts(facts | dict(stored.signatures))


def described(image: Image) -> dict[str, Any]:
    """Describe an image as JSON."""
    return {
        "key": image.key,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256 or None,
        "added": human.moment_utc(image.added),
        "meta": dict(image.meta),
        "source": dict(image.source),
    }
