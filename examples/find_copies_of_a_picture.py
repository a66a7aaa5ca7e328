"""Find the pictures of a folder that a given picture is a copy of.

    python examples/find_copies_of_a_picture.py
    python examples/find_copies_of_a_picture.py ~/Photos copy.jpg --index ~/photos.index

Shows how a folder is indexed in one write, how pictures that are in the index already are left out, and how a search
finds mirrored and turned copies. Without --index the index is in memory, and is gone when the program ends.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lookalike import Index, IndexNotFound, PictureError

PROJECT = Path(__file__).parent.parent


def open_or_create(where: str) -> Index:
    """Return the index at this address, a new one if there is none."""
    try:
        return Index.open(where)
    except IndexNotFound:
        return Index.create(where)


def add_folder(index: Index, folder: Path) -> int:
    """Add the JPEGs of a folder that the index does not have, and return how many they were.

    The key of a picture is its path within the folder.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.jpg"))}
    known = index.has(paths)
    records = []
    for key, path in paths.items():
        if key in known:
            continue
        try:
            records.append(index.sign(key, path.read_bytes()))
        except PictureError as error:
            # one damaged file is no reason to leave the others out
            print(f"left out: {error}", file=sys.stderr)
    # one write for all of them: one object in the store, where a write for each picture would make one each
    index.write(records)
    return len(records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "demo" / "pictures")
    parser.add_argument("picture", nargs="?", type=Path, default=PROJECT / "demo" / "postcard.jpg")
    parser.add_argument("--index", default="memory://", help="a folder, or s3://bucket/prefix")
    given = parser.parse_args()

    index = open_or_create(given.index)
    added = add_folder(index, given.folder)
    print(f"pictures added: {added}; in the index: {index.count()}")

    # a search always has a best hit; whether it is a copy depends on how many strangers would be so alike
    answer = index.search(str(given.picture), orientations=True)
    copies = [hit for hit in answer.hits if hit.is_match]
    if not copies:
        print(f"{given.picture.name} is a copy of none of them")
    for hit in copies:
        print(f"{given.picture.name} is a copy of {hit.key}, {hit.variant} ({hit.confidence}, says {hit.family})")


if __name__ == "__main__":
    main()
