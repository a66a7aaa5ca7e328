"""The settings of an index, decided once when it is created: `index.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shards.errors import FormatUnsupported, IndexExists, IndexNotFound, ObjectNotFound, QueryError
from shards.families import DEFAULT, Family, family
from shards.pictures.decoding import PictureSettings
from shards.storage.base import Store
from shards.table.format import envelope, names
from shards.table.format.layout import FORMAT

SEGMENT_ROWS = 1 << 20
"""Rows that a segment grows to: larger ones cost fewer requests a query, smaller ones spread better over workers."""

THUMBNAIL = 256
"""Pixels of a thumbnail's longer side: enough for a grid on a dense screen, in 5 to 10 KB."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The settings of an index."""

    families: tuple[str, ...] = DEFAULT
    """Names of the families; the first is searched unless a question names another."""

    shards: int = 1
    """Number of shards at the start; resharding makes more."""

    segment_rows: int = SEGMENT_ROWS
    """Rows that a segment grows to by merging."""

    pictures: PictureSettings = field(default_factory=PictureSettings)
    """How images are decoded."""

    thumbnails: int = THUMBNAIL
    """Pixels of the longer side of the small copy that is kept of each image; 0 for none."""

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

    def to_bytes(self) -> bytes:
        return envelope.seal(
            {
                "format": FORMAT,
                "families": [{"name": name, "version": family(name).version} for name in self.families],
                "shards": self.shards,
                "segment_rows": self.segment_rows,
                "pictures": asdict(self.pictures),
                "thumbnails": self.thumbnails,
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any], where: str) -> IndexSettings:
        for stored in document["families"]:
            known = family(stored["name"]).version
            if stored["version"] != known:
                raise FormatUnsupported(
                    f"{where} has signatures of {stored['name']} version {stored['version']}, this release computes"
                    f" version {known}: open it with the release that made it, or index the pictures anew"
                )
        return cls(
            tuple(stored["name"] for stored in document["families"]),
            document["shards"],
            document["segment_rows"],
            PictureSettings(**document["pictures"]),
            document.get("thumbnails", 0),
        )

    def load_families(self) -> list[Family]:
        """Return the families themselves."""
        return [family(name) for name in self.families]


def create(store: Store, settings: IndexSettings) -> None:
    """Make an index in this store. Raises IndexExists."""
    if not store.create(names.SETTINGS, settings.to_bytes()):
        raise IndexExists(f"{store.url} is an index already: open it, or choose another place")


def read(store: Store) -> IndexSettings:
    """Return the settings of the index in this store. Raises IndexNotFound."""
    try:
        data = store.get(names.SETTINGS)
    except ObjectNotFound:
        raise IndexNotFound(
            f"{store.url} is not an index (it has no {names.SETTINGS}): make one with 'lookalike create {store.url}'"
        ) from None
    return IndexSettings.from_json(envelope.unseal(data, names.SETTINGS), store.url)
