"""`lookalike copy`, `backup` and `restore`: the index somewhere else, as it was at one moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note

if TYPE_CHECKING:
    from shards.table.maintain.copying import Copied


@click.command(
    "copy",
    cls=Command,
    examples=(
        ("lookalike copy photos.index s3://pictures/index", "move to a bucket; people may go on adding meanwhile"),
        ("lookalike copy s3://pictures/index photos.index", "again, to bring the copy up to date"),
    ),
)
@click.argument("source", metavar="FROM")
@click.argument("destination", metavar="TO")
@click.option("--replace", is_flag=True, help="Put the copy in the place of the index at TO, which is then deleted.")
@output_options
def copy(source: str, destination: str, replace: bool, form: str | None) -> None:
    """Copy an index to another place of any kind, as it is at one moment. Adding and compacting can go on meanwhile.

    Every object is checked on its way. A copy that is there already gets only what it lacks, and changes in one step;
    what was interrupted goes on when the command is run again. The copy has an id of its own, and is an index like any
    other. Once it was written to, it is not brought up to date any more.
    """
    _copy(source, destination, "copied", None, replace, form)


@click.command(
    "backup",
    cls=Command,
    examples=(
        ("lookalike backup photos.index /mnt/disk/photos.backup", "each night; only what is new is copied"),
        ("lookalike backup s3://pictures/index s3://elsewhere/index --json", "in a script: one object when it is done"),
    ),
)
@index_argument
@click.argument("destination", metavar="DEST")
@output_options
def backup(address: str, destination: str, form: str | None) -> None:
    """Bring the backup of an index at DEST up to date, or make it. Adding and compacting can go on meanwhile.

    A backup is a copy that nobody writes to. It holds the last eight points in time at which something had changed;
    'lookalike restore' brings any of them back.
    """
    _copy(address, destination, "backed up", None, False, form)


@click.command(
    "restore",
    cls=Command,
    examples=(
        ("lookalike restore /mnt/disk/photos.backup photos.index", "as it was at the last backup"),
        ("lookalike restore /mnt/disk/photos.backup --list", "the points in time that can be restored"),
        ("lookalike restore s3://elsewhere/index s3://pictures/index --point 7 --replace", "an older one, in place"),
    ),
)
@click.argument("source", metavar="DEST")
@click.argument("address", metavar="INDEX", required=False)
@click.option("--list", "is_list", is_flag=True, help="Show the points in time that DEST holds, and do nothing.")
@click.option("--point", type=click.IntRange(1), metavar="NUMBER", help="An older point in time. [default: the last]")
@click.option("--replace", is_flag=True, help="Put it in the place of the index that is there, which is then deleted.")
@output_options
def restore(
    source: str, address: str | None, is_list: bool, point: int | None, replace: bool, form: str | None
) -> None:
    """Make an index at INDEX of the backup at DEST.

    With --replace, programs that have the index open go on with the restored one.
    """
    if is_list:
        _list(source, form)
    elif address is None:
        raise click.UsageError("Missing argument 'INDEX': the place to restore to, or --list.")
    else:
        _copy(source, address, "restored", point, replace, form)


def _copy(source: str, destination: str, done: str, point: int | None, replace: bool, form: str | None) -> None:
    from lookalike.index import Index

    out = Output.of(form)
    index = Index.open(source)
    with out.progress("copying", in_bytes=True) as progress:
        copied = index.copy(destination, point=point, replace=replace, progress=progress.update)
    _say(out, index.url, destination, done, copied)


def _say(out: Output, source: str, destination: str, done: str, copied: Copied) -> None:
    if copied.damaged:
        note(f"left out {human.count(len(copied.damaged), 'damaged object')}, such as {copied.damaged[0]}")
    if out.is_json:
        out.json({"status": done, "from": source, "to": destination, **asdict(copied)})
        return
    out.line(
        f"{done} {human.count(copied.images, 'image')} from {human.shown(source)} to {human.shown(destination)}:"
        f" {human.count(copied.objects, 'object')} of {human.size(copied.size)}, and {human.count(copied.there)} there"
        f" already; it is point {copied.version:,} in time"
    )


def _list(source: str, form: str | None) -> None:
    from lookalike.index import Index

    out = Output.of(form)
    points = Index.open(source).points()
    if out.is_json:
        for point in points:
            time = human.moment_utc(int(point.time * 1e9))
            out.json({"point": point.version, "time": time, "images": point.images})
        return
    rows = [[str(p.version), human.moment(int(p.time * 1e9)), human.count(p.images)] for p in points]
    out.table([Column("point", True), Column("made"), Column("images", True)], rows)
