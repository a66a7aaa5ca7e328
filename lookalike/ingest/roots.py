"""The places that originals of each index may be read from, and their names: files of this user on this machine.

An index may come from anybody, and says of each image where its original is. Were that believed, an index could have
pipes read that never end, devices that never stop, or other people's buckets with this user's credentials.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lookalike.ingest.state import StateFile
from shards.errors import StorageError
from shards.storage.originals import Roots, is_url

MAX_PLACES = 10_000
"""Places that are kept of one index, the latest: each file that was named by itself is one."""


def _are_places(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(place, str) for place in value)


def _are_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for name in value.values())


PLACES: StateFile[list[str]] = StateFile("originals.json", "places", _are_places)
NAMES: StateFile[dict[str, str]] = StateFile("names.json", "names of folders", _are_names)


def state_file() -> Path:
    """Return the file of the places."""
    return PLACES.path


def known(index: str) -> Roots:
    """Return the places that images were added from to the index at this address. Raises StorageError."""
    return Roots.of(PLACES.of(index) or [])


def remember(index: str, places: Iterable[str]) -> None:
    """Let originals of the index at this address be read from these folders, files and URLs, too.

    Raises StorageError where this user has no place for such files.
    """
    told = [place if is_url(place) else os.path.realpath(place) for place in places]

    def changed(before: list[str] | None) -> list[str]:
        old = before or []
        after = list(dict.fromkeys([*(place for place in old if place not in set(told)), *told]))[-MAX_PLACES:]
        # in which order they are is of no interest until there are too many
        return after if set(after) != set(old) else old

    try:
        PLACES.change(index, changed)
    except (OSError, RuntimeError) as error:
        raise StorageError(
            f"cannot note where the originals of {index} are: {error}; give --originals later"
        ) from error


def names(index: str) -> Mapping[str, str]:
    """Return the names that folders have in the index at this address, by path without links. Raises StorageError."""
    return NAMES.of(index) or {}


def name(index: str, folders: Iterable[str], given: str) -> None:
    """Remember that the keys of these folders' images begin with this name. Raises StorageError."""
    told = {os.path.realpath(place): given for place in folders}
    try:
        NAMES.change(index, lambda before: {**(before or {}), **told})
    except (OSError, RuntimeError) as error:
        raise StorageError(f"cannot note the name of a folder of {index}: {error}; give --prefix instead") from error
