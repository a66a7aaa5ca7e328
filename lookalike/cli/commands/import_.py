"""`lookalike import`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, get_args

import click

from lookalike.cli.command import Command, index_argument, names_of, output_options
from lookalike.cli.interruption import Interruption
from lookalike.cli.output.human import count, duration, shown
from lookalike.cli.output.output import Output, note
from lookalike.cli.output.progress import Progress
from lookalike.interchange.options import DumpOptions, HashForm

if TYPE_CHECKING:
    from lookalike.index import Index
    from lookalike.interchange.dump import Dump, Refused
    from lookalike.interchange.importer import Imported
    from lookalike.interchange.sources import Source

KINDS = ("iqdb", "postgres", "image-match", "lris", "hashes", "lookalike")


def _time(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    from lookalike.interchange.importer import parse_time

    if value is None:
        return None
    try:
        return parse_time(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time: give one such as 2026-03-01 or 2026-03-01T12:00Z") from None


@click.command(
    "import",
    cls=Command,
    examples=(
        ("lookalike import posts.index iqdb.sqlite", "the database of an IQDB; keys are post ids"),
        ("lookalike import wiki.index reverseWikipediaDump.sql.gz", "a dump of PostgreSQL"),
        ("pg_dump -t hashes wiki | lookalike import wiki.index -", "the same without a file"),
        ("lookalike import photos.index images.jsonl", "documents of image-match or Match, from elasticdump"),
        ("lookalike import photos.index img.db", "a database of local-reverse-image-search"),
        ("lookalike import photos.index hashes.csv --family phash --key path", "a list of hashes"),
        ("lookalike import photos.index hashes.csv --dry-run", "only look what it is, and what would be refused"),
    ),
)
@index_argument
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--from", "kind", type=click.Choice(KINDS), help="What SOURCE is. [default: seen from its content]")
@click.option("--family", help="The kind of the signatures, where the source does not say it: dhash, phash16, pdq, …")
@click.option("--table", metavar="T", help="The table to read.")
@click.option("--key", metavar="COL", help="The column or field that becomes the key.")
@click.option("--hash", "hash_", metavar="COL", help="The column or field with the signature.")
@click.option("--columns", metavar="A,B,C", help="The columns of a file that has no header.")
@click.option("--null", metavar="TEXT", help="The word that stands for no value.")
@click.option("--hash-form", type=click.Choice(get_args(HashForm)), help="How hashes are written.")
@click.option("--prefix", default="", metavar="P", help="Text to put in front of every key.")
@click.option("--strip-prefix", default="", metavar="P", help="Text to take away from keys first.")
@click.option(
    "--as-of",
    metavar="TIME",
    callback=_time,
    help="The time at which the source was right: what the index knows of a key since then stays. [default: when the"
    " same content was first imported into this index]",
)
@click.option("--dry-run", is_flag=True, help="Only read the source, and say what is in it.")
@click.option("--strict", is_flag=True, help="Import nothing unless every row can be taken.")
@output_options
def import_(
    address: str,
    sources: tuple[str, ...],
    kind: str | None,
    family: str | None,
    table: str | None,
    key: str | None,
    hash_: str | None,
    columns: str | None,
    null: str | None,
    hash_form: HashForm | None,
    prefix: str,
    strip_prefix: str,
    as_of: int | None,
    dry_run: bool,
    strict: bool,
    form: str | None,
) -> None:
    """Import signatures from another system: a database, a dump, or a list of hashes, packed by gzip or not.

    What SOURCE is, is seen from its content; - is standard input, postgresql://… a server of PostgreSQL, and
    http://HOST:9200/images an index of Elasticsearch. A new index gets exactly the source's kind of signature, and
    reads pictures as that system did. Columns besides key and signature become metadata.

    A row that cannot be taken is named with the reason, the others are imported, and the exit code is 1. Where the
    source or an option is wrong, the exit code is 2 and nothing is done.

    Importing the same again changes nothing, and goes on where it was interrupted; of a newer dump only what is new or
    changed is written. What was added, replaced or removed since the same content was first imported stays.
    """
    from lookalike.interchange.importer import Imported, Importer
    from lookalike.interchange.sources import Source

    out = Output.of(form)
    options = DumpOptions(family, table, key, hash_, tuple(names_of([columns])) if columns else None, null, hash_form)
    interruption = Interruption()
    started = time.monotonic()
    with ExitStack() as stack, interruption:
        given = [stack.enter_context(Source(source, options, kind)) for source in sources]

        def dumps() -> list[tuple[Source, Dump]]:
            return [(source, source.open()) for source in given]

        opened = dumps()
        importer = Importer(
            address, Said.nobody(out), as_of, prefix, strip_prefix, is_stopped=lambda: bool(interruption)
        )
        for source, dump in opened:
            importer.check(dump, source.name)

        def each(what: str, work: Callable[[Source, Dump], None]) -> None:
            total = sum(dump.size or 0 for _, dump in opened) or None
            with out.progress(what, total, in_bytes=True, failing="refused") as progress:
                importer.reporter = Said(out, progress)
                for source, dump in opened:
                    if not interruption:
                        work(source, dump)

        if dry_run or strict:
            each("reading", lambda source, dump: importer.read(dump, source.name))
            is_refused = importer.done.refused or importer.done.faults
            if dry_run or is_refused or importer.done.interrupted:
                _say_read(out, opened, importer.done, dry_run=dry_run)
                click.get_current_context().exit(interruption.exit_code if interruption else bool(is_refused))
            opened, importer.done = dumps(), Imported()
        each("importing", lambda source, dump: importer.add(dump, source.name, source.content(prefix, strip_prefix)))
        is_empty = not importer.done.rows and bool(importer.done.faults or importer.done.refused)
        index = None if is_empty else importer.finish(opened[0][1])
    _summarise(out, index, address, importer.done, time.monotonic() - started)
    if interruption:
        note("interrupted; what was imported so far is safe in the index: run the same command again to go on")
        click.get_current_context().exit(interruption.exit_code)
    click.get_current_context().exit(1 if importer.done.refused or importer.done.faults else 0)


class Said:
    """Says what an import reports: each refused row, remarks, and how far it is."""

    def __init__(self, out: Output, progress: Progress) -> None:
        self._out = out
        self._progress = progress
        self._now = 0
        self._of: object = None

    @classmethod
    def nobody(cls, out: Output) -> Said:
        """Return one that says what is to be said, without a bar."""
        return cls(out, Progress(False, "", None, False))

    def progress(self, dump: Dump) -> None:
        """Move the bar on."""
        if dump is not self._of:
            self._of, self._now = dump, 0
        self._progress.advance(max(dump.done - self._now, 0))
        self._now = dump.done

    def refused(self, file: str, row: Refused) -> None:
        """Say which row cannot be taken, and why."""
        self._progress.advance(0, failed=1)
        if self._out.is_json:
            self._out.json({"status": "refused", "file": file, "place": row.place, "reason": row.reason})
        else:
            self._progress.say(f"refused: {shown(file)}, {shown(row.place)}: {shown(row.reason)}")

    def note(self, text: str) -> None:
        """Say something that people should know."""
        self._progress.say(f"lookalike: {shown(text)}")

    def fault(self, text: str) -> None:
        """Say why not everything could be read."""
        if self._out.is_json:
            self._out.json({"status": "incomplete", "reason": text})
        self._progress.say(f"lookalike: {shown(text)}")


def _say_read(out: Output, opened: Sequence[tuple[Source, Dump]], done: Imported, *, dry_run: bool) -> None:
    """Print what was read where nothing is imported."""
    families = list(opened[0][1].families)
    if out.is_json:
        status = "dry run" if dry_run else "nothing imported"
        out.json({"status": status, "families": families, **_counts(done, "rows", "skipped", "refused")})
        return
    for source, dump in opened:
        out.line(f"{shown(source.name)}: {dump.kind}, signatures of {', '.join(dump.families)}")
    told = f"{count(done.rows, 'row')} can be imported, {count(done.refused)} refused, {count(done.skipped)} skipped"
    out.line(told if dry_run else f"{told}: with --strict, nothing was imported")


def _summarise(out: Output, index: Index | None, address: str, done: Imported, seconds: float) -> None:
    """Print what became of the rows."""
    if not done.rows:
        note("there are no rows to import")
    if done.same_key:
        rows = "1 row has" if done.same_key == 1 else f"{count(done.same_key)} rows have"
        note(f"{rows} the same key as another row, of which the last counts")
    names = ("added", "replaced", "unchanged", "outdated", "same_key", "skipped", "refused")
    if out.is_json:
        out.json(
            {
                "status": "summary",
                "index": index.url if index else address,
                "families": [family.name for family in index.families] if index else [],
                "imported": done.imported,
                **_counts(done, *names),
                "images": index.count() if index else 0,
                "seconds": round(seconds, 3),
                "interrupted": done.interrupted,
            }
        )
        return
    parts = [f"{count(done.imported, 'image')} imported ({count(done.added)} new"]
    parts += [f"{count(done.replaced)} changed"] if done.replaced else []
    parts += [f"{count(done.unchanged)} as before"] if done.unchanged else []
    told = ", ".join(parts) + ")"
    for n, what in (
        (done.outdated, "left alone, since the index knows later"),
        (done.skipped, "without a signature"),
        (done.refused, "refused"),
    ):
        told += f", {count(n)} {what}" if n else ""
    has = f"; {index.url} has {count(index.count(), 'image')}" if index else "; no index was made"
    out.line(f"{told} in {duration(seconds)}{has}")


def _counts(done: Imported, *names: str) -> dict[str, int]:
    return {name: getattr(done, name) for name in names}
