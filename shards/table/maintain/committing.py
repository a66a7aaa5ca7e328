"""The committer: a table that folds, merges, commits and reshards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shards.errors import Conflict, ObjectNotFound, QueryError
from shards.storage.base import Entry
from shards.storage.deciding import write_all
from shards.table.format import names
from shards.table.format.manifest import Manifest, Residue, Segment
from shards.table.format.records import Records
from shards.table.maintain.collect import folded_log
from shards.table.maintain.merge import Merged, due, merge, put_in_place
from shards.table.maintain.reshard import Resharded, grow, splits
from shards.table.read.newest import Base
from shards.table.table import Table
from shards.table.write import bulk
from shards.table.write.bulk import Written
from shards.table.write.commit import Commit
from shards.table.write.draft import Change, Draft
from shards.table.write.fold import fold

FOLD_BYTES = 32 << 20, 128 << 20
"""Lower and upper limit of the log bytes that are folded at a time. However small a fold is, it costs a manifest and a
segment in each shard; and it takes six times its bytes in memory (measured with 50 MB of the default families)."""

FOLD_SHARE = 8
"""Between the two limits, an eighth of the bytes that the table may keep of segments is folded at a time."""


def fold_bytes(memory: int) -> int:
    """Return the log bytes to fold at a time for a table that may keep `memory` bytes of segments."""
    min_bytes, max_bytes = FOLD_BYTES
    return min(max(memory // FOLD_SHARE, min_bytes), max_bytes)


@dataclass(frozen=True, slots=True)
class Committed:
    """The result of a commit."""

    folded: int
    """Log objects that were folded."""

    size: int
    """Bytes of those log objects."""

    placed: tuple[bool, ...]
    """For each merge that was given, True if its segments are in their places now. If not, somebody else has merged the
    same segments, or they were uploaded too long ago."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result of a compaction."""

    folded: int
    """Log objects that were folded."""

    merged: int
    """Segments that were merged into others."""

    written: int
    """Segments that were written in their place."""

    version: int
    """Version of the newest manifest."""


class CommittingTable(Table):
    """A table that can change its manifest. Safe beside any number of tables that do the same."""

    def write(self, records: Records, *, unless_same: bool = False) -> Written:
        """Write thousands of records straight into segments. On return they are safe, and every query sees them.

        Returns what became of each record. `unless_same`: leave out records of images that the index has already, equal
        in signatures, size, digest where it is known, and metadata: the stored ones keep their earlier orders.
        """
        written: list[Written] = []

        def fill(draft: Draft, _: Base) -> bool:
            self._check(records)
            # listed after the manifest was read: if others fold meanwhile, this attempt fails and the next looks again
            listed = self._unfolded(draft.before, list(self.store.list(names.LOG)))
            written[:] = [
                bulk.write(
                    draft,
                    records,
                    unless_same=unless_same,
                    tail=self._read_tail(frozenset(entry.name for entry in listed)),
                    families=self.families,
                    segment_rows=self.settings.segment_rows,
                    open_segment=self._open,
                    dead_of=self._dead_of,
                    parallel_map=self.parallel_map,
                )
            ]
            return bool(draft.objects)

        def attempt() -> Written:
            if self._commit_draft(fill) is None:
                self.look()  # what this index has already, another one at its place may lack
            return written[0]

        done = self._restarting(attempt)
        self._look_again()
        return done

    def compact(self, *, everything: bool = False) -> Compacted:
        """Fold the whole log tail, then merge the segments that are due, or `everything` into as few as possible."""
        folded = self.commit().folded
        merged = written = 0
        merging = True
        while merging:
            merging = False
            for segments in self.due_merges(everything=everything):
                made = self.merge(segments)
                if made is not None and self._place(made):
                    merging = not everything
                    merged += len(segments)
                    written += len(made.segments)
        return Compacted(folded, merged, written, self._restarting(self._newest).version)

    def due_merges(self, *, everything: bool = False) -> list[tuple[str, ...]]:
        """Return the merges to do now, each as the names of its segments.

        No segment is in two of them, so several processes may do them at once, each with `merge`.
        """
        manifest = self._restarting(self._newest)
        merges = due(manifest, self.settings.segment_rows, everything=everything)
        return [tuple(segment.name for segment in segments) for segments in merges]

    def merge(self, segments: Sequence[str]) -> Merged | None:
        """Merge the segments of these names into one, and upload it; `commit` puts it in their place.

        Returns None where one of them is gone: somebody else has merged it. Raises QueryError unless all are of one
        shard.
        """
        return self._restarting(lambda: self._merge(segments, [None]))

    def commit(self, merged: Sequence[Merged] = ()) -> Committed:
        """Fold the log tail as it is now, and put these merged segments in their places, in one manifest.

        A long tail is folded in parts, each with a manifest. Records that are added meanwhile are left to the next
        call; where there are always some, this call would not end. Deletes log objects that were folded long ago.
        """
        done, waiting = self._restarting(lambda: self._commit_some(merged))
        folded, size, batch = done.folded, done.size, done.folded
        while batch and folded < waiting:
            more, _ = self._restarting(lambda: self._commit_some(()))
            folded, size, batch = folded + more.folded, size + more.size, more.folded
        return Committed(folded, size, done.placed)

    def reshard(self, shards: int, progress: Callable[[int, int], None] | None = None) -> Resharded:
        """Change the number of shards; go on where an earlier call was interrupted.

        `progress` is called with (rows split, rows to split).

        Raises QueryError unless `shards` is the present number times a power of two.
        """
        before = self._restarting(self._newest).shards
        self._restarting(lambda: self._commit(lambda base, commit_id: self._grow(base, commit_id, shards)))
        split = written = total = 0
        while True:
            manifest = self._restarting(self._newest)
            waiting = sum(segment.rows for segment in manifest.wide)
            total = max(total, waiting)
            if progress is not None and total:
                progress(total - waiting, total)
            todo = splits(manifest, self.settings.segment_rows)
            if not todo:
                return Resharded(before, shards, split, written, manifest.version)
            # a random one, so that two processes seldom do the same
            chosen = todo[self.effects.random() % len(todo)]
            wanted = [segment.name for segment in chosen.segments]
            made = self._restarting(lambda: self._merge(wanted, chosen.into))  # noqa: B023
            if made is not None and self._place(made):
                split += len(chosen.segments)
                written += len(made.segments)

    def _commit(self, change: Callable[[Base, str], Change | None]) -> Manifest | None:
        """Commit this change and return its manifest; None where there was nothing to change."""
        self.prepare()
        made = Commit(self.store, self.effects, self._base, change).run()
        if made is None:
            return None
        self.look()
        self._know(made)
        return made.manifest

    def _know(self, made: Base) -> None:
        """Use a manifest that was committed here without reading it, and let go of segments that it does not name."""
        live = {segment.name for segment in made.manifest}
        lists = {segment.dead_object for segment in made.manifest}
        with self._lock:
            self._known = made
            self._readers = {name: reader for name, reader in self._readers.copy().items() if name in live}
            self._dead = {name: dead for name, dead in self._dead.copy().items() if name in lists}

    def commit_draft(self, fill: Callable[[Draft, Base], bool]) -> Manifest | None:
        """Commit what `fill` puts into a draft, and return the manifest; None where `fill` says False, for no change.

        `fill` is called again where others were faster.
        """
        made = self._restarting(lambda: self._commit_draft(fill))
        self._look_again()
        return made

    def fold_into(self, draft: Draft, records: Sequence[Records]) -> None:
        """Put records into new segments of a draft, each where it is newer than what the draft has of its key."""
        self._fold(draft, {}, records, draft.folded)

    def _commit_draft(self, fill: Callable[[Draft, Base], bool]) -> Manifest | None:
        """Commit the change that `fill` puts into a draft; None where `fill` returns False, for no change."""

        def change(base: Base, commit_id: str) -> Change | None:
            draft = Draft.of(base.manifest, commit_id=commit_id, now_ms=self._now_ms())
            return draft.change() if fill(draft, base) else None

        return self._commit(change)

    def _commit_some(self, merged: Sequence[Merged]) -> tuple[Committed, int]:
        """Fold the oldest log objects, as many as fit in memory, and put merged segments in their places.

        Returns the result, and the number of log objects that were waiting.
        """
        self.look()
        listed = list(self.store.list(names.LOG))
        known = self._newest()
        waiting = self._unfolded(known, listed)
        chosen = self._first(waiting)
        batches = self._load([entry.name for entry in chosen])
        placed: list[bool] = []

        def fill(draft: Draft, base: Base) -> bool:
            placed[:] = [self._put(draft, base, upload) for upload in merged]
            there, fresh = listed, batches
            if base.manifest.version != known.version:
                # others committed since the log was listed. What they folded long ago, they may have forgotten: of a
                # log object that is gone, the records must not come back
                there = list(self.store.list(names.LOG))
                existing = {entry.name for entry in there}
                fresh = {name: records for name, records in batches.items() if name in existing}
            is_new = any(name not in draft.folded for name in fresh)
            if is_new:
                self._fold(draft, fresh, [], [entry.name for entry in there])
            return is_new or any(placed)

        if merged or chosen:
            self._commit_draft(fill)
        self._collect(listed, known)
        return Committed(len(chosen), sum(entry.size for entry in chosen), tuple(placed)), len(waiting)

    def _place(self, merged: Merged) -> bool:
        """Put segments that this process merged in the place of the others; return False where those are gone.

        Raises Conflict where the upload took so long that no manifest may name it any more: another try may do so too.
        """

        def fill(draft: Draft, base: Base) -> bool:
            if self._put(draft, base, merged):
                return True
            if merged.replaced.keys() <= {segment.name for segment in draft.before}:
                raise Conflict(
                    f"{self.store.url}: {', '.join(segment.name for segment in merged.segments)} took over half an hour"
                    " to be uploaded and committed, and may be collected by now; try again, nearer to the store"
                )
            return False

        return self._restarting(lambda: self._commit_draft(fill)) is not None

    def _put(self, draft: Draft, base: Base, merged: Merged) -> bool:
        if merged.uploaded is not None and not base.may_name(merged.uploaded):
            return False
        return put_in_place(
            draft, merged, open_segment=self._open, dead_of=self._dead_of, parallel_map=self.parallel_map
        )

    def _first(self, waiting: Iterable[Entry]) -> list[Entry]:
        """Return the oldest log objects, as many as are folded at a time, and one at least."""
        limit = fold_bytes(self._memory.limit)
        chosen: list[Entry] = []
        size = 0
        for entry in waiting:
            size += entry.size
            if chosen and size > limit:
                break
            chosen.append(entry)
        return chosen

    def _fold(
        self, draft: Draft, batches: Mapping[str, Records], direct: Sequence[Records], listed: Iterable[str]
    ) -> None:
        fold(
            draft,
            batches,
            direct,
            families=self.families,
            segment_rows=self.settings.segment_rows,
            open_segment=self._open,
            dead_of=self._dead_of,
            listed=listed,
            parallel_map=self.parallel_map,
        )

    def _collect(self, listed: Sequence[Entry], known: Manifest) -> None:
        """Delete log objects that were folded so long ago that nobody needs them, since they are listed anyhow."""
        gone = folded_log(listed, known.folded, self.clock.now_ns() / 1e9)
        if gone:
            self.store.delete([entry.name for entry in gone])

    def _grow(self, base: Base, commit_id: str, shards: int) -> Change | None:
        return grow(base.manifest, shards, now_ms=self._now_ms(), commit_id=commit_id)

    def _now_ms(self) -> int:
        return self.clock.now_ns() // 10**6

    def _merge(self, wanted: Sequence[str], into: Sequence[Residue | None]) -> Merged | None:
        """Merge segments into one, or into one for each residue of `into`, and upload those."""
        # the segments as they are now: their lists of dead rows at the time of planning may be collected
        live = {segment.name: segment for segment in self._newest()}
        if any(name not in live for name in wanted):
            return None
        segments = [live[name] for name in dict.fromkeys(wanted)]
        if len({segment.residue for segment in segments}) != 1:
            raise QueryError(f"a merge takes segments of one shard, one or more: not {', '.join(wanted) or 'none'}")
        made: list[Segment] = []
        uploaded: list[float] = []
        for residue in into:
            part = merge(
                segments,
                families=self.families,
                open_segment=self._open,
                dead_of=self._dead_of,
                now_ns=self.clock.now_ns(),
                mark=f"{self.effects.random():016x}",
                into=residue,
                partial=self.settings.format > 1,
            )
            if part is not None:
                segment, objects = part
                write_all(self.store, self.effects, objects)
                made.append(segment)
                uploaded += map(self._modified, objects)
        for segment in segments:
            # hundreds of merges may follow, and each reader of a folder holds an open map
            self._readers.pop(segment.name, None)
        replaced = {segment.name: segment.dead_rows for segment in segments}
        return Merged(replaced, tuple(made), min(uploaded, default=None))

    def _modified(self, name: str) -> float:
        """Return when this object was created, in seconds since 1970 by the store's clock."""
        for entry in self.store.list(name, limit=1):
            if entry.name == name:
                return entry.modified
        raise ObjectNotFound(name, self.store.url)
