"""`lookalike compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output
from lookalike.cli.refused import RefusedError

if TYPE_CHECKING:
    from lookalike.questions import Key
    from lookalike.signatures.compute import Comparison

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
    """Say how alike two images are; - reads one from stdin.

    The exit code is 0 when they look the same to one of the families, or to that of --family, 1 when they do not, and 2
    when they could not be compared.
    """

    from shards.families import AUTO

    out = Output.of(form)
    comparisons = _compared(a, b, address, None if family == AUTO else family)
    if out.is_json:
        for each in comparisons:
            document = {"family": each.family, "score": each.score, "distance": each.distance}
            out.json({**document, "is_match": bool(each.is_match), "reason": each.reason})
    else:
        columns = [Column("family"), Column("score", True), Column("distance", True), Column("match")]
        rows = [
            [each.family, human.score(each.score), human.distance(each.distance), _match(each)] for each in comparisons
        ]
        out.table(columns, rows)
    click.get_current_context().exit(0 if any(each.is_match for each in comparisons) else 1)


def _match(comparison: Comparison) -> str:
    said = "yes" if comparison.is_match else "no"
    return said if comparison.reason is None else f"{said}: {comparison.reason}"


def _compared(a: str, b: str, address: str | None, family: str | None) -> list[Comparison]:
    from lookalike.cli import question
    from lookalike.index import Index
    from lookalike.options import SearchOptions
    from lookalike.questions import Key
    from lookalike.signatures import compute
    from shards.families import DEFAULT
    from shards.pictures.settings import PictureSettings

    first, second = _image(a, address), _image(b, address)
    if address is None:
        # without an index there are no keys: `_image` has refused them
        with question.within_memory(PictureSettings()):
            return compute.compare(first, second, families=(family,) if family else DEFAULT)  # type: ignore[arg-type]
    index = Index.open(address)
    signed = [
        each if isinstance(each, Key) else question.signed(index, SearchOptions(), each) for each in (first, second)
    ]
    comparisons = index.compare(*signed)
    if family is None:
        return comparisons
    chosen = [each for each in comparisons if each.family == family]
    if not chosen:
        known = ", ".join(each.family for each in comparisons)
        raise RefusedError(f"{index.url} has no signatures of {family}, only of {known}")
    return chosen


def _image(name: str, address: str | None) -> str | bytes | Key:
    from lookalike.cli import question
    from lookalike.questions import Key

    if not name.startswith(KEY):
        return question.image(name)
    if address is None:
        raise RefusedError(f"{name} is an image of an index: say which with --index, or write ./{name} for a file")
    return Key(name.removeprefix(KEY))
