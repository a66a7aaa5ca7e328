"""The deploying command, osls: the maintained fork of the Serverless Framework 3."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent


class OslsError(Exception):
    """osls failed; the message is its output."""


def node() -> str:
    """Return the path of the Node.js that `make` found or installed."""
    return str(Path(sysconfig.get_path("scripts")) / "node")


def osls(*arguments: str, folder: Path = ROOT, **variables: str) -> str:
    """Run osls on the serverless.yml of a folder, with these variables in its environment. Returns its output.

    Raises OslsError, also where it is not installed.

    One at a time: wherever it is told to write, it writes to `.serverless` on its way, and empties that first.
    """
    command = [node(), str(ROOT / "node_modules" / "osls" / "bin" / "serverless.js"), *arguments]
    for needed in command[:2]:
        if not Path(needed).exists():
            raise OslsError(f"{needed} is missing: make package installs it, which needs the registry of npm")
    (folder / "build").mkdir(exist_ok=True)
    with (folder / "build" / "osls.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = subprocess.run(  # noqa: S603 - ours
            command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False
        )
    if finished.returncode:
        raise OslsError(f"osls {' '.join(arguments)} failed:\n{finished.stdout}\n{finished.stderr}")
    return finished.stdout
