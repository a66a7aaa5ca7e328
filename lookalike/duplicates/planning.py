"""A plan: which files are to be touched, and which are refused before anything is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from lookalike.duplicates.marking import Choice
from shards.errors import QueryError
from shards.storage.originals import Roots, is_url

Action: TypeAlias = Literal["trash", "folder", "hardlink", "symlink", "reflink", "delete"]

ACTIONS: tuple[Action, ...] = get_args(Action)

LINKS: frozenset[Action] = frozenset({"hardlink", "symlink", "reflink"})
"""Actions after which a file is still at its place: with the bytes of the kept one, so only where these are its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One file to touch."""

    key: str
    path: str
    sha256: str
    bytes: int
    kept: str
    """Key of the image that is kept for it."""
    kept_path: str
    kept_sha256: str
    meta: dict[str, Any]
    """What the index has of it, for bringing it back."""
    source: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the step as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An image that stays as it is, and why."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to touch, in the order in which it is done."""

    action: Action

    folder: str | None
    """Where files are moved, for `folder` alone."""

    protect: tuple[str, ...]
    """Beginnings of keys that are not touched."""

    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...]

    @property
    def bytes(self) -> int:
        """Bytes of the files that go, or that share theirs with another; a file with a second name keeps its bytes."""
        return sum(step.bytes for step in self.steps)

    @property
    def id(self) -> str:
        """A text that is the same for the same plan, and no other."""
        told = [self.action, self.folder, [(step.path, step.sha256, step.kept_path) for step in self.steps]]
        return blake2b(repr(told).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def plan(
    choices: Sequence[Choice],
    action: str,
    roots: Roots,
    *,
    folder: str | None = None,
    protect: Sequence[str] = (),
    lost: Collection[str] = (),
) -> Plan:
    """Return what would be done. `lost`: keys of groups of which nothing would be kept. Raises QueryError."""
    chosen = action_of(action, folder)
    going = {choice.goes.image.key for choice in choices}
    steps: list[Step] = []
    refusals = [Refusal(key, "no image of its group is kept: take the mark of one away") for key in sorted(lost)]
    paths = {str(choice.kept.image.source.get("path")) for choice in choices}
    names = _Names()
    seen = [str(each.image.source.get("path")) for choice in choices for each in (choice.goes, choice.kept)]
    linked = {os.path.realpath(path) for path in seen if Path(path).is_symlink()}
    for choice in choices:
        reason = _why_not(choice, chosen, roots, tuple(protect), going, paths, linked)
        if reason is None:
            step = _step(choice)
            steps.append(step if names.is_last(step.path) else replace(step, bytes=0))
        else:
            refusals.append(Refusal(choice.goes.image.key, reason))
    return Plan(
        chosen, None if folder is None else os.path.realpath(folder), tuple(protect), tuple(steps), tuple(refusals)
    )


class _Names:
    """Names of files that go. One that keeps another name keeps its bytes."""

    def __init__(self) -> None:
        self._gone: Counter[tuple[int, int]] = Counter()

    def is_last(self, path: str) -> bool:
        """Count a name that goes, and return whether its file has no other then."""
        try:
            status = os.lstat(path)
        except OSError:
            return True
        file = (status.st_dev, status.st_ino)
        self._gone[file] += 1
        return self._gone[file] >= status.st_nlink


def action_of(action: str, folder: str | None) -> Action:
    """Return the action of this name. Raises QueryError for another, and where a folder is missing or too much."""
    for known in ACTIONS:
        if known == action:
            if (known == "folder") != bool(folder):
                raise QueryError("give a folder with the action 'folder', and with that alone")
            return known
    raise QueryError(f"{action!r} is nothing that is done with files: give {', '.join(ACTIONS)}")


def _step(choice: Choice) -> Step:
    goes, kept = choice.goes.image, choice.kept.image
    return Step(
        goes.key,
        str(goes.source["path"]),
        goes.sha256,
        choice.goes.facts.bytes or 0,
        kept.key,
        str(kept.source["path"]),
        kept.sha256,
        dict(goes.meta),
        dict(goes.source),
    )


def _why_not(
    choice: Choice,
    action: Action,
    roots: Roots,
    protect: tuple[str, ...],
    going: set[str],
    kept_paths: set[str],
    linked: set[str],
) -> str | None:
    goes, kept = choice.goes.image, choice.kept.image
    if goes.key.startswith(protect) and protect:
        return "it is protected"
    if kept.key in going:
        return f"{kept.key}, which would be kept for it, is to go itself"
    for image, name in ((goes, "its file"), (kept, f"the file of {kept.key}, which is kept,")):
        path = image.source.get("path")
        if not isinstance(path, str) or is_url(path) or not image.sha256:
            return f"{name} is unknown, or lies in a bucket"
        if roots.resolved(path) is None:
            return f"{name} is in no folder that was added on this machine"
        if not Path(path).is_file():
            return f"{name} is gone"
    if roots.goes_through_link(str(goes.source["path"])):
        return "a link leads to its file, which is the file of another name"
    if str(goes.source["path"]) in kept_paths or _are_one(str(goes.source["path"]), str(kept.source["path"])):
        return "the same file is kept under another key"
    if os.path.realpath(goes.source["path"]) in linked:
        return "a link of its group leads to it, and would lead nowhere"
    if action == "hardlink" and Path(goes.source["path"]).samefile(kept.source["path"]):
        return "it and the kept file are one already"
    if action in LINKS and not choice.is_identical:
        return "a link takes the place of an identical file only"
    return None


def _are_one(first: str, second: str) -> bool:
    return os.path.realpath(first) == os.path.realpath(second)
