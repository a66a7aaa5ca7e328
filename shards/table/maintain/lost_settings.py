"""An index whose `index.json` is damaged or gone: what the other objects still say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice

import numpy as np

from shards.errors import CorruptObject, IndexExists, IndexNotFound, ObjectNotFound, QueryError
from shards.families import family
from shards.pictures.settings import PictureSettings
from shards.storage.base import Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.storage.moving import move
from shards.storage.prefixed import PrefixedStore
from shards.table.format import names, whole
from shards.table.format.columns import CHECKS, decode
from shards.table.format.manifest import Manifest
from shards.table.format.records import FIXED
from shards.table.format.settings import FORMAT_1, THUMBNAIL, IndexSettings
from shards.table.maintain.verify import DAMAGED
from shards.table.read.newest import read_manifest

MAX_FOLDERS = 1000
"""Folders of a store that are looked into for an index that has lost its settings."""

FEW_FOLDERS = 20
"""The same before an index is made: its place is new, or holds an index, and seldom much else."""

MAX_OBJECTS = 10_000
"""Objects outside of folders, one after the other, that are passed over."""


def find(store: Store) -> IndexSettings:
    """Return the settings of the index in this store, from its newest manifest and its log.

    How pictures are decoded, and how large segments become, stands nowhere else: those are the defaults. Raises
    IndexNotFound where nothing is left of an index.
    """
    newest: tuple[float, IndexSettings] | None = None
    for identity in _ids(store, MAX_FOLDERS):
        data = PrefixedStore(store, identity) if identity else store
        found = _settings(data, identity)
        if found is not None and (newest is None or found[0] > newest[0]):
            newest = found
    if newest is None:
        raise IndexNotFound(
            f"{store.url}: nothing is left by which {names.SETTINGS} could be made anew: no manifest and no log object"
            " can be read; restore it from a copy"
        )
    return newest[1]


def check_none(store: Store) -> None:
    """Raise IndexExists where an index lies that has lost its settings: a new one would hide it from everybody."""
    for identity in _ids(store, FEW_FOLDERS):
        data = PrefixedStore(store, identity) if identity else store
        if any(data.list(names.MANIFEST, limit=1)) and not any(store.list(names.SETTINGS, limit=1)):
            raise IndexExists(
                f"{store.url} has the objects of an index, and no {names.SETTINGS}: 'lookalike verify --repair"
                f" {store.url}' writes that anew, unless a copying is still to be ended; or choose another place"
            )


def restore(store: Store, settings: IndexSettings, effects: Effects) -> None:
    """Write these settings; a damaged `index.json` is moved to `damaged/` before."""
    with suppress(ObjectNotFound):
        move(store, effects, names.SETTINGS, DAMAGED + names.SETTINGS)
    if not write_once(store, effects, names.SETTINGS, settings.to_bytes()):
        raise CorruptObject(names.SETTINGS, "was written by somebody else meanwhile")


def _ids(store: Store, folders: int) -> Iterator[str]:
    """Yield the ids of indexes that may lie here; "" for one of format 1, whose objects lie in no folder.

    Takes a request for each folder, of which so many are looked at.
    """
    after = ""
    yield ""
    for _ in range(folders):
        for entry in islice(store.list(after=after), MAX_OBJECTS):
            folder, slash, _rest = entry.name.partition("/")
            if slash:
                break
        else:
            return
        if names.is_id(folder):
            yield folder
        # the character after "/": the next name is in another folder
        after = f"{folder}0"


def _settings(data: Store, identity: str) -> tuple[float, IndexSettings] | None:
    """Return the settings by the newest manifest that can be read, or a log object, and the time of that object."""
    for entry in data.list(names.MANIFEST):
        try:
            manifest = read_manifest(data, entry.name, identity)
        except (ObjectNotFound, CorruptObject):
            continue
        columns = [{name: c.dtype for name, c in segment.columns.items()} for segment in manifest]
        found = _of(columns[0] if columns else _logged(data), manifest, identity, data)
        return None if found is None else (entry.modified, found)
    found = _of(_logged(data), Manifest.empty(1, identity), identity, data)
    return None if found is None else (0.0, found)


def _logged(data: Store) -> Mapping[str, np.dtype[np.void]]:
    """Return the types of the columns of a log object that can be read."""
    for entry in data.list(names.LOG):
        try:
            return {name: column.dtype for name, column in decode(entry.name, whole.get(data, entry.name)).items()}
        except (ObjectNotFound, CorruptObject):
            continue
    return {}


def _of(
    columns: Mapping[str, np.dtype[np.void]], manifest: Manifest, identity: str, data: Store
) -> IndexSettings | None:
    """Return the settings of an index whose segments or log objects have these columns; None where none tell them."""
    families = [name for name in columns if name not in FIXED and name != CHECKS and "." not in name]
    if not families:
        return None
    unknown = [name for name in families if not _is_known(name, columns[name])]
    if unknown:
        # settings without a family would let the next merge leave its signatures out
        raise IndexNotFound(
            f"{data.url}: its objects have signatures of {', '.join(unknown)}, which are not installed here: install"
            f" what the index was made with, or restore {names.SETTINGS} from a copy"
        )
    has_thumbnails = next(iter(data.list(names.THUMBNAILS, limit=1)), None) is not None
    return IndexSettings(
        tuple(families),
        manifest.shards,
        pictures=PictureSettings() if identity else FORMAT_1,
        thumbnails=THUMBNAIL if has_thumbnails else 0,
        id=identity,
    )


def _is_known(name: str, dtype: np.dtype[np.void]) -> bool:
    try:
        return family(name).dtype == dtype
    except QueryError:
        return False
