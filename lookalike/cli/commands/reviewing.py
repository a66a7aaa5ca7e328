"""`lookalike duplicates` in tiers: listing, choosing, and doing what was chosen."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.cli.commands.keys import described
from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output, note

if TYPE_CHECKING:
    from lookalike.duplicates.keep import Keeping
    from lookalike.duplicates.marking import Choice
    from lookalike.duplicates.planning import Plan
    from lookalike.duplicates.review import Asked, Review, Reviewed, ReviewGroup
    from lookalike.index import Index

SHOWN = 50
"""Refusals that are shown one by one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants of the duplicates."""

    asked: Asked
    keeping: Keeping
    action: str | None
    into: str | None
    is_meant: bool
    """Whether it is to be done, and not only told."""
    log: Path | None
    table: Path | None
    """A CSV to write."""
    page: Path | None
    delete_list: Path | None
    separator: str
    only_new: bool


def run(out: Output, index: Index, wanted: Wanted) -> None:
    """Find, list, and where it is wanted do."""
    from lookalike.duplicates.marking import all_but_the_best

    with out.progress("comparing", index.count()) as progress:
        phases = {"reading": 0.0, "comparing": 0.1, "confirming": 0.3, "describing": 0.9, "": 1.0}
        steps = list(phases.values())

        def update(phase: str, done: int, of: int) -> None:
            at = list(phases).index(phase)
            share = steps[at] + (steps[at + 1] - steps[at]) * (done / of if of else 1.0)
            progress.update(int(share * 1000), 1000)

        review = index.review(wanted.asked, progress=update)
    groups: Sequence[ReviewGroup] = review.groups
    if wanted.only_new:
        groups = _new(index, groups)
    choices = all_but_the_best(review, wanted.keeping, wanted.asked.tiers, kept=index.marks().keys("keep"))
    _say(out, review, groups, choices)
    if wanted.table is not None:
        _write_table(wanted.table, groups, choices)
    if wanted.page is not None:
        from lookalike.cli.output import review_pages

        with out.progress("drawing", sum(len(group.images) for group in groups)) as progress:
            review_pages.write(wanted.page, review, groups, index, progress.advance)
    if wanted.delete_list is not None:
        _write_list(wanted.delete_list, choices, index, wanted.separator)
    if wanted.action is not None:
        _apply(out, index, wanted, choices)


def _say(out: Output, review: Review, groups: Sequence[ReviewGroup], choices: Sequence[Choice]) -> None:
    going = {choice.goes.image.key: choice.kept for choice in choices}
    copies = [each for group in groups for each in group.images[1:]]
    size = sum(choice.goes.facts.bytes or 0 for choice in choices)
    if out.is_json:
        for group in groups:
            first = next((going[e.image.key] for e in group.images if e.image.key in going), group.images[0])
            others = [each for each in group.images if each is not first]
            document = {"keep": _document(first), "copies": [_document(each) for each in others]}
            out.json({**document, "tier": group.tier, "remove": [e.image.key for e in others if e.image.key in going]})
        out.json(
            {
                "status": "summary",
                "tiers": list(review.asked.tiers),
                "groups": len(groups),
                "copies": len(copies),
                "bytes": size,
                "unconfirmed": review.unconfirmed,
                "flat": review.flat,
            }
        )
        return
    columns = [Column(""), Column("tier"), Column("size"), Column("bytes", True), Column("date"), Column("key")]
    for n, group in enumerate(groups, 1):
        rows = [["goes" if each.image.key in going else "stays", *_row(each)] for each in group.images]
        out.table(columns, rows, title=f"group {n:,}: {human.count(len(rows), 'image')}")
        out.line("")
    told = ", ".join(f"{human.count(sum(each.tier == tier for each in copies))} {tier}" for tier in review.asked.tiers)
    out.line(f"{human.count(len(groups), 'group')} with {human.count(len(copies), 'copy', 'copies')}: {told}")
    if review.unconfirmed:
        out.line(
            f"{human.count(review.unconfirmed, 'pair')} could not be confirmed: a file is not at hand; they are alike"
        )


def _row(each: Reviewed) -> list[str]:
    image, facts = each.image, each.facts
    size = "" if facts.bytes is None else human.size(facts.bytes)
    taken = facts.taken or facts.modified or ""
    return [each.tier or "best", human.pixels(image.width, image.height), size, taken[:10], image.key]


def _document(each: Reviewed) -> dict[str, Any]:
    facts = each.facts
    return {
        **described(each.image),
        "tier": each.tier,
        "confirmed": each.confirmed,
        "score": each.score,
        "bytes": facts.bytes,
        "format": facts.format,
        "taken": facts.taken,
        "modified": facts.modified,
    }


def _write_table(path: Path, groups: Sequence[ReviewGroup], choices: Sequence[Choice]) -> None:
    going = {choice.goes.image.key: choice.kept.image.key for choice in choices}
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file)
        columns = ("group", "key", "tier", "confirmed", "remove", "kept", "width", "height", "bytes", "format", "taken")
        table.writerow([*columns, "modified", "sha256", "path"])
        for n, group in enumerate(groups, 1):
            for each in group.images:
                image, facts = each.image, each.facts
                goes = image.key in going
                row = [n, image.key, each.tier or "best", each.confirmed, goes, going.get(image.key, "")]
                row += [image.width, image.height, facts.bytes, facts.format, facts.taken, facts.modified]
                table.writerow(["" if cell is None else cell for cell in [*row, image.sha256, facts.path]])


def _write_list(path: Path, choices: Sequence[Choice], index: Index, separator: str) -> None:
    from lookalike.cli import deletable
    from lookalike.duplicates.find import Copy, Duplicates, Group, Method

    groups = tuple(
        Group(choice.kept.image, (Copy(choice.goes.image, choice.goes.score or 100.0, None),)) for choice in choices
    )
    listed = deletable.paths(Duplicates(groups, (), Method("exhaustive")), index.originals, separator)
    path.write_bytes(b"".join(each + separator.encode() for each in listed.paths))
    for key, reason in listed.left_out:
        note(f"not in the list: {key}: {reason}")


def _apply(out: Output, index: Index, wanted: Wanted, choices: Sequence[Choice]) -> None:
    from lookalike.duplicates import journal
    from lookalike.duplicates.applying import apply, settle, unfinished
    from lookalike.duplicates.planning import plan

    protect = wanted.keeping.protect
    made = plan(choices, str(wanted.action), index.originals, folder=wanted.into, protect=protect)
    if not wanted.is_meant:
        _say_plan(out, made)
        return
    for left in list(unfinished(index)):
        note(f"{left}: was interrupted; the index now follows what it has done")
        settle(index, left)
    log = wanted.log or journal.new_path()
    with out.progress("moving" if made.action in ("trash", "folder") else made.action, len(made.steps)) as progress:
        done = apply(index, made, log, progress.update)
    left_alone = [*made.refusals, *done.left]
    for refusal in left_alone[:SHOWN]:
        note(f"left alone: {refusal.key}: {refusal.reason}")
    if out.is_json:
        summary = {"status": "applied", "action": made.action, "files": done.files, "bytes": done.bytes}
        out.json({**summary, "left": len(left_alone), "log": str(done.log)})
    else:
        out.line(
            f"{made.action}: {human.count(done.files, 'file')}, {human.size(done.bytes)};"
            f" {human.count(len(left_alone))} left alone"
        )
        out.line(f"the log: {done.log}; 'lookalike undo {done.log}' brings back what can be brought back")


def _say_plan(out: Output, made: Plan) -> None:
    for refusal in made.refusals[:SHOWN]:
        note(f"would be left alone: {refusal.key}: {refusal.reason}")
    if out.is_json:
        for step in made.steps:
            out.json({"status": "would", "action": made.action, "key": step.key, "path": step.path, "kept": step.kept})
        summary = {"status": "plan", "action": made.action, "files": len(made.steps), "bytes": made.bytes}
        out.json({**summary, "left": len(made.refusals)})
        return
    for step in made.steps:
        out.line(f"{made.action}  {step.path}  (kept: {step.kept_path})")
    out.line(
        f"would {made.action}: {human.count(len(made.steps), 'file')}, {human.size(made.bytes)};"
        f" nothing was touched: --yes does it"
    )


def _new(index: Index, groups: Sequence[ReviewGroup]) -> list[ReviewGroup]:
    """Return the groups with a copy that no run before has shown, and note all that are shown now."""
    from lookalike.ingest import roots

    name = blake2b(index.url.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    file = roots.state_file().parent / "shown" / f"{name}.json"
    try:
        before = set(json.loads(file.read_text()))
    except (OSError, ValueError):
        before = set()
    marks = {id(group): {_mark(group, each) for each in group.images[1:]} for group in groups}
    found = [group for group in groups if marks[id(group)] - before]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(sorted(set().union(*marks.values()))))
    os.replace(temporary, file)  # noqa: PTH105
    return found


def _mark(group: ReviewGroup, each: Reviewed) -> str:
    told = f"{group.images[0].image.sha256} {each.image.key} {each.image.sha256} {each.tier}"
    return blake2b(told.encode(errors="surrogatepass"), digest_size=8).hexdigest()
