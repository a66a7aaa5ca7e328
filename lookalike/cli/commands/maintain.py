"""`lookalike stats`, `compact`, `reshard` and `collect`: keeping an index in order."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note

if TYPE_CHECKING:
    from lookalike.index import Index
    from shards.table.write.calibrated import Rates


@click.command(
    "stats", cls=Command, examples=(("lookalike stats s3://pictures/index", "its size, and what takes the space"),)
)
@index_argument
@output_options
def stats(address: str, form: str | None) -> None:
    """Show the numbers of an index: images, segments, what waits to be folded, and bytes by column."""
    from lookalike.index import Index

    out = Output.of(form)
    index = Index.open(address)
    stored = index.stats()
    families = list(index.settings.families)
    rates = _rates(index)
    if out.is_json:
        document = {"index": index.url, "families": families, **asdict(stored), "columns": dict(stored.columns)}
        out.json({**document, "calibrated": None if rates is None else _calibrated(rates)})
        return
    wide = human.count(stored.wide, "segment")
    per_image = f", {stored.size / stored.images:,.0f} bytes an image" if stored.images and stored.size else ""
    out.facts(
        {
            "index": index.url,
            "families": ", ".join(families),
            "images": human.count(stored.images),
            "shards": human.count(stored.shards) + (f", resharding: {wide} to split" if stored.wide else ""),
            "segments": f"{human.count(stored.segments)} of {human.size(stored.size)} in all{per_image}",
            "dead rows": human.count(stored.dead),
            "not folded": f"{human.count(stored.tail_images, 'image')} in {human.count(stored.tail, 'log object')}",
            "manifest": f"version {stored.version:,}",
            "calibrated": "no" if rates is None else f"with {rates.pairs:,} pairs of {rates.images:,} images",
        }
    )
    if stored.columns:
        largest = sorted(stored.columns.items(), key=lambda column: (-column[1], column[0]))
        out.line("")
        out.table([Column("column"), Column("size", True)], [[name, human.size(size)] for name, size in largest])


def _rates(index: Index) -> Rates | None:
    """Return the false rates of the index; None where there are none, or damaged ones, which is said."""
    from shards.errors import CorruptObject

    try:
        return index.rates
    except CorruptObject as error:
        note(f"{error}; searches go without: 'lookalike calibrate' measures them again")
        return None


def _calibrated(rates: Rates) -> dict[str, Any]:
    """Return what `lookalike calibrate` found last, with the score of each family that a match must reach."""
    from shards.families.rates import MATCH_RATE

    match_scores = {name: table.score(MATCH_RATE) for name, table in rates.tables.items()}
    return {"time": rates.time, "images": rates.images, "pairs": rates.pairs, "match_scores": match_scores}


@click.command(
    "compact",
    cls=Command,
    examples=(
        ("lookalike compact photos.index", "do what is due"),
        ("lookalike compact photos.index --everything", "into as few segments as possible, before many searches"),
    ),
)
@index_argument
@click.option("--everything", is_flag=True, help="Rewrite into as few segments as possible.")
@output_options
def compact(address: str, everything: bool, form: str | None) -> None:
    """Fold fresh records into segments, and merge small segments. Searching and adding can go on meanwhile."""
    from lookalike.index import Index

    out = Output.of(form)
    done = Index.open(address).compact(everything=everything)
    if out.is_json:
        out.json(asdict(done))
        return
    out.line(
        f"folded {human.count(done.folded, 'log object')}, merged {human.count(done.merged, 'segment')} into"
        f" {human.count(done.written)}; the manifest is version {done.version:,}"
    )


@click.command(
    "reshard",
    cls=Command,
    examples=(
        ("lookalike reshard photos.index 8", "from 1, 2 or 4 shards, or to continue after an interruption"),
        ("lookalike reshard s3://pictures/index 64 --json", "in a script; one object when it is done"),
    ),
)
@index_argument
@click.argument("shards", type=int)
@output_options
def reshard(address: str, shards: int, form: str | None) -> None:
    """Split an index into SHARDS shards: as many as it has, doubled once or several times, up to 65,536.

    Every segment is rewritten once or more. Adding, searching and compacting can go on meanwhile, and searches find the
    same as before. If it is interrupted, run it again: it continues where it stopped.
    """
    from lookalike.index import Index

    out = Output.of(form)
    index = Index.open(address)
    with out.progress("resharding", 0) as progress:
        done = index.reshard(shards, progress.update)
    if out.is_json:
        out.json(asdict(done))
        return
    out.line(
        f"{human.count(done.before, 'shard')} before, {human.count(done.shards)} now: split"
        f" {human.count(done.split, 'segment')} into {human.count(done.written)}; the manifest is version"
        f" {done.version:,}"
    )


@click.command(
    "collect", cls=Command, examples=(("lookalike collect photos.index", "after a compaction, or once a day"),)
)
@index_argument
@output_options
def collect(address: str, form: str | None) -> None:
    """Delete objects that no reader can need any more: those of old versions, once they are an hour old."""
    from lookalike.index import Index

    out = Output.of(form)
    done = Index.open(address).collect()
    if out.is_json:
        out.json({"deleted": list(done.objects), "size": done.size})
        return
    out.line(f"deleted {human.count(done.count, 'object')} of {human.size(done.size)}")
