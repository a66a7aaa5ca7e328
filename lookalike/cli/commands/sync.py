"""`lookalike sync`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, adding_options, index_argument, open_or_create, output_options
from lookalike.cli.output.human import count, shown
from lookalike.cli.output.output import Output, note
from lookalike.ingest.refused import RefusedError

if TYPE_CHECKING:
    from lookalike.ingest.changes import Changes
    from lookalike.ingest.files import Unusable

FEW = 20
"""Images that an index can lose to a sync without being asked."""


@click.command(
    "sync",
    cls=Command,
    examples=(
        ("lookalike sync photos.index ~/Photos --dry-run", "what would change"),
        ("lookalike sync photos.index ~/Photos", "make it so"),
        ("lookalike sync all.index /mnt/scans --prefix scans/", "one part of an index"),
    ),
)
@index_argument
@click.argument("folder")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Remove images even if they are more than half of the index.")
@click.option("--prefix", default="", help="Text in front of every key; images with other keys are left alone.")
@click.option("--all-files", is_flag=True, help="Try every file, whatever its name ends in.")
@adding_options
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
    form: str | None,
) -> None:
    """Make an index equal to a folder, or to a folder of a bucket.

    New and changed pictures are added, and images whose file is gone are removed; what has not changed is left alone.
    A picture that cannot be read any more stays as it was, and is reported.

    More than half of the index is not removed without --force, since a disk that is not mounted looks like an empty
    folder.
    """
    from lookalike.cli.inputs import gather
    from lookalike.index import Index
    from lookalike.ingest import changes, ingest
    from lookalike.ingest.files import Rules, folder_id, in_folder
    from lookalike.ingest.objects import in_bucket
    from shards.errors import IndexNotFound
    from shards.storage.originals import is_url

    out = Output.of(form)
    tally = ingest.Tally()
    rules = Rules(prefix, all_files, skip=folder_id(address))
    try:
        # before the folder is read: a delete is as old as this, and an image added meanwhile outlives it
        order = Index.open(address).next_order()
    except IndexNotFound:
        order = None
    with out.progress("looking") as progress:
        inputs = gather(in_bucket(folder, rules) if is_url(folder) else in_folder(folder, rules), progress)
    if order is None and dry_run:
        _say_plan(out, changes.Changes([changes.ToSign(f, None, False) for f in inputs.found.values()], [], [], 0))
        return
    index, is_new = open_or_create(address)
    if is_new:
        note(f"made a new index at {index.url} with signatures of {', '.join(index.settings.families)}")
    with out.progress("comparing") as progress:
        found = changes.of_all(index, inputs.found, prefix, progress)
        gone = _surely_gone(found.gone, inputs.unusable)
        found = changes.Changes(found.to_sign, found.unchanged, gone, found.known)
        if dry_run:
            _say_plan(out, found)
            return
        if not force and found.known > FEW and len(gone) * 2 > found.known:
            raise RefusedError(
                f"{count(len(gone))} of {count(found.known, 'image')} are not in {shown(folder)}: is it mounted?"
                " If they are to go, say --force; nothing was changed"
            )
        reporter = ingest.Reporter(out, tally, progress)
        reporter.unchanged(found.unchanged)
        for unusable in inputs.unusable:
            reporter.failed(unusable)
    ingest.add(index, found.to_sign, out, tally, jobs=jobs, batch=batch)
    if order is not None and not tally.interruption:
        ingest.remove(index, gone, order, out, tally)
    ingest.tidy(index, tally)
    ingest.finish(index, out, tally)
    click.get_current_context().exit(tally.exit_code)


def _surely_gone(keys: Iterable[str], unusable: Iterable[Unusable]) -> list[str]:
    """Without those whose file, or whose folder, is there and only could not be read."""
    there = {one.key for one in unusable}
    folders = tuple(key for key in there if key.endswith("/"))
    return [key for key in keys if key not in there and not key.startswith(folders)]


def _say_plan(out: Output, found: Changes) -> None:
    new = sum(not one.replaces for one in found.to_sign)
    if out.is_json:
        for one in found.to_sign:
            out.json({"key": one.found.key, "status": "would add", "replaced": one.replaces})
        for key in found.gone:
            out.json({"key": key, "status": "would remove"})
        summary = {"new": new, "changed": len(found.to_sign) - new, "removed": len(found.gone)}
        out.json({"status": "plan", **summary, "unchanged": len(found.unchanged)})
        return
    for one in found.to_sign:
        out.line(f"would add     {shown(one.found.key)}" + (" (changed)" if one.replaces else ""))
    for key in found.gone:
        out.line(f"would remove  {shown(key)}")
    out.line(
        f"{count(new)} new, {count(len(found.to_sign) - new)} changed, {count(len(found.gone))} gone,"
        f" {count(len(found.unchanged))} unchanged; nothing was done"
    )
