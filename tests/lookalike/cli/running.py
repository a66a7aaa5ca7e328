"""Running the command: in this process, or as a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from lookalike.cli.app import app


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    """The command in this process; its output goes to no terminal. An exception that it does not handle is raised."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, catch_exceptions=False)


def lines(output: str | bytes) -> list[dict[str, Any]]:
    """The JSON objects printed, one a line; a last line that was cut off by a kill does not count."""
    text = output.decode() if isinstance(output, bytes) else output
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def with_status(documents: Iterable[dict[str, Any]], status: str) -> list[str]:
    """The keys that were reported so."""
    return [document["key"] for document in documents if document["status"] == status]


def start(*arguments: object, cwd: Path | None = None, program: str = "lookalike") -> subprocess.Popen[bytes]:
    """Start the command as a process of its own, and of a process group of its own, with its output in pipes.

    `program`: a module of this folder that is the command.
    """
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.lookalike.cli.{program}", *(str(argument) for argument in arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # communicate() reads past a buffer that readline() filled
        cwd=cwd,
        start_new_session=True,
    )
