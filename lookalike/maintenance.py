"""Maintenance: what keeps an index in order, in any process and at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lookalike.stats import Stats
from shards.errors import CorruptObject, QueryError
from shards.families import Family
from shards.families.rates import MATCH_RATE, RateTable
from shards.storage import Store, open_store
from shards.table.format.settings import IndexSettings
from shards.table.maintain import collect, copying, repair, verify
from shards.table.maintain.collect_thumbnails import collect_thumbnails
from shards.table.maintain.committing import Committed, CommittingTable, Compacted
from shards.table.maintain.merge import Merged
from shards.table.maintain.repaired import Repaired
from shards.table.maintain.reshard import Resharded
from shards.table.maintain.verify import Report
from shards.table.read.snapshot import Snapshot
from shards.table.write.calibrated import Rates

if TYPE_CHECKING:
    from lookalike.evaluate.calibrating import Calibration


class Maintained:
    """An index that is folded, merged, split, verified, repaired and copied. `Index` is one."""

    def __init__(self, table: CommittingTable) -> None:
        self._table = table
        self._rates: tuple[str, Rates | CorruptObject | None] | None = None
        """Rates of the index with this id, once they were looked for: another index may come to be at this place."""

    @property
    def url(self) -> str:
        """Address of the store that the index is in."""
        return self._table.root.url

    @property
    def settings(self) -> IndexSettings:
        """Settings that the index was created with."""
        return self._table.settings

    def pressure(self) -> tuple[int, int]:
        """Return (log objects, bytes) that wait for a fold."""
        return self._table.pressure()

    def stats(self) -> Stats:
        """Return numbers of this index."""
        return self._table.read(Stats.of)

    def calibrate(self, pairs: int | None = None, progress: Callable[[int, int], None] | None = None) -> Calibration:
        """Measure how much strangers among the images score, and keep it: matches are judged by it from now on.

        `pairs`: how many to compare, four million unless given. `progress` gets (questions asked, questions in all).
        Processes that have the index open go by it once they open it again. Raises QueryError for an index of fewer
        than 1,000 images.
        """
        # imported here: evaluating is of no use to most who open an index
        from lookalike.evaluate.calibrating import PAIRS, calibrate

        seed, families = self._table.effects.random(), self._table.families

        def measure(snapshot: Snapshot) -> Calibration:
            of_all = self._table.parallel_map
            return calibrate(snapshot, families, seed, pairs=pairs or PAIRS, parallel_map=of_all, progress=progress)

        found = self._table.read(measure)
        self._rates = self.settings.id, self._table.store_rates(found.images, found.pairs, found.tables)
        return found

    @property
    def rates(self) -> Rates | None:
        """False rates that `calibrate` measured last, here or elsewhere before this was opened; None without any."""
        if self._rates is None or self._rates[0] != self.settings.id:
            try:
                self._rates = self.settings.id, self._table.stored_rates()
            except CorruptObject as error:
                # kept as well, or each family of each search would look for them again
                self._rates = self.settings.id, error
        found = self._rates[1]
        if isinstance(found, CorruptObject):
            raise found
        return found

    def rates_of(self, kind: Family) -> RateTable:
        """Return the false rates of a family in this index: those of `calibrate`, else those that it has everywhere.

        Every search and comparison goes by them. Where they are damaged, which `verify` says, it does without.
        """
        try:
            measured = self.rates
        except CorruptObject:
            measured = None
        return kind.rates if measured is None else measured.tables.get(kind.name, kind.rates)

    def match_score_of(self, kind: Family) -> float:
        """Return the score from which on two images are a match of this family in this index."""
        return max(kind.match_score, self.rates_of(kind).score(MATCH_RATE))

    def compact(self, *, everything: bool = False) -> Compacted:
        """Fold the log into segments and merge small segments; with `everything`, into as few as can be."""
        return self._table.compact(everything=everything)

    def due_merges(self) -> Sequence[tuple[str, ...]]:
        """Return the merges that `compact` would do now, as names of segments; each may be done by another process."""
        return self._table.due_merges()

    def merge(self, segments: Sequence[str]) -> Merged | None:
        """Make one segment of these, and upload it. Nothing changes until it is committed.

        Returns None where another process was faster. It has to be committed within half an hour.
        """
        return self._table.merge(segments)

    def commit(self, merged: Sequence[Merged] = ()) -> Committed:
        """Put merged segments in their places, and fold the log, in one step for all readers."""
        return self._table.commit(merged)

    def reshard(self, shards: int, progress: Callable[[int, int], None] | None = None) -> Resharded:
        """Change the number of shards while the index is in use; searches find the same at every moment.

        `shards`: the present number times a power of two, up to 65,536. The present number itself continues a call
        that was interrupted. `progress` gets (rows split, rows in all). Raises QueryError for any other number.
        """
        return self._table.reshard(shards, progress)

    def collect(self, *, place: float = 0.0, is_over: Callable[[], bool] = lambda: False) -> collect.Collected:
        """Delete the objects that no reader can need any more.

        Whoever has not the time to go around all thumbnails begins at a `place`, 0 to 1, and says when the time
        `is_over`: the result has the place at which to go on.
        """
        done = collect.collect(self._table)
        return done + collect_thumbnails(self._table, place=place, is_over=is_over)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Report:
        """Check every byte of every object, and that together they make an index."""
        return verify.verify(self._table, progress=progress)

    def repair(self, report: Report, *, dry_run: bool = False) -> Repaired:
        """Restore what can be restored of the damage in a report of `verify`, and name the images that are gone.

        Damaged objects are moved to `damaged/`. `dry_run`: only say what would be done. Raises QueryError where the
        report is of an index that could not be read as a whole.
        """
        if any(problem.is_unread for problem in report.problems):
            raise QueryError("some objects could not be read, and may be whole: repair when the store gives them")
        return repair.repair(self._table, report, dry_run=dry_run)

    def copy(
        self,
        to: str | Store,
        *,
        point: int | None = None,
        replace: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> copying.Copied:
        """Make a copy of this index in another store, as it is at one moment, or bring a copy there up to date.

        Others may write and compact meanwhile. The copy has an id of its own. Interrupted, the same call goes on.
        `point`: copy an older state, one of `points`, of an index that is a copy itself. `replace`: put the copy in the
        place of the index there, which is deleted. `progress` gets (bytes done, bytes known to be done).

        Raises IndexExists, CorruptObject where this index is damaged, Conflict where others change the copy meanwhile.
        """
        store = open_store(to) if isinstance(to, str) else to
        table = self._table
        return copying.copy(table.root, store, table.effects, point=point, replacing=replace, progress=progress)

    def points(self) -> Sequence[copying.Point]:
        """Return the points in time that this index holds if it is a copy, the newest first."""
        return copying.points(self._table.root)

    def import_time(self, content: str) -> int:
        """Return when this content was first imported, in ns since 1970: now, if that is new.

        `content`: 32 hex digits that name it. Whoever imports it again gets the same time, and so the same orders.
        """
        return self._table.import_time(content)

    def mark_imported(self, content: str) -> None:
        """Note that all of this content is in the index."""
        self._table.mark_imported(content)

    def was_imported(self, content: str) -> bool:
        """Return True if all of this content was put into the index before."""
        return self._table.was_imported(content)
