"""The newest manifest, and its age by the store's clock."""

from __future__ import annotations

from dataclasses import dataclass

from shards.storage.base import Store
from shards.table.format import names
from shards.table.format.manifest import Manifest

UPLOAD_SECONDS = 30 * 60.0
"""An object that was uploaded so long before the newest manifest is not named by the next one: after an hour it may
be collected, since nothing names it."""


@dataclass(frozen=True, slots=True)
class Base:
    """The newest manifest, which the next commit builds on."""

    manifest: Manifest

    modified: float
    """When the store created the manifest, in seconds since 1970; 0 for version 0, which is not stored."""

    def may_name(self, uploaded: float) -> bool:
        """Return True if the next manifest may name an object that was created at `uploaded` (s since 1970).

        Goes by the store's clock alone. A collector deletes an unnamed object only where a manifest is over an hour
        younger and does not name it either: a commit that builds on that manifest, or on a later one, is refused
        here, and a commit that builds on an earlier one finds its version taken.
        """
        return self.modified - uploaded <= UPLOAD_SECONDS


def newest(store: Store, shards: int, known: Manifest | None = None) -> Base:
    """Return the newest manifest, or version 0 with `shards` shards where there is none.

    `known`: a manifest that was read or created before; it is not read again where it is still the newest.
    """
    for entry in store.list(names.MANIFEST, limit=1):
        if known is not None and entry.name == names.manifest(known.version):
            return Base(known, entry.modified)
        return Base(Manifest.from_bytes(store.get(entry.name), entry.name), entry.modified)
    return Base(Manifest.empty(shards), 0.0)
