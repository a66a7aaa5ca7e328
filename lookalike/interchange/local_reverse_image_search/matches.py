"""The file `matches.csv`, as local-reverse-image-search writes it."""

from __future__ import annotations

import csv
import ntpath
import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

HEADER = ("input_path", "match_path", "match_directory", "match_filename")

BETWEEN = " | "
"""What stands between the paths of pictures that have one hash."""

ON_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")


def write(file: Path, groups: Iterable[tuple[Sequence[str], Iterable[str]]]) -> int:
    """Write the pictures of each group and the paths of what matches them, a match a line; return how many there are.

    UTF-8 with a byte order mark, which spreadsheets need, and CRLF. Pictures without a match are left out.
    """
    count = 0
    # surrogates stand for bytes of names that are no text: they are written as the file system has them
    with file.open("w", encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
        lines = csv.writer(opened)
        lines.writerow(HEADER)
        for pictures, matches in groups:
            first: str | None = BETWEEN.join(pictures)
            for path in matches:
                lines.writerow([first, path, *split(path)])
                first = None
                count += 1
    return count


def split(path: str) -> tuple[str, str]:
    """Return the directory and the filename of a path, by the rules of the system that it is of."""
    return ntpath.split(path) if ON_WINDOWS.match(path) else posixpath.split(path)
