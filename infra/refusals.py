"""What the stand-in for AWS refused a function, as AWS would: a line of JSON each, which infra/stand_in.py writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was refused."""

    kind: str
    """`role`: the role of the function does not allow it; `size`: a payload is too large; `throttled`: as many
    functions run already as the account may run at once."""

    function: str
    """Name of the function: that called, or that was called."""

    call: str
    """The action, such as `s3:PutObject`."""

    resource: str
    """ARN of what it was to be done with; which payload, of `size`."""

    why: str
    """The statement that is missing, or the limit."""

    def __str__(self) -> str:
        return f"{self.function}: {self.call} on {self.resource} was refused: {self.why}"


def read(file: Path) -> list[Refusal]:
    """Return the refusals of a file, oldest first."""
    if not file.exists():
        return []
    return [Refusal(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
