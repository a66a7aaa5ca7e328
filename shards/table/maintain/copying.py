"""Copying: a snapshot of one index becomes another index, beside living writers, in any other store.

A copy is one manifest without a tail: what the log holds beyond the newest manifest is folded on the way. So a copy
that is brought up to date changes in one step, and each manifest that a copying made is a point in time of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from shards.errors import (
    Conflict,
    CorruptObject,
    IndexExists,
    IndexNotFound,
    IndexReplaced,
    ObjectNotFound,
    QueryError,
)
from shards.storage.base import Entry, Store
from shards.storage.deciding import write_all, write_once
from shards.storage.effects import Effects
from shards.storage.patient import PatientStore
from shards.storage.probe import check_conditional_create
from shards.table.format import copies, names, settings, whole
from shards.table.format.columns import decode
from shards.table.format.copies import Begun
from shards.table.format.manifest import Manifest, dead_size
from shards.table.format.records import Records
from shards.table.format.settings import IndexSettings
from shards.table.maintain import collect
from shards.table.maintain.collect_thumbnails import collect_thumbnails
from shards.table.maintain.committing import CommittingTable, fold_bytes
from shards.table.maintain.transfer import NOTES, Tally, Transfer, VanishedError
from shards.table.read.newest import Base, newest, read_manifest
from shards.table.table import MEMORY
from shards.table.write.draft import Draft

FORMAT_1 = "1"
"""Stands for the id of an index of format 1, which has none."""

MISSING = 3
"""Snapshots in a row that need an object that is not there, before it is called missing, and not just collected."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point in time that a copy holds: one of its manifests."""

    version: int
    """Version of the manifest."""

    time: float
    """When the copy was made, in seconds since 1970 by the store's clock."""

    images: int
    """Images at that time."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of a copying."""

    id: str
    """Id of the copy."""

    version: int
    """Version of its newest manifest, the point in time that the copy is at now."""

    images: int
    """Images that the copy has."""

    objects: int
    """Objects that were copied."""

    size: int
    """Bytes of those objects."""

    there: int
    """Objects that the copy had already."""

    damaged: tuple[str, ...]
    """Thumbnails, and notes of imports, that were left out since they are damaged; no search needs them."""


@dataclass(frozen=True, slots=True)
class State:
    """A snapshot of an index, as names of objects."""

    manifest: Manifest

    tail: tuple[Entry, ...]
    """Log objects that the manifest has not folded."""

    notes: tuple[Entry, ...]
    """Notes of false rates, and of imports. Those that say that an import is complete were there before the rest was
    listed."""

    @property
    def digest(self) -> str:
        """A digest by which the same state is known again."""
        parts = [f"{self.manifest.version}", self.manifest.commit_id, *sorted(entry.name for entry in self.tail)]
        return names.digest("\n".join(parts).encode())


def copy(
    source: Store,
    destination: Store,
    effects: Effects,
    *,
    point: int | None = None,
    replacing: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Copied:
    """Make the index in `destination` a copy of the one in `source`, or bring a copy up to date that is there.

    Interrupted at any moment, the same call goes on. Objects that the copy has are not copied again. `point`: version
    of the source's manifest to copy, one of `points`; the present state unless given. `replacing`: put the copy in the
    place of whatever index is there, which is deleted in the end. `progress` gets (bytes done, bytes known to be done).

    Raises IndexNotFound, IndexExists where another index is, CorruptObject where the source is damaged (nothing is
    changed then), Conflict where somebody else changes the copy meanwhile, and IndexReplaced where the source was
    replaced by another index.
    """
    ways = PatientStore(source, effects), PatientStore(destination, effects)
    try:
        return _Copying(*ways, effects, point, replacing, Tally(progress)).run()
    except ObjectNotFound as error:
        # of the copy: what vanishes in the source is known there
        raise _conflict(destination) from error


def points(store: Store) -> list[Point]:
    """Return the points in time that the copy in this store holds, the newest first; none for what is no copy."""
    chosen = settings.read(store)
    data = chosen.data(store)
    held: list[Point] = []
    for entry in list(data.list(names.MANIFEST)):
        try:
            manifest = read_manifest(data, entry.name, chosen.id)
        except ObjectNotFound:
            continue  # collected meanwhile
        if chosen.id and copies.read_made(store, manifest) is not None:
            held.append(Point(manifest.version, entry.modified, manifest.live))
    return held


class _Copying:
    def __init__(
        self, source: Store, destination: Store, effects: Effects, point: int | None, replacing: bool, tally: Tally
    ) -> None:
        self.source = source
        self.settings = settings.read(source)
        self.data = self.settings.data(source)
        self.destination = destination
        self.effects = effects
        self.point = point
        self.tally = tally
        there = _settings_at(destination)
        self._check_apart(there)
        self.begun = self._begin(there, replacing)
        self.copied = replace(self.settings, id=self.begun.id)
        self.table = CommittingTable(destination, self.copied, effects=effects)
        self.transfer = Transfer(self.data, self.table.store, effects, tally)

    def run(self) -> Copied:
        check_conditional_create(self.table.store, self.effects, self.destination.url)
        gone: Counter[str] = Counter()
        while True:
            try:
                # the copy first: a slow process must not put an older state over what a faster one has made
                base = newest(self.table.store, self.copied.shards, index=self.copied.id)
                made = self._bring(self._state(), base)
                break
            except VanishedError as error:
                # what was copied already is not copied again
                gone[error.name] += 1
                if gone[error.name] == MISSING:
                    raise CorruptObject(error.name, "is needed by the newest manifest, and is missing") from None
        self._publish()
        self._tidy()
        return Copied(
            self.begun.id,
            made.version,
            made.live,
            self.tally.objects,
            self.tally.size,
            self.tally.there,
            tuple(self.tally.damaged),
        )

    def _check_apart(self, there: IndexSettings | None) -> None:
        """Raise QueryError if both places hold one index, however their addresses are written."""
        # indexes of format 1 have no id
        is_same = there == self.settings and (
            there.format > 1 or _newest_bytes(self.data) == _newest_bytes(self.destination)
        )
        if is_same:
            raise QueryError(
                f"{self.source.url} and {self.destination.url} hold the same index: copy to another place, or delete"
                " one of them"
            )

    def _begin(self, there: IndexSettings | None, replacing: bool) -> Begun:
        """Return the copy that is to be made, or brought up to date. Raises IndexExists where another index is."""
        # an index of format 1 has no id: it is known by its address
        source = self.settings.id or self.source.url
        there_id = "" if there is None else there.id or FORMAT_1
        begun_here = copies.all_begun(self.destination, "" if replacing else there_id)
        known = [begun for begun in begun_here if begun.source == source and self._is_untouched(begun)]
        for begun in known:
            if begun.id == there_id:
                return begun
        if there_id and not replacing:
            raise IndexExists(
                f"{self.destination.url} is an index already, and no copy of {self.source.url}, or one that was changed"
                " since: choose another place, or say --replace to have it deleted when the copy is made"
            )
        for begun in known:
            if there_id in ("", begun.replaces):
                return begun
        begun = Begun(settings.new_id(self.effects), source, there_id)
        copies.write_begun(self.destination, self.effects, begun)
        return begun

    def _is_untouched(self, begun: Begun) -> bool:
        """Return True if nobody but copyings has changed this copy."""
        data = replace(self.settings, id=begun.id).data(self.destination)
        if any(data.list(names.LOG, limit=1)):
            return False
        base = newest(data, self.settings.shards, index=begun.id)
        return base.entry is None or self._made_from(data, base.manifest) is not None

    def _made_from(self, data: Store, manifest: Manifest) -> str | None:
        """Return the digest of what this manifest of a copy was made from; None where no copying made it.

        A collector may have created manifests since that change nothing.
        """
        state = copies.read_made(self.destination, manifest)
        older = iter(data.list(names.MANIFEST, after=names.manifest(manifest.version)))
        while state is None and (entry := next(older, None)) is not None:
            before = read_manifest(data, entry.name, manifest.index)
            if before.segments != manifest.segments:
                break
            state = copies.read_made(self.destination, before)
        return state

    def _state(self) -> State:
        """Return a snapshot: the log is listed first, as by every reader. Raises VanishedError."""
        if settings.read(self.source) != self.settings:
            raise IndexReplaced(self.source.url)
        try:
            # first of all: when it is noted that an import is complete, all its records are there
            listed_notes = (entry for prefix in NOTES for entry in self.data.list(prefix))
            notes = tuple(entry for entry in listed_notes if names.is_own(entry.name))
            if self.point is not None:
                return State(self._at(self.point), (), tuple(note for note in notes if not names.is_done(note.name)))
            listed = list(self.data.list(names.LOG))
            manifest = newest(self.data, self.settings.shards, index=self.settings.id).manifest
        except ObjectNotFound as error:
            raise VanishedError(error.name) from None
        return State(manifest, tuple(entry for entry in listed if entry.name not in manifest.folded), notes)

    def _at(self, point: int) -> Manifest:
        held = points(self.source)
        if point not in [each.version for each in held]:
            versions = ", ".join(str(each.version) for each in held) or "none"
            raise QueryError(f"{self.source.url} holds no point {point} in time; it holds {versions}")
        return read_manifest(self.data, names.manifest(point), self.settings.id)

    def _bring(self, state: State, base: Base) -> Manifest:
        """Bring the copy to this state, and return its manifest. Raises VanishedError."""
        made_from = None if base.entry is None else self._made_from(self.table.store, base.manifest)
        if base.entry is not None and made_from is None:
            raise _conflict(self.destination)  # somebody has written to the copy since this began
        if made_from == state.digest and self._is_complete(base.manifest):
            # nothing has changed, or an earlier call did not come to its end
            self.transfer.thumbnails()
            self.transfer.notes(state.notes)
            return base.manifest
        self.transfer.segments({segment.name: segment.size for segment in state.manifest})
        self.transfer.dead(
            {segment.dead_object: dead_size(segment) for segment in state.manifest if segment.dead_object}
        )
        manifest = self._folded(state, base)
        self.transfer.thumbnails()
        self._create(manifest, base, state)
        self.transfer.notes(state.notes)
        return manifest

    def _folded(self, state: State, base: Base) -> Manifest:
        """Return the manifest of the copy, with the tail folded into it; the segments of that are created."""
        commit_id = f"{self.effects.random():016x}"
        before, created = base.manifest.version, self.table.clock.now_ns() // 10**6
        manifest = replace(
            state.manifest, version=before, commit_id=commit_id, created=created, folded={}, index=self.copied.id
        )
        for part in _parts(state.tail, fold_bytes(MEMORY)):
            self.tally.expect(sum(entry.size for entry in part))
            draft = Draft.of(manifest, commit_id=commit_id, now_ms=created)
            self.table.fold_into(draft, self.transfer.map(self._records, part))
            change = draft.change()
            write_all(self.table.store, self.effects, change.objects)
            for data in change.objects.values():
                self.tally.created(len(data))
            manifest = replace(change.manifest, version=before)
        return replace(manifest, version=before + 1, folded={})

    def _records(self, entry: Entry) -> Records:
        data = self.transfer.log(entry.name)
        self.tally.advance(len(data))
        return Records.from_columns(decode(entry.name, data), self.table.families, entry.name)

    def _create(self, manifest: Manifest, base: Base, state: State) -> None:
        """Create the manifest. Raises Conflict unless it is what the copy goes on from."""
        store, name = self.table.store, names.manifest(manifest.version)
        copies.write_made(self.destination, self.effects, manifest, state.digest)
        body = manifest.to_bytes()
        is_ours = write_once(store, self.effects, name, body) or _stored(store, name) == body
        listed = list(store.list(names.MANIFEST, limit=2))
        before = [] if base.entry is None else [base.entry]
        if not is_ours or [entry.name for entry in listed[:1]] != [name] or listed[1:] != before:
            raise _conflict(self.destination)
        if not self._is_complete(manifest):
            raise _conflict(self.destination)

    def _is_complete(self, manifest: Manifest) -> bool:
        """Return True if everything is there that this manifest of the copy names."""
        store = self.table.store
        there = {entry.name for prefix in (names.SEGMENTS, names.DEAD) for entry in store.list(prefix)}
        return all(name in there for segment in manifest for name in (segment.name, segment.dead_object) if name)

    def _publish(self) -> None:
        """Make the copy the index that is found at its place. Raises Conflict where another one became that."""
        there = _settings_at(self.destination)
        if there == self.copied:
            return
        is_wanted = copies.read_begun(self.destination, self.begun.id) is not None
        if not is_wanted or (there is not None and (there.id or FORMAT_1) != self.begun.replaces):
            raise _conflict(self.destination)
        if there is not None:
            self.destination.delete([names.SETTINGS])
        body = self.copied.to_bytes()
        is_ours = write_once(self.destination, self.effects, names.SETTINGS, body)
        if not is_ours and _stored(self.destination, names.SETTINGS) != body:
            raise _conflict(self.destination)

    def _tidy(self) -> None:
        """Delete what nobody needs any more: an index that was replaced, copies in vain, and old points in time."""
        # a copy that was to replace something else than this index can become one no more
        vain = {begun.id for begun in copies.all_begun(self.destination) if begun.replaces != self.begun.id}
        for index in {*vain, self.begun.replaces} - {self.begun.id, ""}:
            _delete_all(self.destination, f"{names.COPIES}{index}/")
            data = replace(self.copied, id="" if index == FORMAT_1 else index).data(self.destination)
            # not what asks the store whether it is fit: whoever asks now would think that it is not
            for prefix in [names.LOG, names.MANIFEST, names.SEGMENTS, names.DEAD, names.THUMBNAILS, names.IMPORTS]:
                _delete_all(data, prefix)
        self._collect()
        if self.tally.extra:
            collect_thumbnails(self.table)
        *_, oldest = self.table.store.list(names.MANIFEST)
        copies.forget(self.destination, self.begun.id, oldest.name)

    def _collect(self) -> None:
        """Collect, and note the manifests without changes that this makes: in the end only those may be left."""
        before = newest(self.table.store, self.copied.shards, index=self.copied.id).manifest
        state = self._made_from(self.table.store, before)
        collect.collect(self.table)
        after = newest(self.table.store, self.copied.shards, index=self.copied.id).manifest
        is_noted = copies.read_made(self.destination, after) is not None
        if state is not None and not is_noted and after.segments == before.segments:
            copies.write_made(self.destination, self.effects, after, state)


def _conflict(store: Store) -> Conflict:
    return Conflict(f"{store.url}: another process changed the copy while it was made; run the same command again")


def _settings_at(store: Store) -> IndexSettings | None:
    try:
        return settings.read(store)
    except IndexNotFound:
        return None


def _stored(store: Store, name: str) -> bytes | None:
    try:
        return bytes(whole.get(store, name))
    except ObjectNotFound:
        return None


def _newest_bytes(store: Store) -> bytes:
    """Return the newest manifest of an index, as it is stored; nothing where there is none."""
    for entry in store.list(names.MANIFEST, limit=1):
        return bytes(whole.get(store, entry.name))
    return b""


def _parts(tail: Sequence[Entry], limit: int) -> Iterator[list[Entry]]:
    """Yield log objects in parts that are folded at a time: of `limit` bytes, or one object."""
    part: list[Entry] = []
    for entry in tail:
        if part and sum(each.size for each in part) + entry.size > limit:
            yield part
            part = []
        part.append(entry)
    if part:
        yield part


def _delete_all(store: Store, prefix: str) -> None:
    """Delete all objects of an index whose names begin so, a thousand at a time."""
    listed = (entry for entry in store.list(prefix) if names.is_own(entry.name))
    while batch := [entry.name for entry in islice(listed, 1000)]:
        store.delete(batch)
