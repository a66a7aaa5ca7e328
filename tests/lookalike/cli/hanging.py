"""`python -m tests.lookalike.cli.hanging` is `lookalike`, with processes that hang at one picture.

Whoever reads the named pipe beside the folder of that picture learns the number of the process that hangs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.cli import main
from lookalike.signatures.crew import Crew
from lookalike.signatures.messages import Result
from lookalike.signatures.process import Process
from lookalike.signatures.worker import Task
from shards.storage import originals

DEADLY = "deadly.png"
"""The name of the picture."""

PIPE = "pipe"
"""The name of the pipe."""

read_listed, ask = originals.read_listed, Crew._ask


class Deadly(bytes):
    """The bytes of the picture at which the process that receives them hangs."""

    pipe: Path

    def __reduce__(self) -> tuple[Any, tuple[float]]:
        return time.sleep, (10_000.0,)


def read(source: Mapping[str, Any], max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
    """Read a picture as ever, and mark the one to hang at."""
    data, source = read_listed(source, max_bytes)
    path = Path(source["path"])
    if path.name == DEADLY:
        data = Deadly(data)
        data.pipe = path.parents[1] / PIPE
    return data, source


def tell(crew: Crew, process: Process, task: Task) -> tuple[Result | None, bool]:
    """Send a picture to a process as ever, and tell which has the one to hang at."""
    if isinstance(task.data, Deadly):
        task.data.pipe.write_text(f"{process.pid}\n")
    return ask(crew, process, task)


if __name__ == "__main__":
    originals.read_listed = read
    Crew._ask = tell  # type: ignore[method-assign]
    main()
