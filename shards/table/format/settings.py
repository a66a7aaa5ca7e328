"""The settings of an index, decided once when it is created: `index.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from shards.errors import CorruptObject, FormatUnsupported, IndexExists, IndexNotFound, ObjectNotFound, QueryError
from shards.families import DEFAULT, Family, family
from shards.pictures.depths import Depth
from shards.pictures.settings import Alpha, Exif, Frame, PictureSettings
from shards.storage.base import Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.storage.prefixed import PrefixedStore
from shards.storage.probe import check_conditional_create
from shards.table.format import envelope, layout, names, whole
from shards.table.format.fields import Fields

SEGMENT_ROWS = 1 << 20
"""Rows that a segment grows to: larger ones cost fewer requests a query, smaller ones spread better over workers."""

THUMBNAIL = 256
"""Pixels of a thumbnail's longer side: enough for a grid on a dense screen, in 5 to 10 KB."""


FORMAT_1 = PictureSettings(depth="clip", frame="first")
"""How pictures are decoded for an index of format 1, and for one of format 2 that does not say otherwise."""

SINCE_FORMAT_2 = (layout.DEPTH, layout.FRAME)
"""Of these settings, those that format 1 does not say; each is the need of an index where it is another."""

MAX_FAMILIES = 256

FAMILY_NAME = re.compile("[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The settings of an index."""

    families: tuple[str, ...] = DEFAULT
    """Names of the families; the first is searched unless a question names another."""

    shards: int = 1
    """Number of shards at the start; resharding makes more."""

    segment_rows: int = SEGMENT_ROWS
    """Rows that a segment grows to by merging."""

    pictures: PictureSettings = FORMAT_1
    """How images are decoded."""

    thumbnails: int = THUMBNAIL
    """Pixels of the longer side of the small copy that is kept of each image; 0 for none."""

    id: str = ""
    """16 hex digits, drawn at random when the index was made: they tell it from every other index at the same place,
    and are the folder of all its other objects. Empty in format 1, whose objects lie beside `index.json`."""

    def __post_init__(self) -> None:
        if not self.families or len(set(self.families)) != len(self.families):
            raise QueryError(f"families {list(self.families)}: an index needs one or more, each once")
        for name in self.families:
            family(name)
        if not 1 <= self.shards <= names.MAX_SHARDS:
            raise QueryError(f"shards is {self.shards}: an index has 1 to {names.MAX_SHARDS:,}")
        if not 1 <= self.segment_rows <= 1 << 22:
            raise QueryError(f"segment_rows is {self.segment_rows}: a segment has 1 to 4,194,304 rows")
        if not 0 <= self.thumbnails <= 2048:
            raise QueryError(f"thumbnails is {self.thumbnails}: a thumbnail has 1 to 2,048 pixels, 0 is none")
        if self.id and not names.is_id(self.id):
            raise QueryError(f"id is {self.id!r}: an index has 16 hex digits for an id")

    @property
    def format(self) -> int:
        """The version of the format of all that the index stores."""
        return 2 if self.id else 1

    def data(self, store: Store) -> Store:
        """Return the place of all objects of the index but `index.json`, which lies in `store`."""
        return PrefixedStore(store, self.id) if self.id else store

    @property
    def needs(self) -> tuple[str, ...]:
        """What readers have to know; an older one would decode questions otherwise than the images of the index."""
        return tuple(name for name in SINCE_FORMAT_2 if getattr(self.pictures, name) != getattr(FORMAT_1, name))

    def to_bytes(self) -> bytes:
        pictures = asdict(self.pictures)
        if not self.id:
            for name in SINCE_FORMAT_2:
                if pictures.pop(name) != (usual := getattr(FORMAT_1, name)):
                    raise QueryError(f"{name} is not {usual!r}: an index of format 1 knows no other")
        return envelope.seal(
            {
                "format": self.format,
                **({"id": self.id} if self.id else {}),
                **({"needs": list(self.needs)} if self.needs else {}),
                "families": [{"name": name, "version": family(name).version} for name in self.families],
                "shards": self.shards,
                "segment_rows": self.segment_rows,
                "pictures": pictures,
                "thumbnails": self.thumbnails,
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any], where: str) -> IndexSettings:
        """Return the settings in the document of the index at this address. Raises CorruptObject, FormatUnsupported."""
        try:
            return cls._from_fields(Fields(document), where)
        except ValueError as error:
            raise CorruptObject(names.SETTINGS, f"its contents are no settings: {error}") from error

    @classmethod
    def _from_fields(cls, fields: Fields, where: str) -> IndexSettings:
        chosen = []
        for stored in fields.objects("families", MAX_FAMILIES):
            name, version = stored.text("name", FAMILY_NAME), stored.integer("version", 1, 1 << 31)
            known = family(name).version
            if version != known:
                raise FormatUnsupported(
                    f"{where} has signatures of {name} version {version}, this release computes"
                    f" version {known}: open it with the release that made it, or index the pictures anew"
                )
            chosen.append(name)
        pictures, written = fields.nested("pictures"), fields.integer("format", 1, 2)
        # the first indexes of format 2 did not say all of them
        later = {name for name in SINCE_FORMAT_2 if written > 1 and name in pictures}
        return cls(
            tuple(chosen),
            fields.integer("shards", 1, names.MAX_SHARDS),
            fields.integer("segment_rows", 1, 1 << 22),
            PictureSettings(
                exif=pictures.choice("exif", get_args(Exif)),
                alpha=pictures.choice("alpha", get_args(Alpha)),
                depth=pictures.choice("depth", get_args(Depth)) if "depth" in later else FORMAT_1.depth,
                frame=pictures.choice("frame", get_args(Frame)) if "frame" in later else FORMAT_1.frame,
                max_bytes=pictures.integer("max_bytes", 0, 1 << 53),
                max_pixels=pictures.integer("max_pixels", 0, 1 << 53),
            ),
            fields.integer("thumbnails", 0, 2048, 0),
            fields.text("id", names.ID) if written > 1 else "",
        )

    def load_families(self) -> list[Family]:
        """Return the families themselves."""
        return [family(name) for name in self.families]


def create(store: Store, settings: IndexSettings, effects: Effects) -> None:
    """Make an index in this store. Raises IndexExists, or StoreUnfit for a store that is no place for one."""
    body = settings.to_bytes()
    # looked at before anything is written: a probe does not belong into somebody's index
    there = _stored(store)
    if there is None:
        check_conditional_create(settings.data(store), effects, store.url)
        if write_once(store, effects, names.SETTINGS, body):
            return
        there = _stored(store)
    # the answer to a first attempt may have been lost: by its id an index of format 2 knows itself
    if not settings.id or there != body:
        raise IndexExists(f"{store.url} is an index already: open it, or choose another place")


def new_id(effects: Effects) -> str:
    """Return an id for a new index."""
    return f"{effects.random():016x}"


def read(store: Store) -> IndexSettings:
    """Return the settings of the index in this store. Raises IndexNotFound."""
    data = _stored(store)
    if data is None:
        raise IndexNotFound(
            f"{store.url} is not an index (it has no {names.SETTINGS}): make one with 'lookalike create {store.url}'"
        )
    return IndexSettings.from_json(envelope.unseal(data, names.SETTINGS), store.url)


def _stored(store: Store) -> bytes | None:
    try:
        return bytes(whole.get(store, names.SETTINGS))
    except ObjectNotFound:
        return None
