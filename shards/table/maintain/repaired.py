"""What a repair does, or did, and what is gone for good."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a repair does."""

    name: str
    """The object."""

    done: str
    """What is done about it."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """The result of a repair, or of the plan of one."""

    actions: tuple[Action, ...]

    restored: int
    """Images whose records were read from what is damaged, or from older objects."""

    gone: tuple[str, ...]
    """Keys of images that are in the index no more, since their records cannot be read. They can be added again."""

    unknown: int
    """Images that are gone, and of which not even the key can be read: of a log object, as many as it can have held."""

    revived: int
    """Limit of the images that were removed or replaced, and may be found again as they were before."""

    version: int | None
    """Version of the manifest that the repair made; None for a plan, and where none was needed."""

    left: tuple[str, ...] = ()
    """Damaged objects that stay where they are, since they cannot be moved: `verify` still reports them."""

    reduced: tuple[str, ...] = ()
    """Keys of images that are found as before, but without metadata, size or SHA-256, which cannot be read."""
