"""The loop of a process that computes signatures. `python -m lookalike.signatures.worker FD` serves a socket.

It decodes what strangers send, so it may take up memory, hang or die; the pool that sent the picture sees to that.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from lookalike.signatures import messages
from lookalike.signatures.compute import compute_picture, compute_thumbnail
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.messages import READY, Result
from lookalike.signatures.process import serving_end
from shards.errors import LookalikeError, PictureError
from shards.families import Family, family
from shards.pictures.decoding import PictureSettings
from shards.table.format.settings import IndexSettings

BYTES_A_PIXEL = 32
"""Most bytes that a pixel needs: 3 of the decoded picture, as many turned, 13 while Pillow converts and lays a picture
over white, and up to 24 in `whash`, which computes in float64 on the next larger square of a power of two."""

MEMORY = 1 << 30
"""Bytes beside the pixels: the interpreter and its libraries, the file, and what a decoder keeps of it."""

Reader: TypeAlias = Callable[[Mapping[str, Any], int], tuple[bytes, Mapping[str, Any]]]
"""Reads an original, given the source of its record and the most bytes that it may have; returns the bytes, and the
source as it was when they were read. Raises LookalikeError. A function of a module: processes are sent its name."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings that a process is told once, since they are the same for all pictures of an index."""

    families: tuple[str, ...]

    pictures: PictureSettings

    thumbnail: int
    """Pixels of the longer side of the thumbnails, 0 for none."""

    memory: int
    """Bytes that a process may use."""

    reader: Reader | None = None
    """What reads the originals of tasks that name one."""

    @classmethod
    def of(cls, settings: IndexSettings, reader: Reader | None = None) -> WorkerSettings:
        """Return those of an index, with memory for the largest picture that it takes."""
        pictures = settings.pictures
        memory = MEMORY + pictures.max_bytes + BYTES_A_PIXEL * pictures.max_pixels
        return cls(settings.families, pictures, settings.thumbnails, memory, reader)


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to compute signatures of."""

    original: bytes | Mapping[str, Any]
    """The encoded picture, or the source from which the worker's reader takes it."""

    orientations: bool = False
    """Whether the signatures of all eight orientations are wanted."""

    drawn: int = 0
    """Pixels of the longer side of the thumbnail that alone is wanted; 0 where signatures are."""


def limit_memory(size: int) -> None:
    """Let this process have at most so many bytes: what asks for more fails, and nothing else dies of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def serve(connection: Connection) -> None:
    """Answer each Task with a ComputedPicture or a PictureError, until the other end is closed or gone."""
    try:
        settings: WorkerSettings = connection.recv()
        limit_memory(settings.memory)
        families = tuple(family(name) for name in settings.families)
        connection.send_bytes(READY)
        while True:
            connection.send_bytes(messages.write(answer(connection.recv(), families, settings)))
    except (EOFError, ConnectionError):
        return


def answer(task: Task, families: Sequence[Family], settings: WorkerSettings) -> Result:
    """Compute everything of one picture. Whatever is wrong with it is the answer, and ends nothing."""
    try:
        data, source = _read(task.original, settings)
        if task.drawn:
            thumbnail = compute_thumbnail(data, settings.pictures, task.drawn)
            return ComputedPicture(0, 0, b"", thumbnail, ())
        picture = compute_picture(
            data, families, settings.pictures, thumbnail=settings.thumbnail, orientations=task.orientations
        )
        return replace(picture, source=source)
    except PictureError as error:
        return error
    except LookalikeError as error:
        # whatever the reader raised: a store that does not answer, say
        return PictureError("unreadable", str(error))
    except Exception as error:
        return PictureError("error", f"its signatures cannot be computed ({type(error).__name__}: {error})")


def _read(original: bytes | Mapping[str, Any], settings: WorkerSettings) -> tuple[bytes, Mapping[str, Any] | None]:
    if isinstance(original, bytes):
        return original, None
    if settings.reader is None:
        raise PictureError("unreadable", "no originals are read here: send the picture itself")
    return settings.reader(original, settings.pictures.max_bytes)


if __name__ == "__main__":
    # by its module's name, not as __main__: what it receives is pickled under that
    from lookalike.signatures import worker

    worker.serve(serving_end())
