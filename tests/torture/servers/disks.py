"""Folders on disks that are full, or that nothing can be written to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SMALL = 128 << 20
"""Bytes of the small disk: a crowd fills a third of it in the longest time that it is given, since nothing is collected
in the first hour."""


def can_mount() -> bool:
    """True where this process may mount a small file system in memory."""
    return sys.platform == "linux" and os.geteuid() == 0


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of SMALL bytes at this place."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0700", "torture", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Make a file system that `small_disk` has mounted read-only for a while."""
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)


def fill(place: Path, free: int) -> Path:
    """Write a file that leaves about so many bytes free, while others write too, and return it."""
    ballast = place / ".ballast"
    size = 0
    with ballast.open("wb") as file, suppress(OSError):
        while (left := _free(place) - free) > 0:
            piece = min(left, 1 << 20)
            os.posix_fallocate(file.fileno(), size, piece)
            size += piece
    return ballast


def _free(place: Path) -> int:
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize
