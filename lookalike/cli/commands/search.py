"""`lookalike search`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note
from lookalike.cli.where import all_of, where_option
from shards.errors import LookalikeError

if TYPE_CHECKING:
    from lookalike.answers import Answer
    from lookalike.index import Index
    from lookalike.options import SearchOptions
    from lookalike.questions import Question

TOGETHER = 64
"""Number of images that are searched for together: columns are read once for all of them."""


@click.command(
    "search",
    cls=Command,
    examples=(
        ("lookalike search photos.index copy.jpg", "the ten images most like this one"),
        ("curl -s https://example.org/a.png | lookalike search photos.index -", "an image from stdin"),
        ("lookalike search photos.index --key 2019/sea.jpg --min-score 90", "images like one of the index"),
        ("lookalike search photos.index copy.jpg --family dhash --max-distance 6", "within 6 bits"),
        ("lookalike search photos.index scan.png --family goldberg --orientations --negatives", "turned or inverted"),
        ("lookalike search photos.index --family dhash --signature 9d8f6b2a12d4e0c1", "by a known hash"),
        ("lookalike search photos.index copy.jpg --where album=Rome -n 3", "among some of the images"),
        ("lookalike search photos.index copy.jpg --where 'year>=1990' --where 'year<2000'", "of one decade"),
        ("lookalike search photos.index scans/*.png -n 1", "the best for each of many"),
    ),
)
@index_argument
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@click.option("--key", help="Find images like this one of the index.")
@click.option("--signature", metavar="TEXT", help="Find images with a signature like this one.")
@click.option("--family", metavar="NAME", help="Kind of signature to compare. [default: the index's first]")
@click.option("--limit", "-n", type=int, default=10, show_default=True, help="Maximum number of images to find.")
@click.option("--min-score", type=float, help="Leave out images that score less; 100 is the same.")
@click.option("--max-distance", type=float, help="The same in the family's own unit, such as bits.")
@click.option("--orientations", is_flag=True, help="Also find turned and mirrored copies.")
@click.option("--negatives", is_flag=True, help="Also find negatives.")
@where_option
@output_options
def search(
    address: str,
    images: tuple[str, ...],
    key: str | None,
    signature: str | None,
    family: str | None,
    limit: int,
    min_score: float | None,
    max_distance: float | None,
    orientations: bool,
    negatives: bool,
    where: tuple[Mapping[str, Any], ...],
    form: str | None,
) -> None:
    """Find the images most like IMAGE (- reads it from stdin), like another image of the index, or by a signature.

    Each of several images has its own answer; an image that cannot be read is reported, and the others are searched.

    The exit code is 0 when something was found for every image, 1 when nothing was found for some, and 2 when a search
    failed.
    """
    from lookalike.index import Index
    from lookalike.options import SearchOptions

    out = Output.of(form)
    index = Index.open(address)
    families = () if family is None else (family,)
    options = SearchOptions(families, limit, min_score, max_distance, orientations, negatives, all_of(where) or {})
    code = 0
    for name, answer in _answers(index, images, key, signature, options):
        if isinstance(answer, LookalikeError):
            if len(images) <= 1:
                raise answer
            note(str(answer) if name in str(answer) else f"{name}: {answer}")
            code = 2
        else:
            _say(out, answer, name if len(images) > 1 else None, with_orientation=orientations or negatives)
            code = max(code, 0 if answer.hits else 1)
            if answer.partial:
                note(f"this answer is incomplete: {', '.join(answer.missing)} could not be searched")
                code = 2
    click.get_current_context().exit(code)


def _answers(
    index: Index, images: tuple[str, ...], key: str | None, signature: str | None, options: SearchOptions
) -> Iterator[tuple[str, Answer | LookalikeError]]:
    """Yield each question as it was given, and its answer, some at a time."""
    from lookalike.questions import Key, Signature

    if sum(given is not None for given in (images or None, key, signature)) != 1:
        raise click.UsageError("give one of IMAGE, --key and --signature")
    if key is not None:
        yield key, index.ask([Key(key)], options)[0]
    if signature is not None:
        yield signature, index.ask([Signature(signature)], options)[0]
    for start in range(0, len(images), TOGETHER):
        names = images[start : start + TOGETHER]
        questions = [_read(name) for name in names]
        readable = [question for question in questions if not isinstance(question, LookalikeError)]
        answers = iter(index.ask(readable, options))
        for name, question in zip(names, questions, strict=True):
            yield name, question if isinstance(question, LookalikeError) else next(answers)


def _read(name: str) -> Question | LookalikeError:
    from lookalike.cli import question

    try:
        return question.image(name)
    except LookalikeError as error:
        return error


def _say(out: Output, answer: Answer, name: str | None, *, with_orientation: bool) -> None:
    """Print the hits, under the image's name if there are several images."""
    if out.is_json:
        for rank, hit in enumerate(answer.hits, 1):
            out.json(
                {
                    **({} if name is None else {"query": name}),
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
        what = "it" if name is None else human.shown(name)
        out.line(f"nothing like {what} among {human.count(answer.searched, 'image')}")
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
    out.table(columns, rows, title=name or "")
    if name is not None:
        out.line("")
