"""Pictures given on the command line: files, folders, stdin, the clipboard, addresses, and objects of a bucket."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from lookalike.cli import clipboard
from lookalike.cli.inputs import STDIN
from lookalike.cli.refused import RefusedError
from shards.errors import LookalikeError, PictureError

if TYPE_CHECKING:
    from lookalike.signatures.computed import ComputedPicture, Signed
    from lookalike.signatures.pool import Pool
    from shards.pictures.settings import PictureSettings

WEB = ("http://", "https://")

Computed: TypeAlias = "tuple[str, Signed | LookalikeError]"
"""A picture as it was named, and its question, or what is wrong with it."""


def read(name: str, max_bytes: int) -> bytes:
    """Return the bytes of a file, of stdin, of the clipboard, of an object, or of a picture on the web.

    Raises LookalikeError, which names what was to be read.
    """
    from shards.storage import originals

    if name == STDIN:
        data = sys.stdin.buffer.read(max_bytes + 1)
        if not data:
            raise RefusedError("there is no image on stdin: nothing came")
        return data
    if name == clipboard.NAME:
        return clipboard.read(max_bytes)
    if name.startswith(WEB):
        return _fetched(name)
    return originals.read_object(name, max_bytes) if originals.is_url(name) else originals.read_file(name, max_bytes)


def expanded(names: Sequence[str]) -> list[str]:
    """Return the names, and in place of each folder the pictures in it. Raises RefusedError where one has none."""
    return [each for name in names for each in (_in_folder(name) if os.path.isdir(name) else [name])]  # noqa: PTH112


def computing(
    families: Sequence[str], pictures: PictureSettings, *, names: Sequence[str], jobs: int | None = None
) -> Pool:
    """Return a pool that computes questions of these pictures to these families, as confined as `lookalike add` does.

    It has no more processes than there are pictures.
    """
    from lookalike.signatures.pool import Pool
    from lookalike.signatures.process import processors
    from lookalike.signatures.worker import WorkerSettings, memory_for

    memory = memory_for(pictures.max_bytes, pictures.max_pixels)
    settings = WorkerSettings(tuple(families), pictures, 0, memory)
    return Pool(settings, max(1, min(jobs or processors(), len(names))))


def computed(
    pool: Pool, names: Sequence[str], families: Sequence[str], pictures: PictureSettings, *, orientations: bool = False
) -> Iterator[Computed]:
    """Yield each picture with its question to these families, in their order; some are read ahead."""
    from lookalike.signatures.pool import IN_FLIGHT
    from lookalike.signatures.worker import Task

    def begin(name: str) -> Future[ComputedPicture] | LookalikeError:
        try:
            return pool.submit(Task(read(name, pictures.max_bytes), tuple(families), orientations))
        except LookalikeError as error:
            return error

    waiting: deque[tuple[str, Future[ComputedPicture] | LookalikeError]] = deque()
    for name in names:
        waiting.append((name, begin(name)))
        if len(waiting) == pool.processes * IN_FLIGHT:
            yield _question(*waiting.popleft())
    while waiting:
        yield _question(*waiting.popleft())


def _question(name: str, begun: Future[ComputedPicture] | LookalikeError) -> Computed:
    if isinstance(begun, LookalikeError):
        return name, begun
    try:
        return name, begun.result().question()
    except PictureError as error:
        return name, PictureError(error.reason, str(error) if name == STDIN else f"{name}: {error}")


def _in_folder(name: str) -> list[str]:
    from lookalike.ingest.files import Rules, in_folder
    from lookalike.ingest.original import LeftOut

    # what cannot be opened is among them: it is reported when its turn comes
    seen = in_folder(name, Rules())
    inside = [os.path.join(name, each.key) for each in seen if not isinstance(each, LeftOut)]  # noqa: PTH118
    if not inside:
        raise RefusedError(f"{name}: this folder holds no picture that is read here")
    return inside


def _fetched(url: str) -> bytes:
    """Return a picture on the web, by the rules of the service: of public addresses alone, with its limits."""
    import anyio

    from lookalike.web.http.problems import Problem
    from lookalike.web.remote.fetching import Fetcher
    from lookalike.web.settings import WebSettings

    try:
        return anyio.run(Fetcher(replace(WebSettings(), urls=True)).fetch, url).data
    except Problem as problem:
        raise RefusedError(f"{problem}: {problem.help}" if problem.help else str(problem)) from problem
