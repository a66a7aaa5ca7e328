"""`lookalike add`."""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.command import Command, adding_options, index_argument, name_value, open_or_create, output_options
from lookalike.cli.output.output import Output, note


@click.command(
    "add",
    cls=Command,
    examples=(
        ("lookalike add photos.index ~/Photos", "everything in a folder; again later, what is new or changed"),
        ("lookalike add photos.index 'scans/**/*.tif' cover.jpg --prefix work/", "a glob and a file"),
        ("find . -newer last.run -print0 | lookalike add photos.index - -0", "a list of names"),
        ("lookalike add s3://pictures/index s3://pictures/originals --jobs 16", "from a bucket"),
        ("lookalike add photos.index holiday --meta album=Rome --meta year=2026", "with metadata to search by"),
    ),
)
@index_argument
@click.argument("what", metavar="WHAT...", nargs=-1, required=True)
@click.option("--prefix", default="", help="Text to put in front of every key.")
@click.option("--all-files", is_flag=True, help="Try every file of a folder, whatever its name.")
@click.option("-0", "--null", "nul_separated", is_flag=True, help="Names on stdin end in NUL, not in a line break.")
@click.option(
    "--meta",
    type=name_value,
    metavar="NAME=VALUE",
    multiple=True,
    help="Metadata for all images of this run; the value may be JSON. Repeat it.",
)
@adding_options
@output_options
def add(
    address: str,
    what: tuple[str, ...],
    prefix: str,
    all_files: bool,
    nul_separated: bool,
    meta: tuple[tuple[str, Any], ...],
    jobs: int | None,
    batch: int,
    form: str | None,
) -> None:
    """Add images: files, folders, globs, objects of a bucket, or - for a list of names on stdin.

    The key of a picture in a folder is its path inside that folder; of a file given by name, the name; of an object,
    its full key. Pictures that have not changed since they were added are left alone; a changed picture keeps its
    metadata unless --meta gives other. Hidden files, and files whose names are not those of pictures, are left out of
    folders, globs and buckets; the summary counts the latter by kind. A file without extension is told by its content.

    The index is created if there is none. A picture that cannot be read is reported, and the exit code is 1. Ctrl-C and
    kill are safe: images that were reported as added are in the index, and the next run continues from there.
    """
    from lookalike.cli import reporting
    from lookalike.cli.inputs import gather, places, seen
    from lookalike.ingest import changes, roots
    from lookalike.ingest.files import Rules, folder_id

    out = Output.of(form)
    tally = reporting.Tally()
    rules = Rules(prefix, all_files, skip=folder_id(address))
    with out.progress("looking") as progress:
        inputs = gather(seen(what, rules, nul_separated=nul_separated), progress)
    tally.left_out = inputs.left_out
    index, is_new = open_or_create(address)
    if is_new:
        note(f"made a new index at {index.url} with signatures of {', '.join(index.settings.families)}")
    roots.remember(index.url, places(what, inputs.by_key.values()))
    with out.progress("comparing") as progress:
        found = changes.compare_some(index, inputs.by_key, dict(meta), progress.advance)
        reporter = reporting.Reporter(out, tally, progress)
        reporter.unchanged(found.unchanged)
        for unusable in inputs.unusable:
            reporter.failed(unusable)
    reporting.add(index, found.to_add, out, tally, jobs=jobs, batch=batch)
    reporting.finish(index, out, tally)
    click.get_current_context().exit(tally.exit_code)
