"""`lookalike evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, ReportPath, jobs_option, names_of, output_options
from lookalike.cli.output.human import count
from lookalike.cli.output.output import Column, Output, note
from lookalike.cli.refused import RefusedError

if TYPE_CHECKING:
    from lookalike.evaluate.result import Evaluation


@click.command(
    "evaluate",
    cls=Command,
    examples=(
        ("lookalike evaluate ~/Photos --html report.html", "what would be found of your own pictures"),
        ("lookalike evaluate", "the same of the demo's pictures, in the source of lookalike"),
        ("lookalike evaluate photos --families pdq,crops --transformations crop25,crop50", "some of it"),
        ("lookalike evaluate set --series clipart,stamps --series forms", "of drawings and forms that share parts"),
        ("lookalike evaluate photos --false-rate 1e-5 --json", "at another false rate, for a program"),
        ("lookalike evaluate photos --all --work photos.work", "for hours, and on from there if it is interrupted"),
    ),
)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--subjects", type=click.IntRange(1), default=300, show_default=True, help="Ask for so many at most.")
@click.option("--all", "every", is_flag=True, help="Ask for every picture.")
@click.option("--ask", metavar="BEGINNING", default="", help="Ask only for pictures whose path in FOLDER begins so.")
@click.option(
    "--detailed",
    is_flag=True,
    help="Ask only for pictures with detail: 20 features of crops or more. A copy of others has little to be found by.",
)
@click.option("--families", metavar="NAMES", multiple=True, help="Kinds of signature. [default: those of a new index]")
@click.option("--transformations", metavar="NAMES", multiple=True, help="Ways to make a copy. [default: all 35]")
@click.option(
    "--false-rate",
    "rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-6,
    show_default=True,
    help="Share of pairs of strangers that may be called a match.",
)
@click.option(
    "--left-out",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of pairs that are no strangers: two paths a line, a tab between them.",
)
@click.option(
    "--series",
    metavar="FOLDERS",
    multiple=True,
    help="Folders in FOLDER, such as clipart,stamps, whose pictures share parts: two of them are no strangers, and"
    " neither is one beside a collage with another in a cell. Repeat it for another series.",
)
@click.option("--html", "page", type=ReportPath(), help="Write a report, one file.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for what is found out on the way: the same command goes on from there when it was interrupted, and"
    " one with more --subjects asks for these alone. [default: beside the report, as in report.work; without a report"
    " nothing is kept]",
)
@jobs_option
@output_options
def evaluate(
    folder: Path | None,
    subjects: int,
    every: bool,
    ask: str,
    detailed: bool,
    families: tuple[str, ...],
    transformations: tuple[str, ...],
    rate: float,
    left_out: Path | None,
    series: tuple[str, ...],
    page: Path | None,
    work: Path | None,
    jobs: int | None,
    form: str | None,
) -> None:
    """Measure what is found of the pictures in FOLDER, and how often a wrong picture is.

    Some of the pictures are copied in 35 ways: cropped, framed, turned, captioned, in a screenshot. Every copy is asked
    for among all pictures, by each family alone and by all together (auto). The table says how many are found where a
    pair of pictures that have nothing in common is called a match once in a million times, or as often as --false-rate
    says. Nothing is written but the report, and the folder of --work.

    Pictures that two families call the same are left out as pairs, and named. So are pictures of a series, such as
    drawings of one set or pages of one form, where --series says which folders have them: they share real parts, and
    finding one by another is no mistake.
    """
    from lookalike.evaluate import evaluating
    from lookalike.evaluate.as_json import document
    from shards.families import DEFAULT
    from shards.pictures.copies import TRANSFORMATIONS

    out = Output.of(form)
    if work is None and page is not None:
        work = page.with_suffix(".work")
    settings = evaluating.Settings(
        families=tuple(names_of(families)) or DEFAULT,
        transformations=tuple(names_of(transformations)) or tuple(TRANSFORMATIONS),
        subjects=None if every else subjects,
        ask=ask,
        detailed=detailed,
        rate=rate,
        jobs=jobs,
        work=work,
        left_out=_pairs(left_out),
        series=tuple(tuple(folder.strip(" /") for folder in folders.split(",")) for folders in series),
    )
    with ExitStack() as bars:

        def bar(what: str, total: int) -> Callable[[int], None]:
            bars.close()
            return bars.enter_context(out.progress(what, total)).advance

        try:
            found = evaluating.evaluate(folder, settings, bar, note)
        except KeyboardInterrupt:
            kept = f"the same command goes on from {work}" if work else "nothing was kept, since no --work was named"
            raise KeyboardInterrupt(f"interrupted; {kept}") from None
    if page is not None:
        from lookalike.evaluate import report

        page.write_text(report.page(found), encoding="utf-8")
    if out.is_json:
        out.json(document(found))
    else:
        _say(out, found)


def _pairs(file: Path | None) -> tuple[tuple[str, str], ...]:
    """Return the pairs in a file; what follows a second tab, and lines that begin with #, is for people."""
    if file is None:
        return ()
    pairs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        names = line.split("\t")
        if len(names) < 2:
            raise RefusedError(f"{file}, line {number}: {line!r} is no pair: two paths with a tab between them are")
        pairs.append((names[0].strip(), names[1].strip()))
    return tuple(pairs)


def _say(out: Output, found: Evaluation) -> None:
    from lookalike.evaluate.related import NAMED, TITLES
    from shards.families import AUTO

    results = found.results.values()
    rows = [[name, *(f"{100 * result.recall[name].value:.0f}" for result in results)] for name in found.transformations]
    rows += [
        ["mean", *(f"{100 * result.mean_recall.value:.1f}" for result in results)],
        ["± standard error", *(f"{100 * result.mean_recall.error:.1f}" for result in results)],
        ["first of all", *(f"{100 * result.top1.value:.1f}" for result in results)],
        ["right of its matches", *(f"{100 * result.precision:.2f}" for result in results)],
        ["threshold", *(f"{result.threshold:.1f}" + ("" if result.is_measured else "*") for result in results)],
        ["bytes stored", *(f"{result.column_bytes:,.0f}" if result.row_bytes else "" for result in results)],
        ["ms to compute", *(f"{1000 * result.compute_seconds:.1f}" for result in results)],
    ]
    among = f"{len(found.pictures.names):,} pictures, false rate {found.rate:g}"
    title = f"% found of the copies of {found.subjects:,} among {among}"
    out.table([Column(title), *(Column(name, True) for name in found.results)], rows)
    out.line(
        f"{AUTO}: all families together; its threshold is -log10 of the false rate, so 6.0 is one pair in a million"
    )
    if any(not result.is_measured for result in results):
        pairs = count(min(result.strangers.pairs for result in results), "pair")
        out.line(f"* {pairs} of strangers: too few to measure {found.rate:g}, so the threshold is the family's own")
    for name, reason in found.unreadable.items():
        out.line(f"left out: {name}: {reason}")
    for rule in NAMED:
        if found.left_out[rule]:
            called = {name: result.apart_by_rule[rule] for name, result in found.results.items()}
            out.line(
                f"not counted: {count(found.left_out[rule], 'pair')}, {TITLES[rule]}; called a match by "
                + ", ".join(f"{name} {number}" for name, number in called.items())
            )
    if found.alike:
        out.line(f"no strangers, since two families call the pictures a match: {count(len(found.alike), 'pair')}")
        for a, b in found.alike:
            out.line(f"  {a}  {b}")
