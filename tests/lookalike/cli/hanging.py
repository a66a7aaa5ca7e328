"""`python -m tests.lookalike.cli.hanging` is `lookalike`, with processes that hang at one picture.

Whoever reads the named pipe beside the folder of that picture learns the number of the process that hangs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.cli import main
from shards.storage import originals

DEADLY = "deadly.png"
"""The name of the picture."""

PIPE = "pipe"
"""The name of the pipe."""

read_listed = originals.read_listed


def hang(source: Mapping[str, Any], max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
    """Read a picture as ever, unless it is the one to hang at."""
    path = Path(source["path"])
    if path.name == DEADLY:
        (path.parents[1] / PIPE).write_text(f"{os.getpid()}\n")
        while True:
            signal.pause()
    return read_listed(source, max_bytes)


if __name__ == "__main__":
    # by its module's name, not as __main__: processes are sent that
    from tests.lookalike.cli import hanging

    originals.read_listed = hanging.hang
    main()
