"""`lookalike calibrate`."""

from __future__ import annotations

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output


@click.command(
    "calibrate",
    cls=Command,
    examples=(
        ("lookalike calibrate photos.index", "after the first thousand images, and when other ones have come"),
        ("lookalike calibrate photos.index --pairs 20000000", "five times as many, for rarer scores"),
    ),
)
@index_argument
@click.option("--pairs", type=click.IntRange(10_000, 1_000_000_000), help="Pairs to compare. [default: 4,000,000]")
@output_options
def calibrate(address: str, pairs: int | None, form: str | None) -> None:
    """Measure how much images of INDEX that are no copies score, so that no stranger is called a match.

    Pictures of one kind, such as scans or screenshots, are more alike than the photographs by which lookalike was
    measured. Random pairs are compared, those that another family calls copies are left out, and a small object with
    what was found is added to the index. Matches are judged by it from then on, and hits of several families ranked; no
    score changes.
    """
    from lookalike.index import Index
    from shards.families.rates import MATCH_RATE

    out = Output.of(form)
    index = Index.open(address)
    with out.progress("comparing", 0) as progress:
        found = index.calibrate(pairs, progress.update)
    if out.is_json:
        families = {
            family.name: {
                "match_score": found.tables[family.name].score(MATCH_RATE),
                "everywhere": family.rates.score(MATCH_RATE),
                "measured_up_to": found.measured_up_to[family.name],
                "false_rates": [list(point) for point in found.tables[family.name].points],
            }
            for family in index.families
        }
        counts = {"images": found.images, "sample": found.sample, "pairs": found.pairs, "copies": found.copies}
        out.json({**counts, "families": families})
        return
    out.line(
        f"compared {found.pairs:,} pairs of {human.count(found.sample, 'image')};"
        f" {human.count(found.copies, 'pair')} left out as copies"
    )
    columns = [
        Column("family"),
        Column("a match from", True),
        Column("everywhere", True),
        Column("measured up to", True),
    ]
    rows = [
        [
            family.name,
            human.score(found.tables[family.name].score(MATCH_RATE)),
            human.score(family.rates.score(MATCH_RATE)),
            human.score(found.measured_up_to[family.name]),
        ]
        for family in index.families
    ]
    out.table(columns, rows)
