"""`lookalike search`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import click

from lookalike.cli.command import Command, index_argument, jobs_option, output_options
from lookalike.cli.output.output import Output, note
from lookalike.cli.where import all_of, where_option
from shards.errors import LookalikeError
from shards.hash_forms import HashForm

if TYPE_CHECKING:
    from lookalike.answers import Answer
    from lookalike.cli.output.hits import More
    from lookalike.index import Index
    from lookalike.options import SearchOptions
    from lookalike.questions import Question

TOGETHER = 64
"""Number of images that are searched for together: columns are read once for all of them."""

PAGE = 20_000
"""Hits of one page, where very many are wanted: some tens of megabytes."""

COUNTED = 1000
"""Hits that are asked for once more where all that are shown are matches, to say how many there are beyond."""

FOUND, NONE, FAILED = 0, 1, 2
"""Exit codes."""

Asked: TypeAlias = "tuple[str, Question | LookalikeError]"
"""A question as it was given, and what to ask, or what is wrong with it."""


@click.command(
    "search",
    cls=Command,
    examples=(
        ("lookalike search photos.index copy.jpg", "the ten images most like this one"),
        ("lookalike search photos.index https://example.org/a.png", "one of the web"),
        ("lookalike search photos.index clipboard:", "the one on the clipboard"),
        ("convert a.psd png:- | lookalike search photos.index -", "an image from stdin"),
        ("lookalike search photos.index ~/Downloads --exit-code --json", "each picture of a folder, for a script"),
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
@click.option("--keys", is_flag=True, help="Show keys. [default: paths, where this machine knows of the files]")
@click.option("--exit-code", "by_match", is_flag=True, help="Exit with 0 only if there was a match for each question.")
@jobs_option
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
    keys: bool,
    by_match: bool,
    jobs: int | None,
    link: str | None,
    form: str | None,
) -> None:
    """Find the images most like IMAGE, like another image of the index, or by a signature.

    IMAGE is a file; a folder, for each picture in it; an address of the web; an object of a bucket; - for stdin; or
    clipboard: for the picture on the clipboard. Each of several images has its own answer; an image that cannot be read
    is reported, and the others are searched.

    The column "match" says how sure it is that a hit shows the same. Hits below the line are no match, only the most
    alike of what is left, up to the limit.

    The exit code is 0 when something was found for every image, 1 when nothing was found for some, and 2 when a search
    failed. With --exit-code it is 0 only if there was a match for every image, and 1 if there was none for some.
    """
    from lookalike.cli import question
    from lookalike.cli.output.hits import HitsOutput
    from lookalike.index import Index
    from lookalike.links import LinkTemplate
    from lookalike.options import SearchOptions, families_of
    from lookalike.questions import Key, Signature
    from shards.search.query import LIMIT, MAX_LIMIT

    if within is not None and (limit, min_score, max_distance) != (None, None, None):
        raise click.UsageError("--within finds all images up to a distance: leave out the other limits")
    if hash_form is not None and signature is None:
        raise click.UsageError("--hash-form says how a --hash is written, and there is none")
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
    if total is not None and total > MAX_LIMIT and len(options.families or index.families) > 1:
        raise click.UsageError(f"more than {MAX_LIMIT:,} images are found in one family only: name it with --family")
    if sum(given is not None for given in (images or None, key, signature)) != 1:
        raise click.UsageError("give one of IMAGE, --key and --signature or --hash")
    out = Output.of(form)
    hits = HitsOutput(
        out,
        None if link is None else LinkTemplate.of(link),
        with_orientation=orientations or negatives,
        originals=None if keys else index.originals,
    )
    names = question.expanded(images)
    several = len(names) > 1 or list(images) != names
    code = FOUND
    with ExitStack() as stack:
        if key is not None:
            asked: Iterable[Asked] = [(key, Key(key))]
        elif signature is not None:
            asked = [(signature, Signature(signature, hash_form))]
        else:
            asked = _computed(stack, index, options, names, jobs)
        # tables on a terminal are progress enough, and a bar would be in their way
        progress = (out if out.is_json else Output("text")).progress("searching", len(names) if several else None)
        stack.enter_context(progress)
        for name, pages in _answers(index, asked, options, total):
            found, is_match, failed = 0, False, 0
            try:
                for answer, more in pages:
                    hits.page(answer, found + 1, name if several else None, more)
                    found += len(answer.hits)
                    is_match = is_match or any(hit.is_match for hit in answer.hits)
                    tell_not_asked(answer)
                    if answer.partial:
                        note(f"this answer is incomplete: {', '.join(answer.missing)} could not be searched")
                        code = FAILED
            except LookalikeError as error:
                if not several:
                    raise
                note(str(error) if name in str(error) else f"{name}: {error}")
                code, failed = FAILED, 1
            code = max(code, FOUND if (is_match if by_match else found) else NONE)
            progress.advance(1, failed=failed)
            out.flush()
    click.get_current_context().exit(code)


def tell_not_asked(answer: Answer) -> None:
    """Say what was too far away to be asked."""
    cold = [each for each in answer.not_asked if each.reason == "cold"]
    if cold:
        size = sum(each.fetched for each in cold) / 1e9
        names = ", ".join(each.family for each in cold)
        note(f"not asked: {names}, which would have fetched {size:.1f} GB; --thorough asks them")


def _computed(
    stack: ExitStack, index: Index, options: SearchOptions, names: Sequence[str], jobs: int | None
) -> Iterator[Asked]:
    """Return the questions that these pictures are, computed in processes that end with the stack."""
    from lookalike.cli import question

    # one that the index does not have is refused before a process is started for it
    index.ask([], options)
    families = options.families or tuple(kind.name for kind in index.families)
    pictures = index.settings.pictures
    pool = stack.enter_context(question.computing(index.settings.families, pictures, names=names, jobs=jobs))
    return question.computed(pool, names, families, pictures, orientations=options.orientations)


def _answers(
    index: Index, asked: Iterable[Asked], options: SearchOptions, total: int | None
) -> Iterator[tuple[str, Iterable[tuple[Answer, More | None]]]]:
    """Yield each question as it was given, and the pages of its answer, which raise what is wrong with the question.

    A page comes with what there is beyond, where that is known. `total`: the maximum number of hits, None for all.
    """
    if total is None or total > options.limit:
        for name, question in asked:
            yield name, _pages(index, question, options, total)
        return
    upcoming = iter(asked)
    while some := list(islice(upcoming, TOGETHER)):
        readable = [question for _, question in some if not isinstance(question, LookalikeError)]
        answers = iter(index.ask(readable, options))
        for name, question in some:
            if isinstance(question, LookalikeError):
                yield name, _raised(question)
            else:
                yield name, _one(index, question, next(answers), options)


def _pages(
    index: Index, question: Question | LookalikeError, options: SearchOptions, total: int | None
) -> Iterator[tuple[Answer, None]]:
    """Yield the pages of an answer to a question with very many hits."""
    if isinstance(question, LookalikeError):
        raise question
    left = total
    for answer in index.pages(question, replace(options, limit=PAGE)):
        yield answer if left is None else replace(answer, hits=answer.hits[:left]), None
        if left is not None:
            left -= len(answer.hits)
            if left <= 0:
                return


def _one(
    index: Index, question: Question, answer: Answer | LookalikeError, options: SearchOptions
) -> Iterator[tuple[Answer, More | None]]:
    if isinstance(answer, LookalikeError):
        raise answer
    yield answer, _more(index, question, answer, options)


def _raised(error: LookalikeError) -> Iterator[tuple[Answer, None]]:
    raise error
    yield  # type: ignore[unreachable]


def _more(index: Index, question: Question, answer: Answer, options: SearchOptions) -> More | None:
    """Return what there is beyond an answer of which all hits are matches, down to the last."""
    from lookalike.cli.output.hits import More
    from shards.search.query import MAX_LIMIT

    limit = min(options.limit + COUNTED, MAX_LIMIT)
    if len(answer.hits) < options.limit or options.limit == limit or not answer.hits[-1].is_match:
        return None
    (whole,) = index.ask([question], replace(options, limit=limit))
    if isinstance(whole, LookalikeError):
        raise whole
    beyond = [hit for hit in whole.hits[options.limit :] if hit.is_match]
    score = answer.hits[-1].score
    return More(
        len(beyond),
        sum(hit.score == score for hit in beyond),
        score,
        is_all=len(whole.hits) < limit,
    )
