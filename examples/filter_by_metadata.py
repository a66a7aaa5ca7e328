"""Search only those images whose metadata say so, and read back what was stored of the hits.

    python examples/filter_by_metadata.py
    python examples/filter_by_metadata.py ~/Photos copy.jpg --album Rome

Shows what metadata are for. Each picture is added with the folder that it lies in as its album, and with its format;
the same question is then put to all images, and to those of one album. A filter does not change scores: it leaves
images out before the best are picked.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lookalike import Answer, Index

PROJECT = Path(__file__).parent.parent


def metadata(path: Path) -> dict[str, Any]:
    """Return what is stored with a picture: any JSON object that one wants to filter by, or to see again."""
    return {"album": path.parent.name, "format": path.suffix.lstrip(".").lower(), "bytes": path.stat().st_size}


def show(title: str, answer: Answer) -> None:
    """Print the hits with their metadata."""
    print(title)
    for hit in answer.hits:
        print(f"    {hit.score:5.1f}  {hit.key}  album {hit.image.meta['album']}, {hit.image.meta['bytes']:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "demo")
    parser.add_argument("picture", nargs="?", type=Path, default=PROJECT / "demo" / "postcard.jpg")
    parser.add_argument("--album", default="pictures", help="a folder's name; pictures unless given")
    given = parser.parse_args()

    index = Index.create("memory://", families=["haar"])
    paths = sorted(given.folder.rglob("*.jpg"))
    keys = {path: path.relative_to(given.folder).as_posix() for path in paths}
    index.write([index.sign(key, path.read_bytes(), metadata(path)) for path, key in keys.items()])

    picture = str(given.picture)
    show("in every album:", index.search(picture, orientations=True, limit=3))
    # all fields of a filter must be equal
    wanted = {"album": given.album, "format": "jpg"}
    show(f"in {given.album} only:", index.search(picture, orientations=True, limit=3, where=wanted))

    stored = index.get(keys[paths[0]])
    print(f"metadata of {stored.image.key}: {dict(stored.image.meta)}")


if __name__ == "__main__":
    main()
