"""Outcomes of adding an original."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from shards.errors import LookalikeError, PictureError
from shards.table.format.records import Record


@dataclass(frozen=True, slots=True)
class Failure:
    """An original that was not added."""

    key: str
    """The key of its image; it ends in `/` for a whole folder that cannot be read."""

    reason: str
    """One word, for programs."""

    message: str
    """A sentence, for people."""

    path: str | None = None
    """The file that was opened, if one was."""

    error: Exception | None = field(default=None, repr=False, compare=False)
    """The error that was raised, for those who have to tell kinds apart."""

    @classmethod
    def of(cls, key: str, error: Exception) -> Failure:
        """Return the failure that this error is to the original of this key."""
        if isinstance(error, PictureError):
            return cls(key, error.reason, str(error), error=error)
        if isinstance(error, LookalikeError):
            return cls(key, "unreadable", str(error), error=error)
        return cls(key, "error", f"{type(error).__name__}: {error}", error=error)

    @property
    def is_mistake(self) -> bool:
        """True if the code is to blame, not the original or its store."""
        return self.error is not None and not isinstance(self.error, LookalikeError)

    def document(self) -> dict[str, Any]:
        """Return the failure as JSON."""
        document = {"key": self.key, "reason": self.reason, "message": self.message}
        return document if self.path is None else {**document, "path": self.path}


Outcome: TypeAlias = Record | Failure | Literal["gone", "left", "archived"]
"""A record to write; a failure; `gone`: there is no such original; `left`: the time was over before it was done;
`archived`: it has to be restored before it can be read."""
