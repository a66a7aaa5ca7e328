"""`lookalike add`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import (
    Command,
    adding_options,
    index_argument,
    name_value,
    open_or_create,
    output_options,
    retry_option,
)
from lookalike.cli.output.human import count, shown
from lookalike.cli.output.output import Output, note
from lookalike.cli.refused import RefusedError
from shards.storage.originals import is_url

if TYPE_CHECKING:
    from lookalike.ingest.changes import ToAdd


def root_name(text: str) -> str:
    """Read the value of an option as the name of a folder: one part of a path."""
    if not text or "/" in text or text in (".", ".."):
        raise click.BadParameter(f"{text!r} is no name: give one part of a path, such as card2")
    return text


@click.command(
    "add",
    cls=Command,
    examples=(
        ("lookalike add photos.index ~/Photos", "everything in a folder; again later, what is new or changed"),
        ("lookalike add photos.index 'scans/**/*.tif' cover.jpg --prefix work/", "a glob and a file"),
        ("find . -newer last.run -print0 | lookalike add photos.index - -0", "a list of names"),
        ("lookalike add s3://pictures/index s3://pictures/originals --jobs 16", "from a bucket"),
        ("lookalike add photos.index /media/card --root-name card2", "another folder with files of the same names"),
        ("lookalike add posts.index posts --key-from number", "posts/1234.jpg as 1234, for clients of IQDB"),
        ("lookalike add photos.index holiday --meta album=Rome --meta year=2026", "with metadata to search by"),
    ),
)
@index_argument
@click.argument("what", metavar="WHAT...", nargs=-1, required=True)
@click.option("--prefix", default="", help="Text to put in front of every key.")
@click.option(
    "--root-name",
    type=root_name,
    metavar="NAME",
    help="Put NAME/ in front of the keys of these folders, now and whenever they are added again.",
)
@click.option(
    "--key-from",
    type=click.Choice(["path", "number"]),
    default="path",
    help="number: the key of 0042.jpg is 42, an id of IQDB. [default: path]",
)
@click.option("--replace", "replaces", is_flag=True, help="Replace images that were made of other files, too.")
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
@retry_option
@output_options
def add(
    address: str,
    what: tuple[str, ...],
    prefix: str,
    root_name: str | None,
    key_from: str,
    replaces: bool,
    all_files: bool,
    nul_separated: bool,
    meta: tuple[tuple[str, Any], ...],
    jobs: int | None,
    batch: int,
    retry: bool,
    form: str | None,
) -> None:
    """Add images: files, folders, globs, objects of a bucket, or - for a list of names on stdin.

    The key of a picture in a folder is its path inside that folder; of a file given by name, the name; of an object,
    its full key. Pictures that have not changed since they were added are left alone; a changed picture keeps its
    metadata unless --meta gives other. Hidden files, and files whose names are not those of pictures, are left out of
    folders, globs and buckets; the summary counts the latter by kind. A file without extension is told by its content.

    A picture never takes the place of one from another folder: where two folders have files of the same name, such as
    two cards of a camera, give each a --root-name. A file that was moved or copied is known by its content, and nothing
    is computed of it. A file that could not be read is not tried again until it changes, or with --retry.

    The index is created if there is none. A picture that cannot be read is reported, and the exit code is 1. Ctrl-C and
    kill are safe: images that were reported as added are in the index, and the next run continues from there.
    """
    from lookalike.cli import reporting
    from lookalike.cli.inputs import folders, gather, numbered, places, seen
    from lookalike.index import Index
    from lookalike.ingest import changes, roots
    from lookalike.ingest.files import Rules, folder_id
    from lookalike.ingest.known import KnownContent
    from shards.errors import IndexNotFound

    out = Output.of(form)
    tally = reporting.Tally()
    try:
        names = dict(roots.names(Index.open(address).url))
    except IndexNotFound:
        names = {}
    named = folders(what) if root_name is not None else []
    for folder in named:
        if names.setdefault(folder, root_name or "") != root_name:
            raise RefusedError(f"{folder} has the name {names[folder]!r} in this index: add it without --root-name")
    if root_name is not None and not named:
        raise RefusedError("--root-name names folders, and none was given; --prefix puts text in front of any key")
    rules = Rules(prefix, all_files, skip=folder_id(address))
    with out.progress("looking") as progress:
        entries = seen(what, rules, nul_separated=nul_separated, names=names)
        inputs = gather(entries if key_from == "path" else numbered(entries), progress)
    tally.left_out = inputs.left_out
    index, is_new = open_or_create(address)
    if is_new:
        note(f"made a new index at {index.url} with signatures of {', '.join(index.settings.families)}")
    known = KnownContent.of(inputs.by_key.values())
    with out.progress("comparing") as progress:
        found = changes.compare_some(index, inputs.by_key, dict(meta), progress.advance, known.note)
        to_add = changes.freed(found.to_add) if replaces else _own(found.to_add)
        roots.remember(index.url, places(what, inputs.by_key.values()))
        if named:
            roots.name(index.url, named, root_name or "")
        reporter = reporting.Reporter(out, tally, progress)
        reporter.unchanged(found.unchanged)
        for unusable in inputs.unusable:
            reporter.failed(unusable)
    reporting.add(index, to_add, out, tally, jobs=jobs, batch=batch, known=known, retry=retry)
    reporting.finish(index, out, tally)
    click.get_current_context().exit(tally.exit_code)


def _own(to_add: Sequence[ToAdd]) -> list[ToAdd]:
    """Return these, without a doubt about those whose file is the same by another path.

    Raises RefusedError where an image would be lost to another file. Where the file is gone of which an image was made,
    it may have been moved: its content decides later.
    """
    own: list[ToAdd] = []
    taken: list[ToAdd] = []
    for wanted in to_add:
        same = None if wanted.instead_of is None else _is_same(wanted.instead_of, wanted.original.path)
        own.append(wanted if same is None else replace(wanted, instead_of=None))
        if same is False:
            taken.append(wanted)
    if taken:
        first = taken[0]
        others = f", and {count(len(taken) - 1, 'more key')} like this one" if len(taken) > 1 else ""
        raise RefusedError(
            f"the key {shown(first.original.key)!r} is that of {shown(first.instead_of or '')}, and"
            f" {shown(first.original.path)} is another file{others}: add its folder with --root-name NAME, so that its"
            " keys begin with NAME/; or with --replace, if it is to take the other's place; nothing was added"
        )
    return own


def _is_same(there: str, here: str) -> bool | None:
    """Return whether two paths lead to the same file; None where the first leads nowhere any more."""
    if is_url(there) or is_url(here):
        return False
    try:
        return Path(there).samefile(here)
    except OSError:
        return None
