"""The places that originals of each index may be read from: a file of this user on this machine, not of the index.

An index may come from anybody, and says of each image where its original is. Were that believed, an index could have
pipes read that never end, devices that never stop, or other people's buckets with this user's credentials.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shards.errors import StorageError
from shards.storage.originals import Roots, is_url

MAX_PLACES = 10_000
"""Places that are kept of one index, the latest: each file that was named by itself is one."""

MAX_BYTES = 64 << 20


def state_file() -> Path:
    """Return where this user's programs keep such things (XDG Base Directory Specification)."""
    given = os.environ.get("XDG_STATE_HOME", "")
    # the specification has relative paths ignored
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "lookalike" / "originals.json"


def known(index: str) -> Roots:
    """Return the places that images were added from to the index at this address. Raises StorageError."""
    try:
        return Roots.of(_read(state_file()).get(index, []))
    except RuntimeError:
        return Roots.of([])  # nobody's home


def remember(index: str, places: Iterable[str]) -> None:
    """Let originals of the index at this address be read from these folders, files and URLs, too.

    Raises StorageError where this user has no place for such files.
    """
    told = [place if is_url(place) else os.path.realpath(place) for place in places]
    try:
        file = state_file()
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(file.with_suffix(".lock")):
            state = _read(file)
            before = state.get(index, [])
            after = list(dict.fromkeys([*(place for place in before if place not in set(told)), *told]))[-MAX_PLACES:]
            if set(after) != set(before):
                _write(file, {**state, index: after})
    except (OSError, RuntimeError) as error:
        raise StorageError(
            f"cannot note where the originals of {index} are: {error}; give --originals later"
        ) from error


def _read(file: Path) -> dict[str, list[str]]:
    try:
        with file.open("rb") as opened:
            document = json.loads(opened.read(MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"{file}: cannot be read: {error}; remove it, and add the folders again") from error
    if not isinstance(document, dict) or not all(map(_are_places, document.values())):
        raise StorageError(f"{file}: is no list of places by index; remove it, and add the folders again")
    return document


def _are_places(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(place, str) for place in value)


def _write(file: Path, state: dict[str, list[str]]) -> None:
    temporary = file.with_suffix(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(state, indent=0), encoding="utf-8")
        temporary.replace(file)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep other processes from writing meanwhile."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
