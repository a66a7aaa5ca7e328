"""`python -m benchmarks`: `run [SECTION …]` measures all sections, or some; `sign`, `crops-rows`, `plot` are beside it.

Each section runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import click

from benchmarks.crops import ROWS, write_rows
from benchmarks.measure import Result
from benchmarks.plot import PLOTS, RESULTS, draw_all
from benchmarks.report import machine, read_results, show
from benchmarks.signatures import sign_folder


@dataclass(frozen=True, slots=True)
class Section:
    """A module of this package with a function `run`, and the options that it takes.

    `on_request`: needs more than the others, so it is run where it is named only. `module`: its name, unless it is that
    of the section.
    """

    about: str
    module: str = ""
    takes_rows: bool = True
    takes_signatures: bool = False
    takes_seconds: bool = False
    on_request: bool = False


SECTIONS = {
    "pictures": Section("computing the signatures of a picture", takes_rows=False),
    "draft": Section("what decoding a JPEG at a smaller scale would change", takes_rows=False),
    "bulk": Section("adding records with signatures, and searching them by Index.search"),
    "import": Section("importing dumps of other systems", module="importing"),
    "haar": Section("searching Haar signatures", takes_signatures=True),
    "goldberg": Section("searching Goldberg signatures", takes_signatures=True),
    "crops": Section("searching crops, by a stored row and by 500 features"),
    "auto": Section("asking all families of a new index"),
    "hashes": Section("searching hashes of 64 and 256 bits", takes_signatures=True),
    "postgres": Section("searching hashes of 64 bits, beside PostgreSQL", takes_signatures=True),
    "batches": Section("many questions at once", takes_signatures=True),
    "duplicates": Section("grouping duplicates"),
    "service": Section("16 clients of one server", takes_seconds=True),
    "under_attack": Section("a good client while somebody attacks the server", takes_seconds=True, on_request=True),
    "ingest": Section("adding uploads on a stand-in for AWS", takes_rows=False, on_request=True),
}


class Sizes(click.ParamType[list[int]]):
    """The type of an option: positive numbers separated by commas."""

    name = "N[,N…]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        try:
            sizes = [int(part.replace("_", "")) for part in str(value).split(",")]
        except ValueError:
            sizes = [0]
        if min(sizes) < 1:
            self.fail(f"{value!r} is not a list of positive numbers; write 10_000,1_000_000", param, ctx)
        return sizes


@click.group()
def main() -> None:
    """Measure lookalike beside what others use."""


@main.command()
@click.argument("sections", nargs=-1, type=click.Choice(list(SECTIONS)))
@click.option("--rows", "sizes", type=Sizes(), help="How many signatures; a run for each number.")
@click.option(
    "--signatures",
    type=click.Path(exists=True, dir_okay=False),
    help="Signatures of real pictures, as `sign` writes them.",
)
@click.option("--seconds", type=float, help="How long the clients of servers ask. [default: 60, under attack 10]")
@click.option("--json", "as_json", is_flag=True, help="JSON lines: the machine, then a line for each row.")
def run(
    sections: tuple[str, ...],
    sizes: list[int] | None,
    signatures: str | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Run these sections, or all but `under_attack`, and `ingest`, which needs what `make aws-local` installs.

    A missed target is a line of the table, not a failure; exit code 1 says that a section could not be run.
    """
    failed = []
    results: list[Result] = []
    if as_json:
        click.echo(json.dumps({"machine": machine()}, ensure_ascii=False))
    for name in sections or [name for name, section in SECTIONS.items() if not section.on_request]:
        about = SECTIONS[name]
        asked: list[int | None] = [*sizes] if sizes and about.takes_rows else [None]
        for rows in asked:
            click.echo(f"{name}{'' if rows is None else f' of {rows:,}'}: {about.about} …", err=True)
            command = [sys.executable, "-m", "benchmarks", "section", name]
            command += ["--rows", str(rows)] if rows else []
            command += ["--signatures", signatures] if signatures and about.takes_signatures else []
            command += ["--seconds", str(seconds)] if seconds and about.takes_seconds else []
            done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
            if as_json:
                click.echo(done.stdout, nl=False)
            results += read_results(done.stdout.splitlines())
            if done.returncode:
                failed.append(name)
    if not as_json:
        show(results)
    if failed:
        raise click.ClickException(f"{', '.join(failed)}: see the error above")


@main.command(hidden=True)
@click.argument("name", type=click.Choice(list(SECTIONS)))
@click.option("--rows", type=int)
@click.option("--signatures")
@click.option("--seconds", type=float)
def section(name: str, rows: int | None, signatures: str | None, seconds: float | None) -> None:
    """Run one section in this process, and print its results as JSON lines."""
    module = import_module(f"benchmarks.{SECTIONS[name].module or name}")
    given = {"signatures": signatures, "seconds": seconds}
    options = {name: value for name, value in given.items() if value}
    for result in module.run(rows, **options) if rows else module.run(**options):
        # a target applies to the section's own number of rows, and to more
        target = result.target if not rows or rows >= module.COUNT else ""
        click.echo(json.dumps(replace(result, target=target, section=name).to_json(), ensure_ascii=False))


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def sign(folder: Path, out: Path) -> None:
    """Write the signatures of the pictures in FOLDER, in 8 orientations each, for `run --signatures OUT`."""
    click.echo(f"{sign_folder(folder, out):,} pictures: signatures written to {out}")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path), default=ROWS)
def crops_rows(folder: Path, out: Path) -> None:
    """Write rows of crops of the pictures in FOLDER, which the section `crops` makes its rows of."""
    click.echo(f"{write_rows(folder, out):,} pictures: rows written to {out}")


@main.command()
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=RESULTS)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=PLOTS, help="A folder.")
def plot(results: Path, out: Path) -> None:
    """Draw the plots of docs/benchmarks.md from JSON lines that `run --json` printed."""
    for path in draw_all(results, out):
        click.echo(path)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
