"""`lookalike verify`: whether an index is whole, and what can be restored of one that is not."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, index_argument, output_options
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note
from shards.errors import CorruptObject, IndexNotFound

if TYPE_CHECKING:
    from lookalike.index import Index
    from shards.table.maintain.repaired import Repaired
    from shards.table.maintain.verify import Report

UNREAD = 3
"""Exit code of `verify` where objects could not be read: a monitor should not call that damage."""


@click.command(
    "verify",
    cls=Command,
    examples=(
        ("lookalike verify photos.index", "after a disk was full, or a copy was restored"),
        ("lookalike verify s3://pictures/index --json", "for a monitor; reads every byte once"),
        ("lookalike verify photos.index --repair --dry-run", "what could be restored, and what is gone"),
    ),
)
@index_argument
@click.option("--repair", "repairs", is_flag=True, help="Restore what can be, and name the keys that are gone.")
@click.option("--dry-run", is_flag=True, help="With --repair: show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="With --repair: do it without asking.")
@output_options
def verify(address: str, repairs: bool, dry_run: bool, yes: bool, form: str | None) -> None:
    """Check every byte of an index against its checksums, and that its objects make up an index.

    The exit code is 1 when an answer of this index may be wrong, and 3 when nothing wrong was found, but the store did
    not give every object.

    A repair makes search columns and lists of dead rows anew, reads again what older objects still hold, and leaves out
    what nobody can read. It is a commit like any other: others may use the index meanwhile, and damaged objects are
    moved to damaged/, not deleted. The exit code is 0 when nothing is lost.
    """
    from lookalike.index import Index

    out = Output.of(form)
    try:
        index = Index.open(address)
    except (CorruptObject, IndexNotFound) as error:
        if not repairs:
            raise
        note(str(error))
        if not _open_again(address, dry_run=dry_run, yes=yes):
            click.get_current_context().exit(1)
        index = Index.open(address)
    with out.progress("verifying", in_bytes=True) as progress:
        report = index.verify(progress.update)
    status = "damaged" if report.is_damaged else "clean" if report.is_clean else "incomplete"
    if out.is_json:
        for problem in report.problems:
            out.json({"status": "problem", **asdict(problem)})
        out.json(
            {
                "status": status,
                "index": index.url,
                "objects": report.objects,
                "size": report.size,
                "images": report.images,
                "problems": len(report.problems),
            }
        )
    else:
        if report.problems:
            out.table(
                [Column("object"), Column("problem"), Column("what to do")],
                [[problem.name, problem.problem, problem.advice] for problem in report.problems],
            )
        read = f"{human.count(report.objects, 'object')}, {human.size(report.size)}"
        verdict = "clean" if report.is_clean else f"{status}: {human.count(len(report.problems), 'problem')}"
        out.line(f"{index.url}: {verdict} ({read}, {human.count(report.images, 'folded image')})")
    lost = _repair(out, index, report, dry_run=dry_run, yes=yes) if repairs and report.is_damaged else report.is_damaged
    if not report.is_clean:
        click.get_current_context().exit(1 if lost else 0 if report.is_damaged else UNREAD)


def _repair(out: Output, index: Index, report: Report, *, dry_run: bool, yes: bool) -> bool:
    """Repair, or say what a repair would do; return True if images are lost, or nothing was done."""
    plan = index.repair(report, dry_run=True)
    _say(out, plan, "planned")
    if dry_run:
        return True
    if not _agreed("Do this?", yes=yes):
        return True
    done = index.repair(report)
    _say(out, done, "repaired")
    return bool(done.gone or done.unknown or done.left or done.reduced)


def _open_again(address: str, *, dry_run: bool, yes: bool) -> bool:
    """Write the settings of an index anew where they are damaged or gone; return True if that was done."""
    from shards.storage import open_store
    from shards.storage.effects import World
    from shards.table.maintain import lost_settings

    store = open_store(address)
    found = lost_settings.find(store)
    note(f"what is left is an index of {', '.join(found.families)}, in {human.count(found.shards, 'shard')}")
    note("how its pictures were decoded stands nowhere else: that will be as in a new index")
    if dry_run or not _agreed("Write its settings anew?", yes=yes):
        return False
    lost_settings.restore(store, found, World())
    return True


def _agreed(question: str, *, yes: bool) -> bool:
    """Return True if the user wants this done."""
    if yes or (sys.stdin.isatty() and click.confirm(question, err=True)):
        return True
    note("nothing was done; say --yes to repair")
    return False


def _say(out: Output, done: Repaired, status: str) -> None:
    if out.is_json:
        for action in done.actions:
            out.json({"status": f"{status} action", **asdict(action)})
        for key in done.gone:
            out.json({"status": "gone", "key": key})
        for key in done.reduced:
            out.json({"status": "without metadata", "key": key})
        numbers = {"restored": done.restored, "gone": len(done.gone), "unknown": done.unknown, "revived": done.revived}
        out.json({"status": status, **numbers, "version": done.version})
        return
    out.table([Column("object"), Column(status)], [[action.name, action.done] for action in done.actions])
    for key in done.gone:
        out.line(f"gone: {human.shown(key)}")
    for key in done.reduced:
        out.line(f"without metadata, size or SHA-256: {human.shown(key)}")
    unknown = f", and {human.count(done.unknown, 'image')} of unknown keys" if done.unknown else ""
    out.line(f"{status}: {human.count(done.restored, 'image')} restored, {human.count(len(done.gone))} gone{unknown}")
