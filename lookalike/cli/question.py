"""An image given on the command line: a file, stdin, or an object of a bucket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lookalike.cli.inputs import STDIN
from lookalike.cli.refused import RefusedError
from shards.errors import PictureError

if TYPE_CHECKING:
    from lookalike.index import Index
    from lookalike.options import SearchOptions
    from lookalike.questions import Question
    from shards.pictures.decoding import PictureSettings


def image(name: str) -> str | bytes:
    """Return the path of a file, or the bytes of stdin or of an object."""
    from shards.storage import originals

    if name == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            raise RefusedError("there is no image on stdin: nothing came")
        return data
    return originals.read_object(name) if originals.is_url(name) else name


def signed(index: Index, options: SearchOptions, given: str | bytes) -> Question:
    """Return the question to this index that a picture is, its signatures computed, within limits of memory."""
    with within_memory(index.settings.pictures):
        return index.signed(given, options)


@contextmanager
def within_memory(pictures: PictureSettings) -> Iterator[None]:
    """Let this process have as much memory more as the largest picture needs that these settings take.

    It is what a process of the service may have; how long a picture takes is bound by its number of pixels. Raises
    PictureError, with the reason `memory`, where it does not suffice.
    """
    from lookalike.signatures import memory
    from lookalike.signatures.worker import memory_for

    size = min(memory_for(pictures.max_bytes, pictures.max_pixels), memory.for_pictures())
    try:
        with memory.limited_to(size):
            yield
    except MemoryError as error:
        message = (
            f"the memory does not suffice for this picture, of which it may have {size:,} bytes; use a smaller copy"
        )
        raise PictureError("memory", message) from error
