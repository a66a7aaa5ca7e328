"""The deployed packages, unpacked for this machine: slimmed distributions of the lock files, and our sources.

The deployed packages are for another processor and another Python. Here the same distributions come from the
environment that the tests run in, and nothing else of it is there: what a lock file forgot is missing here too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path, PurePosixPath

from infra.package import Package, copy_sources, slim
from tests.infra.locked import entries

RUNTIME = "awslambdaric"

NAME = re.compile(r"^[A-Za-z0-9._-]+")


def unpack(package: Package, tree: Path) -> Path:
    """The folder with this package in it."""
    copy([entry.name for entry in entries(package.requirements)], tree)
    slim(tree)
    copy_sources(tree, package)
    return tree


def unpack_runtime(tree: Path) -> Path:
    """The folder with the runtime client in it, as Lambda has it beside the function."""
    needed = [match[0] for match in map(NAME.match, requires(RUNTIME) or ()) if match]
    copy([RUNTIME, *needed], tree)
    return tree


def copy(names: Iterable[str], tree: Path) -> None:
    """Copy the files of these installed distributions, without what is compiled, and without their programs."""
    for name in names:
        installed = distribution(name)
        for path in files(installed):
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(installed.locate_file(path)), target)


def files(installed: Distribution) -> Iterable[PurePosixPath]:
    """Those that are imported, as paths below the folder of packages."""
    return [path for path in installed.files or () if path.suffix != ".pyc" and path.parts[0] != ".."]
