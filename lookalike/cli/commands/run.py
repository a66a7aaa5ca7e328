"""`lookalike run`: what local-reverse-image-search does with its settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.command import Command, adding_options, output_options
from lookalike.cli.output.human import count, shown
from lookalike.cli.output.output import Output, note
from lookalike.cli.refused import RefusedError

if TYPE_CHECKING:
    from lookalike.cli.output.progress import Progress
    from lookalike.cli.reporting import Tally
    from lookalike.index import Index
    from lookalike.ingest.files import Found
    from lookalike.ingest.original import Original
    from lookalike.ingest.outcome import Failure
    from lookalike.interchange.local_reverse_image_search.nearby import Group
    from lookalike.interchange.local_reverse_image_search.params import Params
    from shards.table.format.records import Order

INDEX, DATABASE = "img.index", "img.db"
"""Names in `db_dir`: of the index, and of the database whose place it takes."""

MATCHES, DUPLICATES = "matches.csv", "duplicates.csv"
"""Names of what is written: into `input_dir` by a search, into `db_dir` by find_duplicates."""


@click.command(
    "run",
    cls=Command,
    examples=(
        ("lookalike run params.json", "build, update, search or find_duplicates, whichever the settings say"),
        ("lookalike run new.json", "write settings to begin with, where there is no such file"),
    ),
)
@click.argument("params", default="params.json", type=click.Path(dir_okay=False, path_type=Path))
@adding_options
@output_options
def run(params: Path, jobs: int | None, batch: int, form: str | None) -> None:
    """Do what the settings of local-reverse-image-search say.

    The index is the folder img.index in db_dir. Where there is none yet, an img.db that lies there is imported first.
    A search writes matches.csv into input_dir; find_duplicates writes duplicates.csv, with the same columns, into
    db_dir.

    The exit code is 1 where a picture could not be read; the others are done.
    """
    from lookalike.cli.reporting import Tally
    from lookalike.interchange.local_reverse_image_search.params import Params, template

    out = Output.of(form)
    if not params.exists():
        with params.open("x", encoding="utf-8") as file:
            file.write(template(params.absolute().parent))
        if out.is_json:
            out.json({"status": "template", "file": str(params)})
        else:
            out.line(f"{shown(str(params))} was not there and is now: change it, and run the same command again")
        return
    work = Run(Params.read(params), out, Tally(), jobs, batch)
    operations = {
        "build": work.build,
        "update": work.update,
        "search": work.search,
        "find_duplicates": work.find_duplicates,
    }
    operations[work.params.operation]()
    click.get_current_context().exit(work.tally.exit_code)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Its public methods are called as the operations are."""

    params: Params
    out: Output
    tally: Tally
    jobs: int | None
    batch: int

    @property
    def where(self) -> Path:
        """The place of the index."""
        return Path(self.params.db_dir) / INDEX

    @property
    def _new(self) -> Path:
        """The place of an index that is being built."""
        return self.where.with_name(f".{INDEX}.new")

    def build(self) -> None:
        """Make the index anew of all pictures in img_dirs.

        It is built beside the one that is there, which goes when the new one is whole. A build that was interrupted
        goes on.
        """
        from lookalike.cli import reporting
        from lookalike.index import Index
        from shards.errors import IndexNotFound

        try:
            Index.open(str(self.where)).close()
        except IndexNotFound:
            if self.where.exists():
                raise RefusedError(f"{self.where} is there, and is no index: move it away, and build again") from None
        self._check_folders()
        index = self._begun()
        self._bring(index, index.next_order(), *self._look())
        if not self.tally.interruption:
            index.compact()
            before = self.where.with_name(f".{INDEX}.before")
            shutil.rmtree(before, ignore_errors=True)
            if self.where.exists():
                self.where.rename(before)
            self._new.rename(self.where)
            shutil.rmtree(before, ignore_errors=True)
            index = Index.open(str(self.where))
            self._remember(index)
        reporting.finish(index, self.out, self.tally)

    def update(self) -> None:
        """Add the pictures that img_dirs has more than the index, and remove those that it has no more."""
        from lookalike.cli import reporting

        index = self._open()
        if index is None:
            self.build()
            return
        # before the folders are read: an image that somebody else adds meanwhile outlives the removal
        order = index.next_order()
        self._bring(index, order, *self._look())
        self._remember(index)
        reporting.finish(index, self.out, self.tally)

    def search(self) -> None:
        """Find the matches of all pictures in input_dir."""
        from lookalike.cli.reporting import Reporter
        from lookalike.interchange.local_reverse_image_search import asking, folders, nearby

        params = self.params
        if not params.input_dir:
            raise RefusedError(f"{params.file}: input_dir is missing: give the folder with the pictures to search for")
        folders.check("input_dir", [params.input_dir])
        index = self._existing()
        with self.out.progress("looking") as progress:
            pictures, unusable = _gathered(folders.pictures([params.input_dir]), progress)
        with self.out.progress("searching", len(pictures)) as progress:
            reporter = Reporter(self.out, self.tally, progress)
            for failure in unusable:
                reporter.failed(failure)
            queries, asked = asking.hashed(
                index, params.family, list(pictures.values()), reporter.failed, progress.advance, self.jobs
            )
            found = nearby.search(index, params.family, queries, params.unit, params.distance_threshold)
        groups = [([picture.key for picture in asked[group.number]], group) for group in found]
        self._write(Path(params.input_dir) / MATCHES, "search", groups)

    def find_duplicates(self) -> None:
        """Find the matches of all images of the index among each other."""
        from lookalike.interchange.local_reverse_image_search import nearby

        params = self.params
        index = self._existing()
        with self.out.progress("comparing") as progress:
            groups = nearby.duplicates(index, params.family, params.unit, params.distance_threshold, progress.update)
        self._write(Path(params.db_dir) / DUPLICATES, "find_duplicates", groups)

    def _begun(self) -> Index:
        """Open the index of a build that was interrupted; make a new one where there is none of such hashes."""
        from lookalike.index import Index
        from lookalike.interchange.dump import ORIGINALS
        from shards.errors import LookalikeError

        families = (self.params.family.name,)
        try:
            index = Index.open(str(self._new))
            if index.settings.families == families and index.settings.pictures == ORIGINALS:
                return index
        except LookalikeError:
            pass  # begun, and not far enough to be one
        shutil.rmtree(self._new, ignore_errors=True)
        return Index.create(str(self._new), families=families, pictures=ORIGINALS)

    def _open(self) -> Index | None:
        """Open the index; where there is none, import the database into a new one; None where that is missing too."""
        from lookalike.index import Index
        from shards.errors import IndexNotFound

        try:
            index = Index.open(str(self.where))
        except IndexNotFound:
            return self._imported() if (Path(self.params.db_dir) / DATABASE).is_file() else None
        has, wanted = [family.name for family in index.families], self.params.family.name
        if has != [wanted]:
            raise RefusedError(
                f"{self.where} has hashes of {', '.join(has)}, and hash_method and hash_size ask for {wanted}, which"
                " cannot be compared with them: run it with operation build, which makes all hashes anew"
            )
        return index

    def _existing(self) -> Index:
        index = self._open()
        if index is None:
            raise RefusedError(f"{self.where}: there is no index yet: run it with operation build")
        return index

    def _imported(self) -> Index:
        """Import the database that lies in db_dir."""
        from lookalike.cli.commands.import_ import Said
        from lookalike.interchange.importer import Importer
        from lookalike.interchange.local_reverse_image_search import Lris
        from lookalike.interchange.options import DumpOptions
        from lookalike.interchange.sources import Source

        database = Path(self.params.db_dir) / DATABASE
        options = DumpOptions(family=self.params.family.name)
        with (
            Source(str(database), options, Lris.kind) as source,
            self.out.progress("importing", database.stat().st_size, in_bytes=True) as progress,
        ):
            dump = source.open()
            importer = Importer(str(self.where), Said(self.out, progress))
            importer.add(dump, source.name, source.content())
            index = importer.finish(dump)
        note(f"imported {count(importer.done.imported, 'image')} of {database}, which is not needed any more")
        return index

    def _check_folders(self) -> None:
        from lookalike.interchange.local_reverse_image_search import folders

        folders.check("img_dirs", self.params.img_dirs)

    def _remember(self, index: Index) -> None:
        """Let the originals of the index be read from img_dirs."""
        from lookalike.ingest import roots

        roots.remember(index.url, [os.path.abspath(folder) for folder in self.params.img_dirs])  # noqa: PTH100

    def _look(self) -> tuple[dict[str, Original], list[Failure]]:
        """Return the pictures of img_dirs by key, and those that cannot be read."""
        from lookalike.interchange.local_reverse_image_search import folders

        self._check_folders()
        with self.out.progress("looking") as progress:
            return _gathered(folders.pictures(self.params.img_dirs, skip=str(self.where)), progress)

    def _bring(self, index: Index, order: Order, originals: dict[str, Original], unusable: list[Failure]) -> None:
        """Make the index equal to these pictures. `order`: a time before they were looked for."""
        from lookalike.cli import reporting
        from lookalike.cli.commands.sync import surely_gone
        from lookalike.interchange.local_reverse_image_search import updating

        out, tally = self.out, self.tally
        with out.progress("comparing") as progress:
            found = updating.compare(index, originals, progress.advance)
            gone = surely_gone(found.gone, unusable)
            updating.check_gone(gone, self.params.img_dirs, originals)
            reporter = reporting.Reporter(out, tally, progress)
            reporter.unchanged(found.unchanged)
            for failure in unusable:
                reporter.failed(failure)
        reporting.add(index, found.to_add, out, tally, jobs=self.jobs, batch=self.batch)
        if not tally.interruption:
            reporting.remove(index, gone, order, out, tally)

    def _write(self, file: Path, operation: str, groups: Sequence[tuple[Sequence[str], Group]]) -> None:
        """Write the matches, and say how many there are."""
        from lookalike.interchange.local_reverse_image_search import matches

        lines = matches.write(file, ((asked, [key for _, key in group.matches]) for asked, group in groups))
        matched = sum(len(asked) for asked, group in groups if group.matches)
        if not self.out.is_json:
            found = f"{count(matched, 'picture')} with {count(lines, 'match', 'matches')}"
            failed = f", {count(self.tally.failed)} failed" if self.tally.failed else ""
            self.out.line(f"{found}{failed}; {shown(str(file))} lists them")
            return
        unit = self.params.unit
        for asked, group in groups:
            found_keys = [{"key": key, "distance": distance} for distance, key in group.matches]
            self.out.json({"pictures": list(asked), "matches": found_keys})
        self.out.json(
            {
                "status": "summary",
                "operation": operation,
                "pictures": matched,
                "matches": lines,
                "unit": unit,
                "failed": self.tally.failed,
                "file": str(file),
            }
        )


def _gathered(seen: Iterable[Found], progress: Progress) -> tuple[dict[str, Original], list[Failure]]:
    """Return originals by key, and what cannot be read. A file that two folders have is one original."""
    from lookalike.ingest.outcome import Failure

    originals: dict[str, Original] = {}
    unusable: list[Failure] = []
    for each in seen:
        progress.advance()
        if isinstance(each, Failure):
            unusable.append(each)
        else:
            originals[each.key] = each
    return originals, unusable
