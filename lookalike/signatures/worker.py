"""A process that signs the pictures it is sent. `python -m lookalike.signatures.worker FD` serves a socket.

It decodes what strangers send, so it may take up memory, and die; whoever sent the picture sees to that.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from typing import Any

from lookalike.index import Index
from lookalike.questions import Signed
from lookalike.signatures import compute
from lookalike.signatures.process import READY, serving_end
from shards.errors import LookalikeError, PictureError
from shards.families import Family, Row, family
from shards.pictures.decoding import ORIENTATIONS, Picture, PictureSettings, decode
from shards.pictures.decoding import thumbnail as draw
from shards.pictures.orientations import turned
from shards.table.format.records import Order, Record

BYTES_A_PIXEL = 32
"""What signing needs at most: 3 of the decoded picture, as many turned, 13 while Pillow converts and lays a picture
over white, and up to 24 in `whash`, which computes in float64 on the next larger square of a power of two."""

MEMORY = 1 << 30
"""Bytes beside the pixels: the interpreter and its libraries, the file, and what a decoder keeps of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for all pictures of an index.

    `thumbnail`: the longer side in pixels, or 0. `memory`: bytes that a process may use.
    """

    families: tuple[str, ...]
    pictures: PictureSettings
    thumbnail: int
    memory: int

    @classmethod
    def of(cls, index: Index) -> Job:
        """With memory for the largest picture that the index takes."""
        settings = index.settings
        pictures = settings.pictures
        memory = MEMORY + pictures.max_bytes + BYTES_A_PIXEL * pictures.max_pixels
        return cls(settings.families, pictures, settings.thumbnails, memory)


@dataclass(frozen=True, slots=True)
class SignedPicture:
    """All that is computed of a picture.

    `width`, `height`: pixels. `sha256`: 32 bytes, of the encoded picture. `thumbnail`: a small WebP file, where the
    index keeps them. `orientations`: signatures by family of the picture as it is and, where they were asked for, of
    the other seven, in the order of ORIENTATIONS.
    """

    width: int
    height: int
    sha256: bytes
    thumbnail: bytes | None
    orientations: tuple[Mapping[str, Row], ...]

    def record(
        self, key: str, order: Order, meta: Mapping[str, Any] | None = None, source: Mapping[str, Any] | None = None
    ) -> Record:
        """What an index stores of it under this key."""
        return Record(
            key=key,
            order=order,
            sha256=self.sha256,
            width=self.width,
            height=self.height,
            meta=meta,
            source=source,
            rows=self.orientations[0],
            thumbnail=self.thumbnail,
        )

    def question(self) -> Signed:
        """What is like it?"""
        return Signed(self.orientations)


def sign(data: bytes, families: Sequence[Family], job: Job, *, orientations: bool) -> SignedPicture:
    """Decode the picture once, and compute everything of it. Raises PictureError.

    Its reason is `memory` where the system, or the limit of this process, leaves too little.
    """
    try:
        picture = decode(data, job.pictures)
        rows = [compute.sign(picture, families)]
        if orientations:
            # one at a time: the eight pictures together would be eight times as large
            others = (Picture(turned(picture.rgb, n)) for n in range(2, len(ORIENTATIONS) + 1))
            rows += [compute.sign(other, families) for other in others]
        thumbnail = draw(picture, job.thumbnail) if job.thumbnail else None
    except (MemoryError, PictureError) as error:
        # the decoder calls whatever happens in it a damaged picture
        if isinstance(error, PictureError) and not isinstance(error.__cause__, MemoryError):
            raise
        message = f"the memory does not suffice for this picture of {len(data):,} bytes; send a smaller copy"
        raise PictureError("memory", message) from error
    return SignedPicture(picture.width, picture.height, sha256(data).digest(), thumbnail, tuple(rows))


def limit_memory(size: int) -> None:
    """From now on this process gets at most so many bytes: what asks for more fails, and nothing else dies of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def serve(connection: Connection) -> None:
    """Answer picture after picture with a SignedPicture or an error, until the other end is closed or gone.

    A picture is two messages: whether all orientations are wanted, and its bytes.
    """
    try:
        job: Job = connection.recv()
        limit_memory(job.memory)
        families = tuple(family(name) for name in job.families)
        connection.send(READY)
        while True:
            orientations: bool = connection.recv()
            connection.send(_answer(connection.recv_bytes(), families, job, orientations=orientations))
    except (EOFError, ConnectionError):
        return


def _answer(data: bytes, families: Sequence[Family], job: Job, *, orientations: bool) -> SignedPicture | LookalikeError:
    """Whatever is wrong with one picture is said of it, and ends nothing."""
    try:
        return sign(data, families, job, orientations=orientations)
    except LookalikeError as error:
        return error
    except Exception as error:
        return PictureError("error", f"it cannot be signed ({type(error).__name__}: {error})")


if __name__ == "__main__":
    # by its module's name, not as __main__: what it answers is pickled under that
    from lookalike.signatures import worker

    worker.serve(serving_end())
