"""The newest manifest, and its age by the store's clock."""

from __future__ import annotations

from dataclasses import dataclass

from shards.errors import CorruptObject
from shards.storage.base import Entry, Store
from shards.table.format import names, whole
from shards.table.format.manifest import Manifest

UPLOAD_SECONDS = 30 * 60.0
"""An object that was uploaded so long before the newest manifest is not named by the next one: after an hour it may
be collected, since nothing names it."""


@dataclass(frozen=True, slots=True)
class Base:
    """The newest manifest, which the next commit builds on."""

    manifest: Manifest

    entry: Entry | None
    """The object that it is in; None for version 0, which is not stored."""

    @property
    def modified(self) -> float:
        """When the store created the manifest, in seconds since 1970; 0 for version 0."""
        return 0.0 if self.entry is None else self.entry.modified

    def may_name(self, uploaded: float) -> bool:
        """Return True if the next manifest may name an object that was created at `uploaded` (s since 1970).

        Goes by the store's clock alone. A collector deletes an unnamed object only where a manifest is over an hour
        younger and does not name it either: a commit that builds on that manifest, or on a later one, is refused
        here, and a commit that builds on an earlier one finds its version taken.
        """
        return self.modified - uploaded <= UPLOAD_SECONDS


def newest(store: Store, shards: int, known: Base | None = None, *, index: str = "") -> Base:
    """Return the newest manifest of the index with this id; version 0 with `shards` shards where there is none.

    `known`: what was read or created before; it is not read again where it is still the newest object.
    """
    for entry in store.list(names.MANIFEST, limit=1):
        if known is not None and known.entry == entry:
            return known
        return Base(read_manifest(store, entry.name, index), entry)
    return Base(Manifest.empty(shards, index), None)


def read_manifest(store: Store, name: str, index: str) -> Manifest:
    """Return the manifest in the object `name`, which has to be of the index with this id."""
    return of_index(Manifest.from_bytes(whole.get(store, name), name), index, name)


def of_index(manifest: Manifest, index: str, name: str) -> Manifest:
    """Return this manifest, from the object `name`. Raises CorruptObject unless it is of the index with this id."""
    if manifest.index != index:
        raise CorruptObject(name, f"is of index {manifest.index!r}, and lies in index {index!r}")
    return manifest
