"""Dumps: what another system kept of its images, row by row: keys, signatures and metadata, but no pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shards.families import Rows
from shards.pictures.decoding import PictureSettings
from shards.table.format.texts import Texts

ORIGINALS = PictureSettings(exif="ignore", alpha="drop", depth="clip", frame="first")
"""The way in which the originals read pictures, so that questions are read as the stored pictures were."""


OVER_WHITE = PictureSettings(exif="ignore", alpha="white", depth="clip", frame="first")
"""The way of reverse Wikipedia, whose program lays pictures with transparency over white before it hashes them."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that no index can take."""

    place: str
    """Where it is in its file: "line 17", "image 900001"."""

    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Consecutive rows of a dump."""

    numbers: NDArray[np.uint64]
    """(rows,) uint64, rising: the number of each row in its dump, the same each time that the same dump is read. Of two
    rows with one key, the one with the higher number counts. Rows that are refused or skipped leave gaps."""

    keys: Texts
    """The key of each row, as UTF-8. The importer checks that it can be one."""

    signatures: Mapping[str, Rows]
    """(rows,) signatures of each family of the dump."""

    meta: Texts | None = None
    """The metadata of each row as `meta_bytes` makes it; empty for none. None where no row has any."""

    refused: Sequence[Refused] = ()
    """Rows among these that cannot be taken, in their order."""

    skipped: int = 0
    """Number of rows among these that have no signature, which is no error."""

    width: NDArray[np.uint32] | None = None
    """(rows,) uint32, pixels; None where it is unknown."""

    height: NDArray[np.uint32] | None = None
    """(rows,) uint32, pixels; None where it is unknown."""

    sha256: NDArray[np.uint8] | None = None
    """(rows, 32) uint8, of the bytes of the images, zeros where they are unknown; None where all of them are."""


class Dump(ABC):
    """One file or connection, opened and recognised."""

    kind: ClassVar[str]
    """What `--from` calls this kind."""

    families: tuple[str, ...]
    """Families of the signatures; at least one."""

    pictures: PictureSettings = ORIGINALS
    """How the system read pictures."""

    size: int | None = None
    """Bytes, or rows, to read in all, for a progress bar; None where it is unknown."""

    done: int = 0
    """Bytes, or rows, that are read."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        """What people should know and is no error, said once. Reading may add to it."""

        self.faults: list[str] = []
        """Why not everything could be read, such as a broken page of a database. Reading may add to it."""

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """Yield all rows, some tens of thousands at a time. Memory holds one batch."""
