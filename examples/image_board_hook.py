"""Look an upload up before an image board accepts it, and refuse what was posted before.

    python examples/image_board_hook.py
    python examples/image_board_hook.py new.png --index board.index

Shows the two calls that a board makes: `find_post` before it accepts an upload, `accept` after. Keys are post ids,
written in decimal, as in IQDB. Without --index there is a board in memory whose first posts are the demo's pictures.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from lookalike import Index, IndexNotFound, PictureError

PROJECT = Path(__file__).parent.parent
FAMILY = "goldberg"
"""It finds copies with a caption or a frame, which boards are full of."""

UPLOADS = [
    PROJECT / "demo" / "postcard.jpg",
    PROJECT / "docs" / "screenshots" / "search.png",
    PROJECT / "docs" / "screenshots" / "search.png",
    PROJECT / "README.md",
]
"""What is uploaded unless files are given: a mirrored copy, a new picture, the same again, and what is no picture."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An earlier post with the same picture. `score`: 0 to 100; `variant`: how the upload shows it."""

    post: int
    score: float
    variant: str


def find_post(index: Index, upload: bytes, min_score: float) -> Posted | None:
    """Return the earlier post that the upload is most like, None if it is new. Raises PictureError."""
    answer = index.search(upload, family=FAMILY, min_score=min_score, orientations=True, negatives=True, limit=1)
    for hit in answer.hits:
        return Posted(int(hit.key), hit.score, hit.variant)
    return None


def accept(index: Index, post: int, upload: bytes, tags: list[str]) -> None:
    """Add the picture of a new post. The next `find_post` sees it, in whichever process that runs."""
    index.add(str(post), upload, {"tags": tags})


def open_board(where: str | None) -> Index:
    """Return the index of the board; one that is made here begins with the demo's pictures as posts."""
    if where is not None:
        try:
            return Index.open(where)
        except IndexNotFound:
            pass
    index = Index.create(where or "memory://", families=[FAMILY])
    pictures = sorted((PROJECT / "demo" / "pictures").glob("*.jpg"))
    index.write([index.sign(str(post), path.read_bytes()) for post, path in enumerate(pictures, 1)])
    return index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uploads", nargs="*", type=Path, default=UPLOADS)
    parser.add_argument("--index", help="where the board's index is; in memory unless given")
    parser.add_argument("--min-score", type=float, help="from which score on an upload was posted before")
    given = parser.parse_args()

    index = open_board(given.index)
    # a board that refuses too much asks for a higher score than what the family calls a match
    min_score = index.families[0].match_score if given.min_score is None else given.min_score
    print(f"{index.count()} posts; refused from a score of {min_score:.0f} on")

    for path in given.uploads:
        upload = path.read_bytes()
        try:
            posted = find_post(index, upload, min_score)
        except PictureError as error:
            print(f"{path.name}: refused, {error}")
            continue
        if posted is not None:
            print(f"{path.name}: refused, it is post {posted.post}, {posted.variant} (score {posted.score:.0f})")
        else:
            # a board takes the number from its own database, where it is unique
            post = index.count() + 1
            accept(index, post, upload, tags=["new"])
            print(f"{path.name}: accepted as post {post}")


if __name__ == "__main__":
    main()
