"""`lookalike export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output.human import count, shown
from lookalike.cli.output.output import Output, note

if TYPE_CHECKING:
    from lookalike.interchange.exports.export import Export

FORMATS = ("csv", "jsonl", "iqdb", "postgres", "parquet", "npy")
SHOWN = 20
"""Images that a format cannot hold, of which so many are named."""


@click.command(
    "export",
    cls=Command,
    examples=(
        ("lookalike export photos.index --to jsonl -o photos.jsonl", "everything that is known of each image"),
        ("lookalike export posts.index --to iqdb -o iqdb.sqlite", "for IQDB; keys have to be post ids"),
        ("lookalike export wiki.index --to postgres | psql wiki", "for PostgreSQL: a table hashes"),
        ("lookalike export photos.index --to csv --family phash", "one kind of signature"),
    ),
)
@index_argument
@click.option("--to", "kind", type=click.Choice(FORMATS), required=True, help="The format.")
@click.option("--output", "-o", "target", default="-", metavar="FILE", help="The file to write. [default: stdout]")
@click.option("--family", help="The kind of signature to write. [default: all that the format can hold]")
@click.option("--prefix", default="", metavar="P", help="Only images whose keys begin with P.")
@output_options
def export(address: str, kind: str, target: str, family: str | None, prefix: str, form: str | None) -> None:
    """Write all that an index knows of its images in a form that other programs read.

    'lookalike import' reads every form back. csv, jsonl, postgres and parquet hold the metadata too; the pictures
    themselves are in no index. The exit code is 1 if an image was left out because the format cannot hold it.
    """
    from lookalike.index import Index
    from lookalike.interchange.exports import export as exports
    from lookalike.interchange.exports.formats import FORMATS as WRITERS

    index = Index.open(address)
    out = Output.of(form)
    with out.progress("exporting", index.count()) as progress:
        made = exports.Export(index, target, family, prefix, progress.advance)
        WRITERS[kind](made)
    for key, reason in made.left_out[:SHOWN]:
        note(f"left out: {shown(key)}: {reason}")
    if len(made.left_out) > SHOWN:
        note(f"left out: {count(len(made.left_out) - SHOWN)} more")
    for text in made.notes:
        note(text)
    if target != "-":
        _say(out, made)
    click.get_current_context().exit(1 if made.left_out else 0)


def _say(out: Output, export: Export) -> None:
    """Print what was written to a file."""
    left_out = len(export.left_out)
    if out.is_json:
        out.json({"status": "exported", "file": export.target, "images": export.rows, "left_out": left_out})
        return
    told = f"; {count(left_out)} left out" if left_out else ""
    out.line(f"{count(export.rows, 'image')} in {shown(export.target)}{told}")
