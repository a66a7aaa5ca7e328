"""Repairing: what a damaged index can be made whole from, put back by a commit like any other.

Nothing is overwritten, and nothing thrown away: a damaged object is copied to `damaged/…` before it goes from its
place. Records come back through a fold, in which for each key the highest order wins. So a record that is found twice,
or that is older than another one, does no harm; one that nobody can read any more is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage.base import Entry
from shards.storage.deciding import write_all
from shards.storage.moving import move
from shards.table.format import names, whole
from shards.table.format.manifest import Manifest, Segment, read_dead
from shards.table.format.orders import is_later
from shards.table.format.records import DELETE, Records
from shards.table.format.texts import Texts
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.reduced import still_reduced
from shards.table.maintain.repaired import Action, Repaired
from shards.table.maintain.salvage import Salvaged, records_of, salvage
from shards.table.maintain.salvage_log import SalvagedLog, salvage_log
from shards.table.maintain.verify import DAMAGED, Report
from shards.table.read.newest import Base, read_manifest
from shards.table.read.reader import SegmentReader, find_keys
from shards.table.write.commit import KEPT_MANIFESTS
from shards.table.write.draft import Draft


def repair(table: CommittingTable, report: Report, *, dry_run: bool = False) -> Repaired:
    """Make an index whole again in which `report` found damage, as far as can be. `dry_run`: change nothing, only say.

    Raises StorageError where the store fails; a repair that stops half way can be run again.
    """
    plan = _Plan(table, report)
    plan.make()
    return plan.result(None) if dry_run else plan.apply()


@dataclass(slots=True)
class _Plan:
    table: CommittingTable
    report: Report
    actions: list[Action] = field(default_factory=list)

    aside_first: list[str] = field(default_factory=list)
    """Damaged objects that every reader stumbles over: the newest manifests, and log objects."""

    aside_last: list[str] = field(default_factory=list)
    """Damaged objects that are needed until the repair's manifest is there."""

    base: Manifest | None = None
    """The newest manifest that can be read."""

    dead: dict[str, NDArray[np.uint32]] = field(default_factory=dict)
    """Dead rows, found again, of segments whose list of them is damaged."""

    rewritten: dict[str, Salvaged] = field(default_factory=dict)
    """Segments that are damaged, and what can be read of them: without the records, which are read again in the end."""

    rows_out: dict[str, NDArray[np.uint32]] = field(default_factory=dict)
    """Dead rows of these segments."""

    images: int = 0
    """Images among the records of these segments."""

    logs: dict[str, SalvagedLog] = field(default_factory=dict)
    """Log objects that are damaged, and what was read of them."""

    older: list[Records] = field(default_factory=list)
    """Records of segments and log objects that the manifest does not count, where they may be the only ones left."""

    left: list[str] = field(default_factory=list)
    """Damaged objects that could not be set aside."""

    has_gap: bool = False
    """True if one of the newest manifests, but not the newest, cannot be read, or is missing."""

    revived: int = 0

    def make(self) -> None:
        """Find out what is damaged, and what can be read of it or instead of it."""
        damaged = _damaged(self.report)
        entries = list(self.table.store.list())
        there = {entry.name for entry in entries}
        manifests = self._manifests([entry for entry in entries if entry.name.startswith(names.MANIFEST)])
        self.base = manifests[0] if manifests else Manifest.empty(self.table.settings.shards, self.table.settings.id)
        # verify says so where it found none
        are_all_gone = not manifests and names.MANIFEST in damaged
        is_newest_lost = bool(self.aside_first) or are_all_gone
        self._look_for_a_gap(manifests)
        for name in sorted(damaged & there):
            if name.startswith(names.LOG):
                self._look_at_log(name, is_folded=name in self.base.folded)
            elif name.startswith(names.THUMBNAILS):
                self._do(self.aside_last, name, "is set aside: it is drawn again where its image is at hand")
            elif name.startswith(names.IMPORTS):
                self._do(self.aside_last, name, "is set aside: the next import of that content writes it once more")
        for segment in self.base:
            self._look_at(segment, damaged, there, manifests)
        if is_newest_lost:
            # what the lost commits replaced or removed is not known, where its records are gone, too
            self.revived += self.base.live
        lost = [segment for segment in self.base if segment.name in self.rewritten]
        if is_newest_lost or any(found.unknown or found.lost or found.reduced for found in self.rewritten.values()):
            self._find_older(entries, manifests, damaged, everywhere=is_newest_lost, lost=lost)
        if are_all_gone:
            self.revived += sum(map(len, self.older))
            if not self.older:
                self.left.append(names.MANIFEST)
                self.actions.append(Action(names.MANIFEST, "stays empty: there is nothing to restore it from"))
        unneeded = {name for manifest in manifests[1:] for s in manifest for name in (s.name, s.dead_object) if name}
        for name in sorted((damaged & there & unneeded) - set(self.aside_last)):
            self._do(self.aside_last, name, "is set aside: only older manifests name it")

    def _do(self, aside: list[str], name: str, done: str) -> None:
        aside.append(name)
        self.actions.append(Action(name, done))

    def _manifests(self, entries: Sequence[Entry]) -> list[Manifest]:
        """Return the manifests that can be read, newest first; the others are set aside."""
        manifests: list[Manifest] = []
        for entry in entries:
            try:
                manifests.append(read_manifest(self.table.store, entry.name, self.table.settings.id))
            except ObjectNotFound:
                continue
            except CorruptObject:
                before = "the one before it counts again" if not manifests else "newer ones do not need it"
                self._do(self.aside_last if manifests else self.aside_first, entry.name, f"is set aside: {before}")
        return manifests

    def _look_for_a_gap(self, manifests: Sequence[Manifest]) -> None:
        """Plan to fill up the newest manifests where one of them is missing, or will be."""
        versions = [manifest.version for manifest in manifests[:KEPT_MANIFESTS]]
        if versions and versions[0] - versions[-1] >= len(versions):
            self.has_gap = True
            many = f"{KEPT_MANIFESTS} more follow that change nothing"
            self.actions.append(Action(names.MANIFEST, f"{many}: until then no number between others may be free"))

    def _look_at(self, segment: Segment, damaged: set[str], there: set[str], manifests: Sequence[Manifest]) -> None:
        """Plan what to do about a segment, or about the list of its dead rows."""
        is_bad = segment.name in damaged or segment.name not in there
        bad_list = segment.dead_object is not None and (
            segment.dead_object in damaged or segment.dead_object not in there
        )
        if not is_bad and not bad_list:
            return
        dead = self._dead(segment, manifests, bad_list=bad_list, is_bad=is_bad)
        if bad_list and segment.dead_object is not None:
            missing = segment.dead_rows - len(dead)
            said = f"; {missing:,} that were removed or replaced long ago may be found again" if missing > 0 else ""
            self.revived += max(missing, 0)
            self.actions.append(Action(segment.dead_object, f"is made anew from the orders of all rows{said}"))
            if segment.dead_object in there:
                self.aside_last.append(segment.dead_object)
        if not is_bad:
            self.dead[segment.name] = dead
            return
        found = salvage(self.table.store, segment, self.table.families, dead)
        self.rewritten[segment.name] = replace(found, records=Records.none(self.table.families))
        self.rows_out[segment.name] = dead
        images = _images(found.records)
        self.images += images
        images += len(found.reduced)
        said = f"is left out: {images:,} of {segment.rows - len(dead):,} images of it can be read{_of_reduced(found)}"
        self.actions.append(Action(segment.name, "is made anew from its own rows" if found.is_whole else said))
        if segment.name in there:
            self.aside_last.append(segment.name)

    def _look_at_log(self, name: str, *, is_folded: bool) -> None:
        """Plan what to do about a log object. One that was folded is not needed, but may have another one's bytes."""
        try:
            found = salvage_log(name, whole.get(self.table.store, name), self.table.families)
        except ObjectNotFound:
            return
        except CorruptObject:
            # a pipe, or more bytes than a log object has: what was here is nowhere
            none = Records.none(self.table.families)
            found = SalvagedLog(none, none, unknown=1, outdated=1)
        readable = len(found.records) + len(found.reduced)
        if is_folded and not readable:
            self._do(self.aside_first, name, "is set aside: its records are in the segments")
            return
        self.logs[name] = found
        self.revived += found.outdated
        if readable:
            # it stays until its records are elsewhere
            said = f"is folded, and set aside: {readable:,} records can be read{_of_reduced(found)}"
            self._do(self.aside_last, name, said)
        else:
            self._do(self.aside_first, name, f"is set aside: {_of_lost(found)}")

    def _dead(
        self, segment: Segment, manifests: Sequence[Manifest], *, bad_list: bool, is_bad: bool
    ) -> NDArray[np.uint32]:
        """Return the dead rows of a segment: as they are listed, or as they can be found again."""
        if not bad_list:
            return read_dead(self.table.store, segment)
        dead = np.empty(0, np.uint32)
        for older in (same for manifest in manifests for same in manifest if same.name == segment.name):
            try:
                dead = np.union1d(dead, read_dead(self.table.store, older))
            except (ObjectNotFound, CorruptObject):
                continue
        if is_bad or self.base is None:
            return dead
        return np.union1d(dead, self._outdated(segment)).astype(np.uint32)

    def _outdated(self, segment: Segment) -> NDArray[np.uint32]:
        """Return the rows of a segment that are deletes, or whose key has a later state in another segment."""
        reader = SegmentReader(self.table.store, segment)
        keys, hashes = reader.all_texts("key"), reader.column("key_hash")
        orders = reader.column("order")
        is_dead = np.asarray(reader.column("kind") == DELETE)
        for other in self.base or ():
            if other.name == segment.name:
                continue
            try:
                there = SegmentReader(self.table.store, other)
                at, rows = find_keys(there, keys, hashes, np.arange(segment.rows))
                is_dead[at[is_later(there.take("order", rows), orders[at])]] = True
            except (ObjectNotFound, CorruptObject):
                continue  # it is damaged too
        return np.flatnonzero(is_dead).astype(np.uint32)

    def _find_older(
        self,
        entries: Sequence[Entry],
        manifests: Sequence[Manifest],
        damaged: set[str],
        *,
        everywhere: bool,
        lost: Sequence[Segment],
    ) -> None:
        """Read what the manifest does not count any more, or not yet: older segments, orphans, folded log objects."""
        assert self.base is not None  # noqa: S101
        counted = {segment.name for segment in self.base}
        named = {segment.name: segment for manifest in manifests[::-1] for segment in manifest}
        residues = [segment.residue for segment in lost]
        wanted = None if everywhere else self._wanted()
        for entry in entries:
            name = entry.name
            is_segment = name.startswith(names.SEGMENTS) and name not in counted
            is_folded = name.startswith(names.LOG) and name in self.base.folded
            if name in damaged or not (is_segment or is_folded):
                continue
            found = records_of(self.table.store, name, self.table.families)
            if found is None:
                continue
            if name in named:
                found = found.take(self._living(named[name], found))
            if not everywhere:
                hashes = found.fixed["key_hash"]
                mine = np.zeros(len(hashes), bool)
                for shard, modulus in residues:
                    mine |= hashes % np.uint64(modulus) == shard
                if wanted is not None:
                    mine &= np.isin(hashes, wanted)
                found = found.take(np.flatnonzero(mine))
            if len(found):
                self.older.append(found)
                self.actions.append(Action(name, f"is read again: {len(found):,} records of it may be the last ones"))

    def _wanted(self) -> NDArray[np.uint64] | None:
        """Return the hashes of the keys that are looked for in older objects; None for all, where some are unknown.

        Records of others are not needed, and may be many.
        """
        if any(found.unknown for found in self.rewritten.values()):
            return None
        lost = {key for found in self.rewritten.values() for key in found.lost}
        return names.key_hashes([*lost, *_keys([found.reduced for found in self.rewritten.values()])])

    def _living(self, segment: Segment, found: Records) -> NDArray[np.intp]:
        """Return the rows of an older segment that counted when it did, deletes included."""
        try:
            dead = read_dead(self.table.store, segment)
        except (ObjectNotFound, CorruptObject):
            dead = np.empty(0, np.uint32)
        is_living = np.ones(len(found), bool)
        is_living[dead] = False
        return np.flatnonzero(is_living | (found.fixed["kind"] == DELETE))

    def apply(self) -> Repaired:
        """Do what is planned."""
        for name in self.aside_first:
            self._set_aside(name)
        version = None
        if self.dead or self.rewritten or any(map(len, self._read_anew())):
            made = self.table.commit_draft(self._fill)
            version = None if made is None else made.version
        for _ in range(KEPT_MANIFESTS if self.has_gap else 0):
            made = self.table.commit_draft(lambda *_: True)
            version = None if made is None else made.version
        for name in self.aside_last:
            self._set_aside(name)
        return self.result(version, is_done=True)

    def _read_anew(self) -> list[Records]:
        """Return the records that come back though no segment of the manifest had them."""
        return [*(self.logs[name].records for name in sorted(self.logs)), *self.older, *self._reduced(self.logs)]

    def _reduced(self, found: Mapping[str, Salvaged | SalvagedLog]) -> list[Records]:
        """Return the records that come back without what describes the image, since no older object has all of it."""
        return [still_reduced(found[name].reduced, self.older) for name in sorted(found)]

    def _fill(self, draft: Draft, _: Base) -> bool:
        """Put what was read in the place of what is damaged. Others may have committed since it was planned."""
        there = {segment.name: segment for shard in draft.segments for segment in shard}
        rewritten = {name: found for name, found in self.rewritten.items() if name in there}
        draft.replace(rewritten, ())
        draft.dead |= {name: dead for name, dead in self.dead.items() if name in there}
        # one segment after the other, so that memory holds one; the next ones look into what was made of it
        for name in sorted(rewritten):
            found = salvage(self.table.store, there[name], self.table.families, self.rows_out[name])
            self._fold(draft, [found.records])
        self._fold(draft, [*self._reduced(rewritten), *self._read_anew()])
        return True

    def _fold(self, draft: Draft, parts: Sequence[Records]) -> None:
        records = [part for part in parts if len(part)]
        if records:
            self.table.fold_into(draft, records)
            write_all(self.table.store, self.table.effects, draft.objects)

    def _set_aside(self, name: str) -> None:
        try:
            move(self.table.store, self.table.effects, name, DAMAGED + name)
        except ObjectNotFound:
            return
        except CorruptObject as error:
            self.left.append(name)
            self.actions.append(Action(name, f"stays: it {error.problem}; move it away by hand"))

    def _all_reduced(self) -> list[Records]:
        return [*self._reduced(self.rewritten), *self._reduced(self.logs)]

    def result(self, version: int | None, *, is_done: bool = False) -> Repaired:
        """Return what was done, or is to be done."""
        salvaged: list[Salvaged | SalvagedLog] = [*self.rewritten.values(), *self.logs.values()]
        lost = [key for found in salvaged for key in found.lost]
        reduced = [part.take(np.flatnonzero(part.fixed["kind"] != DELETE)) for part in self._all_reduced()]
        known = _keys([*(found.records for found in self.logs.values()), *reduced, *self.older])
        if is_done:
            texts = [key.decode() for key in lost]
            known = {key.encode() for key in self.table.read(lambda snapshot: snapshot.locate_all(texts))}
        gone = sorted(key.decode() for key in set(lost) - known)
        restored = self.images + sum(_images(found.records) for found in self.logs.values())
        unknown = sum(found.unknown for found in salvaged)
        return Repaired(
            tuple(self.actions),
            restored + sum(map(len, reduced)) + len(set(lost)) - len(gone),
            tuple(gone),
            unknown,
            self.revived,
            version,
            tuple(self.left),
            tuple(sorted(key.decode() for key in _keys(reduced))),
        )


def _damaged(report: Report) -> set[str]:
    """Return the objects whose bytes are not to be believed; what no manifest names may be all that is left."""
    return {
        problem.name
        for problem in report.problems
        if not problem.is_unread
        and (not problem.is_harmless or problem.name.startswith((names.THUMBNAILS, names.IMPORTS)))
    }


def _of_lost(found: SalvagedLog) -> str:
    if found.unknown:
        return f"up to {found.unknown:,} records of it, images or removals, cannot be read"
    return f"of {found.outdated:,} records of it only the keys can be read"


def _of_reduced(found: Salvaged | SalvagedLog) -> str:
    return f", {len(found.reduced):,} of them without what describes them" if len(found.reduced) else ""


def _images(records: Records) -> int:
    """Return the number of records that are no deletes."""
    return int((records.fixed["kind"] != DELETE).sum())


def _keys(parts: Iterable[Records]) -> set[bytes]:
    return {key for part in parts for key in _texts(part).tolist()}


def _texts(records: Records) -> Texts:
    return records.texts["key"]
