"""The Pythons of this machine. As a program, prints the newest that lookalike can run on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 11)

ASKED = "import sys; print(*sys.version_info[:3]) if sys.version_info.releaselevel == 'final' else sys.exit(1)"


def main() -> None:
    """Print the path of the newest Python."""
    print(newest())


def newest() -> Path:
    """Return the program of the newest released Python of this machine. Raises LookupError where there is none."""
    found = {version: program for program in candidates() if (version := version_of(program)) >= OLDEST}
    if not found:
        raise LookupError(f"there is no Python {OLDEST[0]}.{OLDEST[1]} or later on the PATH or in pyenv")
    return found[max(found)]


def candidates() -> Iterator[Path]:
    """Yield programs that may be a Python: on the PATH, and among the versions of pyenv."""
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders += sorted((pyenv / "versions").glob("3.*/bin"))
    for folder in folders:
        yield from sorted(path for path in folder.glob("python3*") if path.name[6:].replace(".", "").isdigit())


def version_of(program: Path) -> tuple[int, ...]:
    """Return (major, minor, micro); () where it does not run, as a placeholder of pyenv may not, or is a preview."""
    try:
        done = subprocess.run([program, "-c", ASKED], capture_output=True, text=True, check=False)  # noqa: S603 - found
    except OSError:
        return ()
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


if __name__ == "__main__":
    main()
