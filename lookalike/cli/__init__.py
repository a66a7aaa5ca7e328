"""The `lookalike` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

COMPLETING = "_LOOKALIKE_COMPLETE"
"""The variable by which the script of a shell asks what can stand at the cursor."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process. Exit codes: 0, 1 and 2 as each command's help says, 130 after Ctrl-C."""
    try:
        from lookalike.cli.app import app
        from lookalike.cli.descriptors import raise_limit

        if COMPLETING in os.environ:
            from lookalike.cli.completion import register

            register()
        raise_limit()
        app.main(None if arguments is None else list(arguments), prog_name="lookalike")
    except KeyboardInterrupt:
        # so early, or so late, that no command is under way
        sys.exit(130)
