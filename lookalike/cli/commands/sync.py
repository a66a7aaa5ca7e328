"""`lookalike sync`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, adding_options, index_argument, open_or_create, output_options, retry_option
from lookalike.cli.output.human import count, shown
from lookalike.cli.output.output import Output, note
from lookalike.cli.refused import RefusedError

if TYPE_CHECKING:
    from lookalike.cli.reporting import Tally
    from lookalike.ingest.changes import Changes
    from lookalike.ingest.outcome import Failure

FEW = 20
"""Number of images that a sync may remove without --force, however small the index is."""


@click.command(
    "sync",
    cls=Command,
    examples=(
        ("lookalike sync photos.index ~/Photos --dry-run", "show what would change"),
        ("lookalike sync photos.index ~/Photos", "make the index equal to the folder"),
        ("lookalike sync all.index /mnt/scans --prefix scans/", "one part of an index"),
    ),
)
@index_argument
@click.argument("folder")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Remove images even if they are more than half of the index.")
@click.option("--prefix", default="", help="Text in front of every key; images with other keys are left alone.")
@click.option("--all-files", is_flag=True, help="Try every file, whatever its name ends in.")
@adding_options
@retry_option
@output_options
def sync(
    address: str,
    folder: str,
    dry_run: bool,
    force: bool,
    prefix: str,
    all_files: bool,
    jobs: int | None,
    batch: int,
    retry: bool,
    form: str | None,
) -> None:
    """Make an index equal to a folder, or to a folder of a bucket.

    New and changed pictures are added, and images whose file is gone are removed; unchanged pictures are left alone.
    A picture that cannot be read any more stays in the index, and is reported.

    A folder that was added with a --root-name is compared with the images of that name alone.

    More than half of the index is only removed with --force, since a disk that is not mounted looks like an empty
    folder.
    """
    from lookalike.cli import reporting
    from lookalike.cli.inputs import gather, places
    from lookalike.index import Index
    from lookalike.ingest import changes, roots
    from lookalike.ingest.files import Rules, folder_id, in_folder
    from lookalike.ingest.known import KnownContent
    from lookalike.ingest.objects import in_bucket
    from shards.errors import IndexNotFound
    from shards.storage.originals import is_url
    from shards.table.format.records import UNDATED

    out = Output.of(form)
    tally = reporting.Tally()
    try:
        # before the folder is read: a delete is as old as this, and an image added meanwhile outlives it
        index = Index.open(address)
        order = UNDATED if dry_run else index.next_order()
        name = None if is_url(folder) else roots.names(index.url).get(str(Path(folder).resolve()))
        prefix += "" if name is None else f"{name}/"
    except IndexNotFound:
        order = None
    rules = Rules(prefix, all_files, skip=folder_id(address))
    with out.progress("looking") as progress:
        inputs = gather(in_bucket(folder, rules) if is_url(folder) else in_folder(folder, rules), progress)
    tally.left_out = inputs.left_out
    if order is None and dry_run:
        new = [changes.ToAdd(original, None, False) for original in inputs.by_key.values()]
        _say_plan(out, changes.Changes(new, [], [], 0), tally)
        return
    index, is_new = open_or_create(address)
    if is_new:
        note(f"made a new index at {index.url} with signatures of {', '.join(index.settings.families)}")
    with out.progress("comparing") as progress:
        known = KnownContent.of(inputs.by_key.values())
        found = changes.compare_all(index, inputs.by_key, prefix, progress.advance, known.note)
        gone = surely_gone(found.gone, inputs.unusable)
        found = changes.Changes(changes.freed(found.to_add), found.unchanged, gone, found.known)
        if dry_run:
            _say_plan(out, found, tally)
            return
        if not force and found.known > FEW and len(gone) * 2 > found.known:
            raise RefusedError(
                f"{count(len(gone))} of {count(found.known, 'image')} are not in {shown(folder)}: is it mounted?"
                " If they are to go, say --force; nothing was changed"
            )
        roots.remember(index.url, places([folder], inputs.by_key.values()))
        reporter = reporting.Reporter(out, tally, progress)
        reporter.unchanged(found.unchanged)
        for unusable in inputs.unusable:
            reporter.failed(unusable)
    reporting.add(index, found.to_add, out, tally, jobs=jobs, batch=batch, known=known, retry=retry)
    if order is not None and not tally.interruption:
        reporting.remove(index, gone, order, out, tally)
    reporting.finish(index, out, tally)
    click.get_current_context().exit(tally.exit_code)


def surely_gone(keys: Iterable[str], unusable: Iterable[Failure]) -> list[str]:
    """Return the keys without those whose file or folder exists, but could not be read."""
    there = {failure.key for failure in unusable}
    folders = tuple(key for key in there if key.endswith("/"))
    return [key for key in keys if key not in there and not key.startswith(folders)]


def _say_plan(out: Output, plan: Changes, tally: Tally) -> None:
    from lookalike.cli.reporting import left_out_by_kind, say_left_out

    new = sum(not addition.replaces for addition in plan.to_add)
    if out.is_json:
        for addition in plan.to_add:
            out.json({"key": addition.original.key, "status": "would add", "replaced": addition.replaces})
        for key in plan.gone:
            out.json({"key": key, "status": "would remove"})
        summary = {"new": new, "changed": len(plan.to_add) - new, "removed": len(plan.gone)}
        unchanged = len(plan.unchanged)
        out.json({"status": "plan", **summary, "unchanged": unchanged, "left_out": left_out_by_kind(tally)})
        return
    for addition in plan.to_add:
        out.line(f"would add     {shown(addition.original.key)}" + (" (changed)" if addition.replaces else ""))
    for key in plan.gone:
        out.line(f"would remove  {shown(key)}")
    out.line(
        f"{count(new)} new, {count(len(plan.to_add) - new)} changed, {count(len(plan.gone))} gone,"
        f" {count(len(plan.unchanged))} unchanged; nothing was done"
    )
    say_left_out(out, tally)
