"""The Pythons of this machine. As a program, prints the newest that lookalike can run on, or the newest of a number."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 11)

ASKED = "import sys; print(*sys.version_info[:3]) if sys.version_info.releaselevel == 'final' else sys.exit(1)"


def main() -> None:
    """Print the path of the newest Python, of these numbers if there are any."""
    try:
        print(newest(sys.argv[1]) if sys.argv[1:] else newest())
    except LookupError as error:
        sys.exit(str(error))


def newest(of: str = "") -> Path:
    """Return the program of the newest released Python of this machine. Raises LookupError where there is none.

    `of`: such as 3.13, for one of its releases.
    """
    only = tuple(map(int, of.split("."))) if of else ()
    found = {version: program for program in candidates() if (version := version_of(program)) >= OLDEST}
    fitting = [version for version in found if version[: len(only)] == only]
    if not fitting:
        wanted = of or f"{OLDEST[0]}.{OLDEST[1]} or later"
        raise LookupError(f"there is no Python {wanted} on the PATH or in pyenv")
    return found[max(fitting)]


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
