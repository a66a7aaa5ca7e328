"""What a log says, before it is believed: a log may come from anybody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.duplicates.planning import ACTIONS
from shards.errors import StorageError

_TEXTS = ("key", "path", "sha256", "kept", "kept_path", "kept_sha256")
_NUMBERS = ("bytes", "mode", "mtime_ns")


def header(log: Path, line: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first line of a log. Raises StorageError where `apply` wrote no such line."""
    if line.get("action") not in ACTIONS or not isinstance(line.get("index"), str):
        raise StorageError(f"{log}: is damaged: its first line names no action or no index")
    return line


def checked(log: Path, step: Any) -> dict[str, Any]:
    """Return a step of a log. Raises StorageError where `apply` wrote no such step."""
    if (
        not isinstance(step, dict)
        or not all(isinstance(step.get(name), str) for name in _TEXTS)
        or not all(type(step.get(name)) is int for name in _NUMBERS)
        or not all(isinstance(step.get(name), dict) for name in ("meta", "source"))
    ):
        raise StorageError(f"{log}: is damaged: a step of it lacks what every step has")
    target = step.get("target")
    paths = [step["path"], step["kept_path"], *([] if target is None else [target])]
    if not all(isinstance(path, str) and os.path.isabs(path) and "\0" not in path for path in paths):  # noqa: PTH117
        raise StorageError(f"{log}: is damaged: a step of it names no path")
    if step["source"].get("path") != step["path"]:
        raise StorageError(f"{log}: is damaged: a step of it names two paths of one file")
    return step
