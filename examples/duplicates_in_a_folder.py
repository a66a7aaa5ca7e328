"""List the pictures of a folder that are there more than once, and how much space the copies take.

    python examples/duplicates_in_a_folder.py
    python examples/duplicates_in_a_folder.py ~/Photos

Shows how an index finds groups of pictures that are alike. Nothing is deleted. A picture is a copy here if its dHash
is within 3 bits of that of the largest picture of its group: resized and recompressed files are, mirrored ones are not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lookalike import Index, PictureError

PROJECT = Path(__file__).parent.parent
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "demo" / "pictures")
    parser.add_argument("--max-distance", type=int, default=3, help="bits of 64 that may differ; 3 unless given")
    given = parser.parse_args()

    # one family is enough for this, and nobody looks at thumbnails of an index in memory
    index = Index.create("memory://", families=["dhash"], thumbnails=0)
    records = []
    for path in sorted(given.folder.rglob("*")):
        if path.suffix.lower() in ENDINGS:
            try:
                records.append(index.sign(path.relative_to(given.folder).as_posix(), path.read_bytes()))
            except PictureError as error:
                print(f"left out: {error}", file=sys.stderr)
    index.write(records)

    found = index.duplicates(max_distance=given.max_distance)
    freed = 0
    for group in found.groups:
        print(f"{group.head.key}  {group.head.width} x {group.head.height}")
        for copy in group.copies:
            size = (given.folder / copy.image.key).stat().st_size
            freed += size
            pixels = f"{copy.image.width} x {copy.image.height}"
            print(f"    {copy.image.key}  {pixels}  differs in {copy.distance:.0f} of 64 bits  {size:,} bytes")
    # a picture of one colour is alike to every other such picture without being a copy
    if found.flat:
        print(f"pictures without content, not compared: {len(found.flat)}")
    copies = sum(len(group.copies) for group in found.groups)
    print(f"pictures: {index.count()}; copies among them: {copies}, of {freed:,} bytes")


if __name__ == "__main__":
    main()
