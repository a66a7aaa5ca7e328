"""`lookalike duplicates`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import Command, ReportPath, index_argument, names_of, originals_option, output_options
from lookalike.cli.commands.keys import described
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note
from lookalike.cli.where import all_of, where_option

if TYPE_CHECKING:
    from lookalike.duplicates.find import Duplicates
    from lookalike.index import Index
    from shards.search.grouping import Grouping


@click.command(
    "duplicates",
    cls=Command,
    examples=(
        ("lookalike duplicates photos.index", "pictures that are there more than once"),
        ("lookalike duplicates photos.index --html duplicates.html", "pages with thumbnails, to look through"),
        (
            "lookalike duplicates photos.index --keep oldest --protect masters/ --apply trash",
            "what would go to the trash; --yes does it",
        ),
        ("lookalike duplicates photos.index --prefix library/ --against card/", "what of the card is there already"),
        (
            "lookalike duplicates photos.index --family goldberg --exhaustive",
            "compare all pairs, however long that takes",
        ),
    ),
)
@index_argument
@click.option(
    "--tier",
    "tiers",
    metavar="TIERS",
    multiple=True,
    help="How sure it has to be: identical (the same bytes), same (confirmed on the pixels), alike. [default:"
    " identical,same]",
)
@click.option("--exact", is_flag=True, help="The same as --tier identical.")
@click.option(
    "--keep",
    metavar="RULES",
    multiple=True,
    help="Which one to keep, the first rule first: colour, pixels (or largest), bytes, format, oldest, exif, no-exif,"
    " path.",
)
@click.option("--prefer", metavar="PREFIX", multiple=True, help="Keep images whose key begins so. Repeat it.")
@click.option("--protect", metavar="PREFIX", multiple=True, help="Never touch images whose key begins so. Repeat it.")
@click.option(
    "--apply",
    "action",
    type=click.Choice(["trash", "folder", "hardlink", "symlink", "reflink", "delete"]),
    help="What to do with the files of the others. Told only, unless --yes is given.",
)
@click.option("--into", type=click.Path(file_okay=False), metavar="FOLDER", help="Where --apply folder moves files.")
@click.option("--yes", is_flag=True, help="Do it.")
@click.option("--log", type=click.Path(path_type=Path), help="Where to write what is done, for 'lookalike undo'.")
@click.option("--prefix", default="", help="Only images whose key begins so.")
@click.option("--against", metavar="PREFIX", help="Of the images whose key begins so, those that --prefix has already.")
@where_option
@click.option("--csv", "table", type=ReportPath(), help="Write a table of the groups.")
@click.option("--new", "only_new", is_flag=True, help="Only groups with something that no run with --new has shown.")
@click.option(
    "--family",
    metavar="NAME",
    help="Compare by one kind of signature alone, without tiers. [default then: dhash where there is one, else the"
    " first]",
)
@click.option("--min-score", type=float, help="Score from which two images are copies. [default: the family's own]")
@click.option("--max-distance", type=float, help="The same in the family's unit. [default: 3 bits of 64 for hashes]")
@click.option(
    "--group",
    "grouping",
    type=click.Choice(["star", "components"]),
    help="star: every copy is like the one to keep. components: or like another copy; such groups chain.",
)
@click.option("--exhaustive", is_flag=True, help="Compare every pair of images, however long that takes.")
@click.option("--html", "page", type=ReportPath(), help="Write pages with thumbnails, beside each other.")
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
    tiers: tuple[str, ...],
    exact: bool,
    keep: tuple[str, ...],
    prefer: tuple[str, ...],
    protect: tuple[str, ...],
    action: str | None,
    into: str | None,
    yes: bool,
    log: Path | None,
    prefix: str,
    against: str | None,
    where: tuple[Mapping[str, Any], ...],
    table: Path | None,
    only_new: bool,
    family: str | None,
    min_score: float | None,
    max_distance: float | None,
    grouping: Grouping | None,
    exhaustive: bool,
    page: Path | None,
    delete_list: Path | None,
    nul_separated: bool,
    originals: tuple[str, ...],
    form: str | None,
) -> None:
    """Find pictures that are there more than once, keep the best of each, and move, link or delete the others.

    Files of the same bytes, and pictures that hashes call the same and whose pixels confirm it: in each group the best
    comes first. Nothing is touched without --apply and --yes. Before a file is touched, it and the one that is kept
    are read again, and 'lookalike undo' brings back what was moved or linked.

    With --family, --min-score, --max-distance, --group or --exhaustive, images are compared by one kind of signature
    instead: every copy is like the group's largest image, and pictures without content are counted apart. In large
    indexes, haar and goldberg compare only pairs whose hashes in the index are near each other. That can miss
    a few, most of them cropped or framed; --exhaustive compares all pairs.
    """
    from lookalike.cli import deletable
    from lookalike.index import Index

    if min_score is not None and max_distance is not None:
        raise click.UsageError("give --min-score or --max-distance, not both")
    by_family = family is not None or min_score is not None or max_distance is not None or exhaustive or grouping
    in_tiers = tiers or exact or keep or prefer or protect or action or prefix or against is not None or where
    if by_family and (in_tiers or table or only_new):
        raise click.UsageError("one family is compared without tiers: leave its options out, or those of tiers")
    if action == "folder" and not into:
        raise click.UsageError("--apply folder needs --into FOLDER")
    out = Output.of(form)
    index = Index.open(address)
    index.trust_originals(*originals)
    if not by_family:
        from lookalike.cli.commands import reviewing
        from lookalike.duplicates.keep import Keeping
        from lookalike.duplicates.review import Asked
        from lookalike.duplicates.tiers import DEFAULT, tiers_of
        from shards.search.filters import Filter

        asked = Asked(
            tiers_of(["identical"] if exact else names_of(tiers) or DEFAULT), prefix, against, Filter.of(all_of(where))
        )
        wanted = reviewing.Wanted(
            asked,
            Keeping.of(names_of(keep), prefer, protect),
            action,
            into,
            yes,
            log,
            table,
            page,
            delete_list,
            "\0" if nul_separated else "\n",
            only_new,
        )
        reviewing.run(out, index, wanted)
        return
    name = family or _usual_family(index)
    if min_score is None and max_distance is None:
        min_score = _duplicate_score(index, name)
    with out.progress("comparing", index.count()) as progress:
        found = index.duplicates(
            family=name,
            min_score=min_score,
            max_distance=max_distance,
            grouping=grouping or "star",
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
