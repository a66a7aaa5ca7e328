"""The web page of the demo's index, in a browser, until Ctrl-C."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from demo.place import FOLDER, PICTURES


def show() -> int:
    """Serve the page, open it, and return the exit code."""
    # a process of its own: it stops its workers by itself on Ctrl-C, which reaches us too
    command = Path(sys.executable).with_name("lookalike")
    served = subprocess.Popen([command, "serve", str(FOLDER), "--originals", str(PICTURES), "--port", "0", "--open"])  # noqa: S603
    while True:
        try:
            return served.wait()
        except KeyboardInterrupt:
            continue
