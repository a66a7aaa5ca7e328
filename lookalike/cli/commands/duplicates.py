"""`lookalike duplicates`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import Command, ReportPath, index_argument, originals_option, output_options
from lookalike.cli.commands.keys import described
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note

if TYPE_CHECKING:
    from lookalike.duplicates.find import Duplicates
    from lookalike.index import Index
    from shards.search.grouping import Grouping


@click.command(
    "duplicates",
    cls=Command,
    examples=(
        ("lookalike duplicates photos.index", "groups of pictures that look the same"),
        ("lookalike duplicates photos.index --html duplicates.html", "a page with thumbnails, to look through"),
        (
            "lookalike duplicates photos.index --family phash --max-distance 0 --delete-list gone.txt",
            "only certain ones",
        ),
        (
            "lookalike duplicates photos.index --family goldberg --exhaustive",
            "compare all pairs, however long that takes",
        ),
    ),
)
@index_argument
@click.option("--family", metavar="NAME", help="Kind of signature. [default: dhash where there is one, else the first]")
@click.option("--min-score", type=float, help="Score from which two images are copies. [default: the family's own]")
@click.option("--max-distance", type=float, help="The same in the family's unit. [default: 3 bits of 64 for hashes]")
@click.option(
    "--group",
    "grouping",
    type=click.Choice(["star", "components"]),
    default="star",
    show_default=True,
    help="star: every copy is like the one to keep. components: or like another copy; such groups chain.",
)
@click.option("--exhaustive", is_flag=True, help="Compare every pair of images, however long that takes.")
@click.option("--html", "page", type=ReportPath(), help="Write a page with thumbnails, one file.")
@click.option(
    "--delete-list",
    type=ReportPath(),
    help="Write the paths of all copies but the one to keep, one a line.",
)
@click.option("-0", "--null", "nul_separated", is_flag=True, help="Separate the paths of --delete-list by NUL.")
@originals_option
@output_options
def duplicates(
    address: str,
    family: str | None,
    min_score: float | None,
    max_distance: float | None,
    grouping: Grouping,
    exhaustive: bool,
    page: Path | None,
    delete_list: Path | None,
    nul_separated: bool,
    originals: tuple[str, ...],
    form: str | None,
) -> None:
    """Find the groups of images that look alike, the largest groups first.

    In each group the image with the most pixels is the one to keep, and every copy is like that image. Pictures without
    content (all of one colour) look alike without being copies: they are counted apart. Nothing is deleted:
    --delete-list only lists files that could be deleted, and only those that have not changed since they were added.

    In large indexes, haar and goldberg compare only pairs whose hashes in the index are near each other. That can miss
    a few, most of them cropped or framed; --exhaustive compares all pairs.
    """
    from lookalike.cli import deletable
    from lookalike.index import Index

    if min_score is not None and max_distance is not None:
        raise click.UsageError("give --min-score or --max-distance, not both")
    out = Output.of(form)
    index = Index.open(address)
    index.trust_originals(*originals)
    name = family or _usual_family(index)
    if min_score is None and max_distance is None:
        min_score = _duplicate_score(index, name)
    with out.progress("comparing", index.count()) as progress:
        found = index.duplicates(
            family=name,
            min_score=min_score,
            max_distance=max_distance,
            grouping=grouping,
            exhaustive=exhaustive,
            progress=progress.update,
        )
    _say(out, found, name)
    if page is not None:
        from lookalike.cli.output import duplicates_page

        with out.progress("drawing", sum(1 + len(group.copies) for group in found.groups)) as progress:
            text = duplicates_page.page(found, index, name, progress.advance)
        page.write_text(text, encoding="utf-8")
    if delete_list is not None:
        listed = deletable.paths(found, index.originals, "\0" if nul_separated else "\n")
        delete_list.write_bytes(b"".join(path + (b"\0" if nul_separated else b"\n") for path in listed.paths))
        for key, reason in listed.left_out:
            note(f"not in the list: {key}: {reason}")


def _usual_family(index: Index) -> str:
    names = index.settings.families
    return "dhash" if "dhash" in names else names[0]


def _duplicate_score(index: Index, name: str) -> float | None:
    """Return the family's own score for duplicates; None if the index has no such family, which `Index` reports."""
    return next((family.duplicate_score for family in index.families if family.name == name), None)


def _say(out: Output, found: Duplicates, family: str) -> None:
    copies = sum(len(group.copies) for group in found.groups)
    if out.is_json:
        for group in found.groups:
            out.json(
                {
                    "keep": described(group.head),
                    "copies": [
                        {**described(copy.image), "score": copy.score, "distance": copy.distance}
                        for copy in group.copies
                    ],
                }
            )
        summary: dict[str, Any] = {"status": "summary", "family": family, "groups": len(found.groups), "copies": copies}
        out.json({**summary, "flat": [image.key for image in found.flat], "method": _method(found)})
        return
    columns = [Column(""), Column("score", True), Column("distance", True), Column("size"), Column("key")]
    for n, group in enumerate(found.groups, 1):
        rows = [["keep", "", "", human.pixels(group.head.width, group.head.height), group.head.key]]
        rows += [
            [
                "copy",
                human.score(copy.score),
                human.distance(copy.distance),
                human.pixels(copy.image.width, copy.image.height),
                copy.image.key,
            ]
            for copy in group.copies
        ]
        out.table(columns, rows, title=f"group {n:,}: {human.count(len(rows), 'image')}")
        out.line("")
    flat = f"; {human.count(len(found.flat), 'image')} without content left out" if found.flat else ""
    groups = human.count(len(found.groups), "group")
    out.line(f"{groups} with {human.count(copies, 'copy', 'copies')} to {family}{flat}")
    if not found.method.is_exact:
        out.line(f"{found.method.caveat}; --exhaustive compares all")


def _method(found: Duplicates) -> dict[str, Any]:
    method = found.method
    suggested = {} if method.is_exact else {"hashes": list(method.hashes), "radius": method.radius}
    return {"name": method.name, **suggested}
