"""`lookalike compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output
from lookalike.cli.refused import RefusedError
from shards.errors import LookalikeError

if TYPE_CHECKING:
    from lookalike.signatures.comparing import Comparison
    from lookalike.signatures.computed import Signed
    from shards.pictures.settings import PictureSettings

KEY = "key:"
"""Prefix that marks a key of the index where a file is possible too."""


@click.command(
    "compare",
    cls=Command,
    examples=(
        ("lookalike compare a.jpg b.jpg", "how alike two files are, to each kind of signature"),
        ("lookalike compare a.jpg b.jpg --family phash && echo the same", "in a script"),
        ("lookalike compare new.jpg key:2019/sea.jpg --index photos.index", "a file, and an image of an index"),
    ),
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--index", "address", metavar="INDEX", help="Compare as this index does; key:NAME is an image of it.")
@click.option("--family", metavar="NAME", help="Kind of signature to compare. [default: auto, which is all of them]")
@output_options
def compare(a: str, b: str, address: str | None, family: str | None, form: str | None) -> None:
    """Say how alike two images are: files, addresses, - for stdin, clipboard: for that.

    The exit code is 0 when they look the same to one of the families, or to that of --family, 1 when they do not, and 2
    when they could not be compared. Where crops finds a part that both have in common, --json says where it lies.
    """

    from shards.families import AUTO

    out = Output.of(form)
    comparisons = _compared(a, b, address, None if family == AUTO else family)
    if out.is_json:
        for each in comparisons:
            out.json(asdict(each))
    else:
        columns = [Column("family"), Column("score", True), Column("distance", True), Column("match")]
        rows = [
            [each.family, human.score(each.score), human.distance(each.distance), _match(each)] for each in comparisons
        ]
        out.table(columns, rows)
    click.get_current_context().exit(0 if any(each.is_match for each in comparisons) else 1)


def _match(comparison: Comparison) -> str:
    said = (comparison.confidence or "yes") if comparison.is_match else "no"
    return said if comparison.reason is None else f"{said}: {comparison.reason}"


def _compared(a: str, b: str, address: str | None, family: str | None) -> list[Comparison]:
    from lookalike.index import Index
    from lookalike.questions import Key
    from lookalike.signatures import comparing
    from shards.families import DEFAULT
    from shards.families import family as named
    from shards.pictures.settings import PictureSettings

    if address is None:
        for name in (a, b):
            if name.startswith(KEY):
                raise RefusedError(
                    f"{name} is an image of an index: say which with --index, or write ./{name} for a file"
                )
        families = [named(each) for each in ([family] if family else DEFAULT)]
        asked = comparing.asked_to_compare([each.name for each in families])
        first, second = _signed([a, b], asked, PictureSettings())
        return comparing.compare_signed(families, first, second)
    index = Index.open(address)
    pictures = [name for name in (a, b) if not name.startswith(KEY)]
    signed = iter(_signed(pictures, index.settings.families, index.settings.pictures))
    return index.compare(
        *(Key(name.removeprefix(KEY)) if name.startswith(KEY) else next(signed) for name in (a, b)), family=family
    )


def _signed(names: Sequence[str], families: Sequence[str], pictures: PictureSettings) -> list[Signed]:
    """Return these pictures with their rows in these families. Raises LookalikeError."""
    from lookalike.cli import question

    if not names:
        return []
    signed = []
    with question.computing(families, pictures, names=names) as pool:
        for _, each in question.computed(pool, names, families, pictures):
            if isinstance(each, LookalikeError):
                raise each
            signed.append(each)
    return signed
