"""`lookalike search`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output.output import Output, note
from lookalike.cli.where import all_of, where_option
from shards.errors import LookalikeError
from shards.hash_forms import HashForm

if TYPE_CHECKING:
    from lookalike.answers import Answer
    from lookalike.index import Index
    from lookalike.options import SearchOptions
    from lookalike.questions import Question

TOGETHER = 64
"""Number of images that are searched for together: columns are read once for all of them."""

PAGE = 20_000
"""Hits of one page, where very many are wanted: some tens of megabytes."""


@click.command(
    "search",
    cls=Command,
    examples=(
        ("lookalike search photos.index copy.jpg", "the ten images most like this one"),
        ("curl -s https://example.org/a.png | lookalike search photos.index -", "an image from stdin"),
        ("lookalike search photos.index --key 2019/sea.jpg", "images like one of the index"),
        ("lookalike search photos.index copy.jpg --family dhash --max-distance 6", "within 6 bits"),
        ("lookalike search photos.index scan.png --family goldberg --orientations --negatives", "turned or inverted"),
        ("lookalike search photos.index --family dhash --hash 9d8f6b2a12d4e0c1", "by a known hash"),
        ("lookalike search wiki.index --hash -7358000000000000123 --within 3", "all within 3 bits of a bigint"),
        ("lookalike search photos.index copy.jpg --where album=Rome -n 3", "among some of the images"),
        ("lookalike search photos.index copy.jpg --where 'year>=1990' --where 'year<2000'", "of one decade"),
        ("lookalike search photos.index scans/*.png -n 1", "the best for each of many"),
    ),
)
@index_argument
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@click.option("--key", help="Find images like this one of the index.")
@click.option(
    "--signature",
    "--hash",
    metavar="TEXT",
    help="Find images with a signature like this one. A hash of 64 bits may be a decimal number: with a minus or of 19"
    " or 20 digits it is one in any case, 16 decimal digits are hex digits unless --hash-form says signed.",
)
@click.option("--hash-form", type=click.Choice(get_args(HashForm)), help="How the --hash is written.")
@click.option(
    "--family", metavar="NAME", help="Kind of signature to compare. [default: auto, which is all of the index]"
)
@click.option("--limit", "-n", type=click.IntRange(1), help="Maximum number of images to find. [default: 10]")
@click.option("--min-score", type=float, help="Leave out images that score less in the family; 100 is the same.")
@click.option("--max-distance", type=float, help="The same in the family's own unit, such as bits.")
@click.option(
    "--within", metavar="R", type=float, help="All images up to this distance, however many, not the best 10."
)
@click.option(
    "--min-share",
    type=float,
    help="Leave out images of which a smaller share of the area, from 0 to 1, is shown. [default: 0.03]",
)
@click.option("--thorough", is_flag=True, help="Ask all families everything, even after something certain was found.")
@click.option("--orientations", is_flag=True, help="Also find turned and mirrored copies.")
@click.option("--negatives", is_flag=True, help="Also find negatives.")
@where_option
@click.option(
    "--link",
    metavar="TEMPLATE",
    help="Print an address for each image, made of its key and metadata: https://en.wikipedia.org/wiki/{url}",
)
@output_options
def search(
    address: str,
    images: tuple[str, ...],
    key: str | None,
    signature: str | None,
    hash_form: HashForm | None,
    family: str | None,
    limit: int | None,
    min_score: float | None,
    max_distance: float | None,
    within: float | None,
    min_share: float | None,
    thorough: bool,
    orientations: bool,
    negatives: bool,
    where: tuple[Mapping[str, Any], ...],
    link: str | None,
    form: str | None,
) -> None:
    """Find the images most like IMAGE (- reads it from stdin), like another image of the index, or by a signature.

    Each of several images has its own answer; an image that cannot be read is reported, and the others are searched.

    The exit code is 0 when something was found for every image, 1 when nothing was found for some, and 2 when a search
    failed.
    """
    from lookalike.cli.output.hits import HitsOutput
    from lookalike.index import Index
    from lookalike.links import LinkTemplate
    from lookalike.options import SearchOptions, families_of
    from shards.search.query import LIMIT, MAX_LIMIT

    if within is not None and (limit, min_score, max_distance) != (None, None, None):
        raise click.UsageError("--within finds all images up to a distance: leave out the other limits")
    if hash_form is not None and signature is None:
        raise click.UsageError("--hash-form says how a --hash is written, and there is none")
    hits = HitsOutput(
        Output.of(form), None if link is None else LinkTemplate.of(link), with_orientation=orientations or negatives
    )
    index = Index.open(address)
    total = None if within is not None else limit or LIMIT
    options = SearchOptions(
        families_of(family),
        LIMIT if total is None else min(total, MAX_LIMIT),
        min_score,
        max_distance if within is None else within,
        orientations,
        negatives,
        all_of(where) or {},
        min_share=min_share,
        thorough=thorough,
    )
    asked = _asked(index, options, images, key, signature, hash_form)
    if total is not None and total > MAX_LIMIT and len(options.families or index.families) > 1:
        raise click.UsageError(f"more than {MAX_LIMIT:,} images are found in one family only: name it with --family")
    several = len(images) > 1
    code = 0
    for name, pages in _answers(index, asked, options, total):
        found = 0
        try:
            for answer in pages:
                hits.page(answer, found + 1, name if several else None)
                found += len(answer.hits)
                tell_not_asked(answer)
                if answer.partial:
                    note(f"this answer is incomplete: {', '.join(answer.missing)} could not be searched")
                    code = 2
        except LookalikeError as error:
            if not several:
                raise
            note(str(error) if name in str(error) else f"{name}: {error}")
            code = 2
        code = max(code, 0 if found else 1)
    click.get_current_context().exit(code)


def tell_not_asked(answer: Answer) -> None:
    """Say what was too far away to be asked."""
    cold = [each for each in answer.not_asked if each.reason == "cold"]
    if cold:
        size = sum(each.fetched for each in cold) / 1e9
        names = ", ".join(each.family for each in cold)
        note(f"not asked: {names}, which would have fetched {size:.1f} GB; --thorough asks them")


def _asked(
    index: Index,
    options: SearchOptions,
    images: tuple[str, ...],
    key: str | None,
    signature: str | None,
    hash_form: HashForm | None,
) -> Sequence[tuple[str, Callable[[], Question]]]:
    """Return each question as it was given, and a function that reads it."""
    from lookalike.cli import question
    from lookalike.questions import Key, Signature

    if sum(given is not None for given in (images or None, key, signature)) != 1:
        raise click.UsageError("give one of IMAGE, --key and --signature or --hash")
    if key is not None:
        return [(key, lambda: Key(key))]
    if signature is not None:
        return [(signature, lambda: Signature(signature, hash_form))]

    def read(name: str) -> Question:
        return question.signed(index, options, question.image(name))

    return [(name, partial(read, name)) for name in images]


def _answers(
    index: Index, asked: Sequence[tuple[str, Callable[[], Question]]], options: SearchOptions, total: int | None
) -> Iterator[tuple[str, Iterable[Answer]]]:
    """Yield each question as it was given, and the pages of its answer, which raise what is wrong with the question.

    `total`: the maximum number of hits, None for all.
    """
    if total is None or total > options.limit:
        for name, read in asked:
            yield name, _pages(index, read, options, total)
        return
    for start in range(0, len(asked), TOGETHER):
        some = [(name, _attempt(read)) for name, read in asked[start : start + TOGETHER]]
        readable = [question for _, question in some if not isinstance(question, LookalikeError)]
        answers = iter(index.ask(readable, options))
        for name, question in some:
            yield name, _one(question if isinstance(question, LookalikeError) else next(answers))


def _pages(index: Index, read: Callable[[], Question], options: SearchOptions, total: int | None) -> Iterator[Answer]:
    """Yield the pages of an answer to a question with very many hits."""
    left = total
    for answer in index.pages(read(), replace(options, limit=PAGE)):
        yield answer if left is None else replace(answer, hits=answer.hits[:left])
        if left is not None:
            left -= len(answer.hits)
            if left <= 0:
                return


def _one(answer: Answer | LookalikeError) -> Iterator[Answer]:
    if isinstance(answer, LookalikeError):
        raise answer
    yield answer


def _attempt(read: Callable[[], Question]) -> Question | LookalikeError:
    try:
        return read()
    except LookalikeError as error:
        return error
