"""Confirmation on the pixels: whether two files show the same picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Protocol

from lookalike.signatures.pool import Original, Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import PictureError
from shards.pictures.looks import Look, compared
from shards.storage import originals
from shards.storage.originals import Roots
from shards.table.format.settings import IndexSettings
from shards.table.read.snapshot import Image

KEPT = 2048
"""Looks that are kept, of up to 68 KB each."""


class Confirms(Protocol):
    """Tells whether images show the same."""

    def prepare(self, images: Iterable[Image]) -> None:
        """Read the pixels of these images, which will be asked for next."""
        ...

    def same(self, first: Image, second: Image) -> bool | None:
        """Return whether both show the same; None where the file of one cannot be read."""
        ...

    def is_grey(self, image: Image) -> bool | None:
        """Return whether an image has no colours; None where its pixels were not read."""
        ...


class Pixels:
    """Reads the originals below these roots, in processes that can be killed. A context manager."""

    def __init__(self, settings: IndexSettings, roots: Roots, processes: int | None = None) -> None:
        self._roots = roots
        self._grey: dict[str, bool] = {}
        self._looks: OrderedDict[str, Look | None] = OrderedDict()
        self._pool = Pool(WorkerSettings.of(settings), processes, reader=self._read)

    def __enter__(self) -> Pixels:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()

    def prepare(self, images: Iterable[Image]) -> None:
        wanted = {image.sha256: image for image in images if image.sha256 and image.sha256 not in self._looks}
        tasks = (
            (digest, Original({**image.source, "sha256": digest}, looked=True)) for digest, image in wanted.items()
        )
        for results in self._pool.run(tasks):
            for digest, result in results:
                look = None if isinstance(result, PictureError) else result.look
                self._looks[digest] = look
                if look is not None:
                    self._grey[digest] = look.is_grey
        while len(self._looks) > KEPT + len(wanted):
            self._looks.popitem(last=False)

    def same(self, first: Image, second: Image) -> bool | None:
        looks = self._looks.get(first.sha256), self._looks.get(second.sha256)
        if looks[0] is None or looks[1] is None:
            return None
        return compared(looks[0], looks[1]).is_same

    def is_grey(self, image: Image) -> bool | None:
        return self._grey.get(image.sha256)

    def _read(self, source: Mapping[str, Any], max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
        """Return the bytes of an original that is still what was added. Raises PictureError and StorageError."""
        data = originals.read(source, max_bytes, self._roots)
        if sha256(data).hexdigest() != source["sha256"]:
            raise PictureError("unreadable", f"{source.get('path')}: has changed since it was added")
        return data, source


class Unseen:
    """Confirms nothing: no file can be read here."""

    def prepare(self, images: Iterable[Image]) -> None:
        del images

    def same(self, first: Image, second: Image) -> bool | None:
        del first, second
        return None

    def is_grey(self, image: Image) -> bool | None:
        del image
        return None
