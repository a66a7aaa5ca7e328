"""A signing process: reads pictures, and answers with records.

`python -m lookalike.signatures.batch_worker FD` serves a socket.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lookalike.signatures import compute
from lookalike.signatures.process import READY, serving_end
from shards.errors import LookalikeError, PictureError
from shards.families import Family, family
from shards.pictures.decoding import PictureSettings
from shards.storage import originals
from shards.table.format.records import Order, Record


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for all pictures of a run."""

    families: tuple[str, ...]
    pictures: PictureSettings
    thumbnail: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to sign. `path`: absolute, or a URL. `order`: of the moment it was asked for, before it is read.

    `source`: what was known of the file when it was found.
    """

    key: str
    path: str
    order: Order
    meta: Mapping[str, Any] | None
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that was not signed. `reason`: one word for programs; `message`: for people."""

    key: str
    path: str
    reason: str
    message: str


def sign(task: Task, families: tuple[Family, ...], job: Job) -> Record | Failure:
    """The record of this picture. Whatever is wrong with one picture is said of it, and stops no other."""
    try:
        data, source = _read(task, job.pictures.max_bytes)
        return compute.record(
            task.key,
            data,
            order=task.order,
            families=families,
            settings=job.pictures,
            thumbnail=job.thumbnail,
            meta=task.meta,
            source=source,
        )
    except PictureError as error:
        return Failure(task.key, task.path, error.reason, str(error))
    except LookalikeError as error:
        return Failure(task.key, task.path, "refused", str(error))
    except OSError as error:
        return Failure(task.key, task.path, "unreadable", error.strerror or str(error))
    except Exception as error:
        return Failure(task.key, task.path, "error", f"{type(error).__name__}: {error}")


def _read(task: Task, max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
    """The bytes, and where they were read.

    The state of the file is taken before its bytes: should it change in between, the next run finds it changed.
    """
    if originals.is_url(task.path):
        _check_size(int(task.source["size"]), max_bytes)
        return originals.read_object(task.path), task.source
    with Path(task.path).open("rb") as file:
        status = os.fstat(file.fileno())
        _check_size(status.st_size, max_bytes)
        source = {"path": task.path, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        return file.read(max_bytes + 1), source


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PictureError("too_large_bytes", f"{size:,} bytes, and the index takes {max_bytes:,} at most")


def serve(connection: Connection) -> None:
    """Answer task after task, in order, until the other end is closed or gone."""
    try:
        job: Job = connection.recv()
        families = tuple(family(name) for name in job.families)
        connection.send(READY)
        while True:
            connection.send(sign(connection.recv(), families, job))
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    # by its module's name, not as __main__: pickled tasks belong to that
    from lookalike.signatures import batch_worker

    batch_worker.serve(serving_end())
