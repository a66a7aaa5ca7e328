"""The system's trash: sending a file there, and finding it again (FreeDesktop.org Trash Specification 1.0)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from shards.errors import StorageError


def send(path: str) -> None:
    """Move a file into the trash. Raises StorageError."""
    from send2trash import send2trash

    try:
        send2trash(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be moved to the trash: {error}") from error


def found(path: str) -> Iterator[Path]:
    """Yield the files in the trash that were at this path, the latest first."""
    wanted = os.fsencode(os.path.abspath(path))  # noqa: PTH100 - links are not followed
    names: list[tuple[str, Path, Path]] = []
    for trash, top in _trashes(path):
        for info in (trash / "info").glob("*.trashinfo"):
            told = _told(info, top)
            if told is not None and told[0] == wanted:
                names.append((told[1], trash / "files" / info.name.removesuffix(".trashinfo"), info))
    for _, file, _ in sorted(names, reverse=True):
        if file.is_file() and not file.is_symlink():
            yield file


def forget(file: Path) -> None:
    """Remove the note of a file that is in the trash no more."""
    (file.parent.parent / "info" / f"{file.name}.trashinfo").unlink(missing_ok=True)


def _trashes(path: str) -> Iterator[tuple[Path, Path]]:
    """Yield the folders of trash in which a file of this path may be, each with what its notes are relative to."""
    given = os.environ.get("XDG_DATA_HOME", "")
    data = Path(given) if given.startswith("/") else Path.home() / ".local" / "share"
    yield data / "Trash", data
    for parent in Path(path).parents:
        for trash in (parent / ".Trash" / str(os.getuid()), parent / f".Trash-{os.getuid()}"):
            if trash.is_dir():
                yield trash, parent


def _told(info: Path, top: Path) -> tuple[bytes, str] | None:
    """Return the path and the date of a note; None where it says neither."""
    try:
        lines = dict(line.split("=", 1) for line in info.read_text(errors="replace").splitlines() if "=" in line)
    except OSError:
        return None
    if "Path" not in lines:
        return None
    return os.path.join(os.fsencode(top), unquote_to_bytes(lines["Path"])), lines.get("DeletionDate", "")  # noqa: PTH118
