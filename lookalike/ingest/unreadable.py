"""Files that could not be read as pictures, remembered so that they are not tried again until they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from lookalike.ingest.changes import ToAdd
from lookalike.ingest.outcome import Failure
from lookalike.ingest.state import StateFile

MAX_FILES = 100_000
"""Files that are remembered of one index, the latest."""

REASONS = frozenset(
    {"damaged", "empty", "not_an_image", "too_costly", "too_large_bytes", "too_many_pixels", "truncated"}
)
"""Reasons that are those of the file. Others may be those of the moment: too little memory, a process that was killed
or took too long beside others, an extra that is not installed."""


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(state, list) and len(state) == 4 and all(isinstance(part, int | str) for part in state)
        for state in value.values()
    )


FILES: StateFile[dict[str, list[int | str]]] = StateFile("unreadable.json", "unreadable files", _are_files)
"""By path: size in bytes, time of the last change in ns, reason, and the version that could not read it."""


def split(index: str, to_add: Sequence[ToAdd], version: str) -> tuple[list[ToAdd], list[tuple[ToAdd, str]]]:
    """Return what is to be tried, and what this version could not read and has not changed, with the reason.

    `index`: its address. Raises StorageError.
    """
    known = FILES.of(index) or {}
    to_try, known_bad = list[ToAdd](), list[tuple[ToAdd, str]]()
    for wanted in to_add:
        original = wanted.original
        size, mtime_ns, reason, by = known.get(original.path, (None, None, "", ""))
        if (size, mtime_ns, by) == (original.size, original.mtime_ns, version):
            known_bad.append((wanted, str(reason)))
        else:
            to_try.append(wanted)
    return to_try, known_bad


def remember(index: str, tried: Iterable[ToAdd], failures: Iterable[Failure], version: str) -> None:
    """Remember which of the files that were tried could not be read, and forget those that could.

    Raises StorageError where the file of the state is something else. Where nothing can be written, nothing is.
    """
    reasons = {failure.path: failure.reason for failure in failures if failure.reason in REASONS}
    originals = [wanted.original for wanted in tried]
    bad: dict[str, list[int | str]] = {
        each.path: [each.size, each.mtime_ns, reasons[each.path], version] for each in originals if each.path in reasons
    }
    paths = {each.path for each in originals}

    def changed(before: dict[str, list[int | str]] | None) -> dict[str, list[int | str]]:
        kept = {path: state for path, state in (before or {}).items() if path not in paths}
        return dict([*kept.items(), *bad.items()][-MAX_FILES:])

    if not bad and paths.isdisjoint(FILES.of(index) or {}):
        return
    # whoever has no place for such files tries them again
    with suppress(OSError, RuntimeError):
        FILES.change(index, changed)
