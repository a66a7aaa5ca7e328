"""`lookalike undo`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.command import Command, originals_option, output_options
from lookalike.cli.output.human import count, size
from lookalike.cli.output.output import Output, note


@click.command(
    "undo",
    cls=Command,
    examples=(("lookalike undo ~/.local/state/lookalike/jobs/20250309-140302-1f2e3d4c.jsonl", "bring the files back"),),
)
@click.argument("log", type=click.Path(path_type=Path), metavar="LOG")
@originals_option
@output_options
def undo(log: Path, originals: tuple[str, ...], form: str | None) -> None:
    """Bring back what 'lookalike duplicates --apply' has done, by its log.

    Files return from the trash or the folder to their places, and into the index; links become files of their own. What
    was deleted does not come back, and what is at a file's place now is not touched. It may be called again.
    """
    from lookalike.duplicates.applying import Past
    from lookalike.duplicates.restoring import Restoring
    from lookalike.duplicates.undoing import undo as play_back
    from lookalike.index import Index

    out = Output.of(form)
    index = Index.open(str(Past.of(log).header.get("index", "")))
    index.trust_originals(*originals)
    with Restoring(index) as restoring, out.progress("bringing back", 0) as progress:
        done = play_back(index, log, restoring, progress.update)
    for refusal in done.left:
        note(f"not brought back: {refusal.key}: {refusal.reason}")
    if out.is_json:
        out.json({"status": "undone", "files": done.files, "bytes": done.bytes, "left": len(done.left)})
    else:
        out.line(f"{count(done.files, 'file')} brought back, {size(done.bytes)}; {count(len(done.left))} not")
    if done.left:
        raise SystemExit(1)
