"""The pictures in folders, as local-reverse-image-search sees them.

A file counts by its name alone, hidden or not; folders are entered, links to folders are not. Keys are the paths as
they come from the settings: directory/filename.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from lookalike.ingest import files
from lookalike.ingest.files import FolderId, Found, folder_id
from lookalike.ingest.original import SourceUnreadable
from lookalike.ingest.outcome import Failure

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".svg")
ANYWHERE = ".jpg"
"""What makes a name that of a picture wherever it stands in it, as in `photo.jpg_large`."""


def is_picture(name: str) -> bool:
    """Return whether the program takes a file of this name for a picture."""
    lower = name.lower()
    return lower.endswith(ENDINGS) or ANYWHERE in lower


def check(setting: str, folders: Sequence[str]) -> None:
    """Raise SourceUnreadable unless all these folders are there. `setting`: what they are called."""
    for folder in folders:
        if not os.path.isdir(folder):  # noqa: PTH112
            what = "is no folder" if os.path.lexists(folder) else "no such folder"
            raise SourceUnreadable(f"{setting}: {folder}: {what}; nothing was changed")


def pictures(folders: Sequence[str], skip: str | None = None) -> Iterator[Found]:
    """Yield the pictures of these folders and of those below, by name; `skip` is a folder that is not entered."""
    skipped = None if skip is None else folder_id(skip)
    for folder in folders:
        yield from _below(folder, skipped)


def key_of(path: str) -> str:
    """Return the key of a file: its folder and its name, as the program keeps them apart and joins them again."""
    return os.path.join(*os.path.split(path))  # noqa: PTH118


def _below(folder: str, skipped: FolderId | None) -> Iterator[Found]:
    closed: list[OSError] = []
    for root, inside, found in os.walk(folder, onerror=closed.append):
        inside[:] = sorted(
            name
            for name in inside
            if skipped is None or folder_id(os.path.join(root, name)) != skipped  # noqa: PTH118
        )
        for name in sorted(found):
            if is_picture(name):
                yield _file(os.path.join(root, name))  # noqa: PTH118
    for error in closed:
        name = os.path.join(str(error.filename), "")  # noqa: PTH118
        yield Failure(name, "unreadable", f"cannot open the folder: {error.strerror}")


def _file(path: str) -> Found:
    key = key_of(path)
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return Failure(key.encode(errors="replace").decode(), "unreadable", f"{path!a}: {error.strerror}")
    return files.at(key, os.path.abspath(path), status)  # noqa: PTH100
