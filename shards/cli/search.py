"""`lookalike search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shards.cli import human
from shards.cli.command import Command, index_argument, name_value, output_options
from shards.cli.output import Column, Output

if TYPE_CHECKING:
    from shards.index import Answer, Question


@click.command(
    "search",
    cls=Command,
    examples=(
        ("lookalike search photos.index copy.jpg", "the ten images most like this one"),
        ("curl -s https://example.org/a.png | lookalike search photos.index -", "an image from stdin"),
        ("lookalike search photos.index --key 2019/sea.jpg --min-score 90", "what is like an image of the index"),
        ("lookalike search photos.index copy.jpg --family dhash --max-distance 6", "within 6 bits"),
        ("lookalike search photos.index scan.png --family goldberg --orientations --negatives", "turned or inverted"),
        ("lookalike search photos.index --family dhash --signature 9d8f6b2a12d4e0c1", "by a known hash"),
        ("lookalike search photos.index copy.jpg --where album=Rome -n 3", "among some of the images"),
    ),
)
@index_argument
@click.argument("image", required=False)
@click.option("--key", help="Look for what is like this image of the index.")
@click.option("--signature", metavar="TEXT", help="Look for what has a signature like this one.")
@click.option("--family", metavar="NAME", help="Kind of signature to compare. [default: the index's first]")
@click.option("--limit", "-n", type=int, default=10, show_default=True, help="Images to find, at most.")
@click.option("--min-score", type=float, help="Leave out what is less alike; 100 is the same.")
@click.option("--max-distance", type=float, help="The same in the family's own unit, such as bits.")
@click.option("--orientations", is_flag=True, help="Find it turned or mirrored, too.")
@click.option("--negatives", is_flag=True, help="Find its negative, too.")
@click.option(
    "--where", type=name_value, metavar="NAME=VALUE", multiple=True, help="Only images with this metadata. Repeat it."
)
@output_options
def search(
    address: str,
    image: str | None,
    key: str | None,
    signature: str | None,
    family: str | None,
    limit: int,
    min_score: float | None,
    max_distance: float | None,
    orientations: bool,
    negatives: bool,
    where: tuple[tuple[str, Any], ...],
    form: str | None,
) -> None:
    """Find the images most like IMAGE (- reads it from stdin), like another image of the index, or by a signature.

    The exit code is 0 when something was found, 1 when nothing was, and 2 when the search failed.
    """
    from shards.index import Index

    out = Output.of(form)
    question = _question(image, key, signature)
    answer = Index.open(address).search(
        question,
        family=family,
        limit=limit,
        min_score=min_score,
        max_distance=max_distance,
        orientations=orientations,
        negatives=negatives,
        where=dict(where),
    )
    _say(out, answer, with_orientation=orientations or negatives)
    if not answer.hits:
        click.get_current_context().exit(1)


def _question(image: str | None, key: str | None, signature: str | None) -> Question:
    from shards.cli import question
    from shards.index import Key, Signature

    if sum(given is not None for given in (image, key, signature)) != 1:
        raise click.UsageError("give one of IMAGE, --key and --signature")
    if key is not None:
        return Key(key)
    if signature is not None:
        return Signature(signature)
    return question.image(str(image))


def _say(out: Output, answer: Answer, *, with_orientation: bool) -> None:
    if out.is_json:
        for rank, hit in enumerate(answer.hits, 1):
            out.json(
                {
                    "rank": rank,
                    "key": hit.key,
                    "score": hit.score,
                    "distance": hit.distance,
                    "family": answer.family,
                    "width": hit.image.width,
                    "height": hit.image.height,
                    "orientation": hit.variant,
                    "sha256": hit.image.sha256,
                    "meta": dict(hit.image.meta),
                    "source": dict(hit.image.source),
                }
            )
        return
    if not answer.hits:
        out.line(f"nothing like it among {human.count(answer.searched, 'image')}")
        return
    columns = [Column("rank", True), Column("score", True), Column("distance", True), Column("key"), Column("size")]
    columns += [Column("orientation")] if with_orientation else []
    rows = [
        [
            str(rank),
            human.score(hit.score),
            human.distance(hit.distance),
            hit.key,
            human.pixels(hit.image.width, hit.image.height),
            *([hit.variant] if with_orientation else []),
        ]
        for rank, hit in enumerate(answer.hits, 1)
    ]
    out.table(columns, rows)
