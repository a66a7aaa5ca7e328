"""What a commit may leave out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from shards.errors import Conflict, Undecided
from shards.storage import deciding
from shards.storage.base import Data, Entry, Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.table import table
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.records import Records
from shards.table.maintain.committing import CommittingTable
from shards.table.read.newest import Base
from shards.table.write import commit
from shards.table.write.commit import Commit
from shards.table.write.draft import Draft


def both(*changes: AbstractContextManager[object]) -> AbstractContextManager[object]:
    """Change several places at once."""
    stack = ExitStack()
    for change in changes:
        stack.enter_context(change)
    return stack


def a_commit_does_not_look_back() -> AbstractContextManager[object]:
    """Its number may have been free again, or its place another index's, when it created the manifest."""

    def placed(self: Commit, base: Base, made: Manifest) -> Entry | None:
        return next(iter(self.store.list(names.manifest(made.version), limit=1)), None)

    return patch.object(Commit, "_placed", placed)


def nobody_looks_how_old() -> AbstractContextManager[object]:
    """A commit that looks how old its objects are notices that it took over an old one."""
    return patch.object(Commit, "_went_back", lambda *_: False)


def a_version_that_is_there_counts_as_ones_own() -> AbstractContextManager[object]:
    """The other commit's changes stay, and one's own are lost."""

    def create(self: Commit, manifest: Manifest) -> bool:
        write_once(self.store, self.effects, names.manifest(manifest.version), manifest.to_bytes())
        return True

    return patch.object(Commit, "_create", create)


def a_commit_does_not_ask_how_old_an_upload_is() -> AbstractContextManager[object]:
    """It may have been collected before the newest manifest was read."""
    return patch.object(Base, "may_name", lambda self, uploaded: True)


def a_commit_that_loses_the_race_takes_the_next_number() -> AbstractContextManager[object]:
    """It was built on what was the newest before the winner's."""
    create = Commit._create

    def onwards(self: Commit, manifest: Manifest) -> bool:
        while not create(self, manifest):
            manifest = replace(manifest, version=manifest.version + 1)
        return True

    return both(patch.object(Commit, "_create", onwards), a_commit_does_not_look_back())


def what_nobody_knows_counts_as_done() -> AbstractContextManager[object]:
    """The request may never have arrived."""

    def decide(effects: Effects, attempt: Callable[[], object]) -> object:
        try:
            return attempt()
        except Undecided:
            return True

    return patch.object(deciding, "decide", decide)


def what_nobody_knows_counts_as_refused() -> AbstractContextManager[object]:
    """It may have been done."""

    def decide(effects: Effects, attempt: Callable[[], object]) -> object:
        try:
            return attempt()
        except Undecided as error:
            raise Conflict(f"{error}: the store failed") from error

    return patch.object(deciding, "decide", decide)


def the_manifest_is_created_before_its_objects() -> AbstractContextManager[object]:
    """Who creates them may die in between."""
    create, write_all = Commit._create, commit.write_all
    waiting: dict[Effects, Mapping[str, Data]] = {}

    def later(store: Store, effects: Effects, objects: Mapping[str, Data]) -> None:
        waiting[effects] = objects

    def first(self: Commit, manifest: Manifest) -> bool:
        created = create(self, manifest)
        if created:
            write_all(self.store, self.effects, waiting.pop(self.effects, {}))
        return created

    return both(patch.object(commit, "write_all", later), patch.object(Commit, "_create", first))


def log_objects_are_deleted_before_the_fold_is_committed() -> AbstractContextManager[object]:
    """The fold may lose the race, or die."""
    fold = CommittingTable._fold

    def early(self: CommittingTable, draft: Draft, batches: Mapping[str, Records], *others: Any) -> None:
        fold(self, draft, batches, *others)
        self.store.delete(list(batches))

    return patch.object(CommittingTable, "_fold", early)


def names_are_made_of_the_content_alone() -> AbstractContextManager[object]:
    """A commit takes over an orphan of the same content, at the moment when it is collected."""
    name = names.segment
    return both(
        patch.object(names, "segment", lambda shard, body, mark: name(shard, body, "0" * 16)), nobody_looks_how_old()
    )


def names_of_dead_lists_are_made_of_the_content_alone() -> AbstractContextManager[object]:
    """Two segments may have the same rows dead, one of them until now."""
    name = names.dead
    return both(patch.object(names, "dead", lambda body, mark: name(body, "0" * 16)), nobody_looks_how_old())


def nobody_asks_whether_the_store_creates_only_if_absent() -> AbstractContextManager[object]:
    """A store that overwrites tells every creator that it was the first."""
    return patch.object(table, "check_conditional_create", lambda *_: None)
