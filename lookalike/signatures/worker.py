"""The loop of a process that computes signatures. `python -m lookalike.signatures.worker FD` serves a socket.

It decodes what strangers send, so it may take up memory, hang or die, or do what an attacker wants: the pool that sent
the picture sees to the former, and its confinement to the latter.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

import numpy as np

from lookalike.signatures import messages
from lookalike.signatures.compute import compute_look, compute_picture, compute_question, compute_thumbnail
from lookalike.signatures.confinement import confine
from lookalike.signatures.messages import READY, Result
from lookalike.signatures.process import serving_end
from shards.errors import PictureError
from shards.families import Family, family
from shards.pictures.decoding import Picture, PictureSettings, decode, prepare, thumbnail
from shards.table.format.settings import IndexSettings

BYTES_A_PIXEL = 32
"""Most bytes that a pixel needs: 3 of the decoded picture, as many turned, up to 13 more while WebP is decoded, and up
to 24 in `whash`, which computes in float64 on the next larger square of a power of two. Most need 4 to 8."""

COPIES = 4
"""Most bytes for each byte of the file: as it was received, as the decoder keeps it, and what it unpacks at once."""

MEMORY = 192 << 20
"""Bytes beside these: what a decoder takes whatever the picture."""

LIFE_SECONDS = 600.0
"""Time at work after which a process is replaced, so that one that was taken over does not stay for ever, and what it
has used of a processor stays within a limit."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings that a process is told once, since they are the same for all pictures of an index."""

    families: tuple[str, ...]

    pictures: PictureSettings

    thumbnail: int
    """Pixels of the longer side of the thumbnails, 0 for none."""

    memory: int
    """Bytes that a process may use beside what it has when it begins."""

    processor_seconds: float = 2 * LIFE_SECONDS
    """Processor time after which the system ends a process."""

    niceness: int = 0
    """Number by which a process gives way to others, as `nice` counts."""

    @classmethod
    def of(cls, settings: IndexSettings) -> WorkerSettings:
        """Return those of an index, with memory for the largest picture that it takes."""
        pictures = settings.pictures
        memory = memory_for(pictures.max_bytes, pictures.max_pixels)
        return cls(settings.families, pictures, settings.thumbnails, memory)


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to compute signatures of."""

    data: bytes
    """The encoded picture."""

    asked: tuple[str, ...] = ()
    """Names of the families that are to be asked for the picture; none where it is a record that is wanted."""

    orientations: bool = False
    """Whether it is to be asked for in all eight orientations."""

    drawn: int = 0
    """Pixels of the longer side of the thumbnail that alone is wanted; 0 where signatures are."""

    looked: bool = False
    """Whether it is the picture's look alone that is wanted (`shards.pictures.looks`)."""

    max_pixels: int | None = None
    """Most pixels that the picture may have; the settings say it where this does not."""

    max_cost: float = float("inf")
    """Most work that the picture may be."""


def memory_for(size: int, pixels: int) -> int:
    """Return the most bytes that a picture needs whose file has so many bytes, and which has so many pixels."""
    return MEMORY + COPIES * size + BYTES_A_PIXEL * pixels


def serve(connection: Connection) -> None:
    """Answer each Task with a ComputedPicture or a PictureError, until the other end is closed or gone."""
    try:
        settings: WorkerSettings = connection.recv()
        families = tuple(family(name) for name in settings.families)
        threads = load_everything(families)
        os.nice(settings.niceness)
        silence()
        layers = confine(settings.memory, settings.processor_seconds, threads=threads)
        connection.send_bytes(b" ".join([READY, *(layer.encode() for layer in sorted(layers))]))
        while True:
            answered = answer(connection.recv(), families, settings)
            connection.send_bytes(messages.write(answered))
            ran_out = isinstance(answered, PictureError) and answered.reason == "memory"
            # an error knows the frames that held the memory
            del answered
            if ran_out:
                gc.collect()
    except (EOFError, ConnectionError):
        return


def load_everything(families: Sequence[Family]) -> bool:
    """Load all that computing needs, as much of which is loaded when it is first used: later nothing can be read.

    Returns whether it needs threads.
    """
    threads = prepare()
    side = np.arange(64, dtype=np.uint8)
    picture = Picture(np.ascontiguousarray(np.broadcast_to(side[:, None, None] * 2 + side[None, :, None], (64, 64, 3))))
    compute_question(decode(thumbnail(picture, 32)), families)
    return threads


def silence() -> None:
    """Drop whatever this process says from now on: libraries write what is wrong with a picture, in its words."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def answer(task: Task, families: Sequence[Family], settings: WorkerSettings) -> Result:
    """Compute everything of one picture. Whatever is wrong with it is the answer, and ends nothing."""
    pictures = settings.pictures
    if task.max_pixels is not None:
        pictures = replace(pictures, max_pixels=min(pictures.max_pixels, task.max_pixels))
    try:
        if task.looked:
            return compute_look(task.data, pictures, max_cost=task.max_cost)
        if task.drawn:
            return compute_thumbnail(task.data, pictures, task.drawn, max_cost=task.max_cost)
        return compute_picture(
            task.data,
            families,
            pictures,
            thumbnail=settings.thumbnail,
            asked=[kind for kind in families if kind.name in task.asked],
            orientations=task.orientations,
            max_cost=task.max_cost,
            digest=b"",
        )
    except PictureError as error:
        return error
    except Exception as error:
        return PictureError("error", f"its signatures cannot be computed ({type(error).__name__}: {error})")


if __name__ == "__main__":
    # by its module's name, not as __main__: what it receives is pickled under that
    from lookalike.signatures import worker

    worker.serve(serving_end())
