"""`python -m tests.lookalike.cli.hanging` is `lookalike`, with signing processes that hang at one picture.

Whoever reads the named pipe of `PIPE` learns the number of the process that hangs.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from lookalike.cli import main
from lookalike.signatures import batch_pool, batch_worker
from lookalike.signatures.batch_worker import Task
from lookalike.signatures.process import Process, serving_end

DEADLY = "deadly.png"
"""The name of the picture."""

PIPE = "LOOKALIKE_TEST_PIPE"
"""The variable that says where the named pipe is."""


class Hanging(Process):
    """A signing process that is this module."""

    def __init__(self, module: str) -> None:
        assert module == batch_worker.__name__
        super().__init__("tests.lookalike.cli.hanging")


def hang(task: Task, max_bytes: int) -> tuple[bytes, object]:
    """Read a picture as ever, unless it is the one to hang at."""
    if Path(task.path).name == DEADLY:
        Path(os.environ[PIPE]).write_text(f"{os.getpid()}\n")
        while True:
            signal.pause()
    return read(task, max_bytes)


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        read, batch_worker._read = batch_worker._read, hang  # type: ignore[assignment]
        batch_worker.serve(serving_end())
    else:
        setattr(batch_pool, "Process", Hanging)  # noqa: B010 - what it imports is its own business to the type checker
        main()
