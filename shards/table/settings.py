"""What is decided once, when an index is created: `index.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shards.errors import FormatUnsupported, IndexExists, IndexNotFound, ObjectNotFound, QueryError
from shards.families import DEFAULT, Family, family
from shards.images import PictureSettings
from shards.storage.base import Store
from shards.table import names, sealed

SEGMENT_ROWS = 1 << 20
"""Rows a segment grows to: larger ones cost fewer requests a query, smaller ones spread better over workers."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`families`: their names, the first is searched unless a query names one. `shards`: how many at the start."""

    families: tuple[str, ...] = DEFAULT
    shards: int = 1
    segment_rows: int = SEGMENT_ROWS
    pictures: PictureSettings = field(default_factory=PictureSettings)

    def __post_init__(self) -> None:
        if not self.families or len(set(self.families)) != len(self.families):
            raise QueryError(f"families {list(self.families)}: an index needs one or more, each once")
        for name in self.families:
            family(name)
        if not 1 <= self.shards <= 1 << 16:
            raise QueryError(f"shards is {self.shards}: an index has 1 to 65,536")
        if not 1 <= self.segment_rows <= 1 << 22:
            raise QueryError(f"segment_rows is {self.segment_rows}: a segment has 1 to 4,194,304 rows")

    def to_bytes(self) -> bytes:
        return sealed.seal(
            {
                "format": sealed.FORMAT,
                "families": [{"name": name, "version": family(name).version} for name in self.families],
                "shards": self.shards,
                "segment_rows": self.segment_rows,
                "pictures": asdict(self.pictures),
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any], where: str) -> Settings:
        for one in document["families"]:
            known = family(one["name"]).version
            if one["version"] != known:
                raise FormatUnsupported(
                    f"{where} has signatures of {one['name']} version {one['version']}, this release computes version"
                    f" {known}: open it with the release that made it, or index the pictures anew"
                )
        return cls(
            tuple(one["name"] for one in document["families"]),
            document["shards"],
            document["segment_rows"],
            PictureSettings(**document["pictures"]),
        )

    def signers(self) -> list[Family]:
        """The families themselves."""
        return [family(name) for name in self.families]


def create(store: Store, settings: Settings) -> None:
    """Make an index here. Raises IndexExists."""
    if not store.create(names.SETTINGS, settings.to_bytes()):
        raise IndexExists(f"{store.url} is an index already: open it, or choose another place")


def read(store: Store) -> Settings:
    """The settings of the index here. Raises IndexNotFound."""
    try:
        data = store.get(names.SETTINGS)
    except ObjectNotFound:
        raise IndexNotFound(
            f"{store.url} is not an index (it has no {names.SETTINGS}): make one with 'lookalike create {store.url}'"
        ) from None
    return Settings.from_json(sealed.unseal(data, names.SETTINGS), store.url)
