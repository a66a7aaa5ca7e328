"""What a commit may leave out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from shards.errors import Conflict, Undecided
from shards.storage.base import Data, Store
from shards.storage.effects import Effects
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.records import Records
from shards.table.maintain.committing import CommittingTable
from shards.table.read.newest import Base
from shards.table.write import commit
from shards.table.write.commit import write_once
from shards.table.write.draft import Draft


def a_version_that_is_there_counts_as_ones_own() -> AbstractContextManager[object]:
    """The other commit's changes stay, and one's own are lost."""

    def create(store: Store, effects: Effects, manifest: Manifest) -> bool:
        write_once(store, effects, names.manifest(manifest.version), manifest.to_bytes())
        return True

    return patch.object(commit, "_create", create)


def a_commit_does_not_ask_how_old_an_upload_is() -> AbstractContextManager[object]:
    """It may have been collected before the newest manifest was read."""
    return patch.object(Base, "may_name", lambda self, uploaded: True)


def a_commit_that_loses_the_race_takes_the_next_number() -> AbstractContextManager[object]:
    """It was built on what was the newest before the winner's."""
    create = commit._create

    def onwards(store: Store, effects: Effects, manifest: Manifest) -> bool:
        while not create(store, effects, manifest):
            manifest = replace(manifest, version=manifest.version + 1)
        return True

    return patch.object(commit, "_create", onwards)


def what_nobody_knows_counts_as_done() -> AbstractContextManager[object]:
    """The request may never have arrived."""

    def decide(effects: Effects, attempt: Callable[[], object]) -> object:
        try:
            return attempt()
        except Undecided:
            return True

    return patch.object(commit, "decide", decide)


def what_nobody_knows_counts_as_refused() -> AbstractContextManager[object]:
    """It may have been done."""

    def decide(effects: Effects, attempt: Callable[[], object]) -> object:
        try:
            return attempt()
        except Undecided as error:
            raise Conflict(f"{error}: the store failed") from error

    return patch.object(commit, "decide", decide)


def the_manifest_is_created_before_its_objects() -> AbstractContextManager[object]:
    """Who creates them may die in between."""
    create, write_all = commit._create, commit.write_all
    waiting: dict[Effects, Mapping[str, Data]] = {}

    def later(store: Store, effects: Effects, objects: Mapping[str, Data]) -> None:
        waiting[effects] = objects

    def first(store: Store, effects: Effects, manifest: Manifest) -> bool:
        created = create(store, effects, manifest)
        if created:
            write_all(store, effects, waiting.pop(effects, {}))
        return created

    stack = ExitStack()
    stack.enter_context(patch.object(commit, "write_all", later))
    stack.enter_context(patch.object(commit, "_create", first))
    return stack


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
    return patch.object(names, "segment", lambda shard, body, mark: name(shard, body, ""))


def names_of_dead_lists_are_made_of_the_content_alone() -> AbstractContextManager[object]:
    """Two segments may have the same rows dead, one of them until now."""
    name = names.dead
    return patch.object(names, "dead", lambda body, mark: name(body, ""))
