"""Find the pictures of an index that are on a list of known PDQ hashes.

    python examples/moderation_list.py
    python examples/moderation_list.py list.txt --index photos.index

Shows how a whole list is searched at once: every line is a question, all are answered by one pass over the index, and
a line that is no hash has an error in the place of its answer. Without --index the index holds the demo's pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lookalike import Index, LookalikeError, Signature

PROJECT = Path(__file__).parent.parent

MAX_DISTANCE = 31
"""Bits of 256 that may differ: what the authors of PDQ take for the same picture."""

RELIABLE = 50
"""Quality from which on they use a hash at all: plain pictures have less, and are alike without being copies."""

MOST = 1000
"""Pictures that one line may find."""


def demo_index() -> Index:
    """Return an index of the demo's pictures by PDQ, in memory."""
    index = Index.create("memory://", families=["pdq"], thumbnails=0)
    pictures = sorted((PROJECT / "demo" / "pictures").glob("*.jpg"))
    index.write([index.sign(path.name, path.read_bytes()) for path in pictures])
    return index


def is_reliable(line: str) -> bool:
    """Say whether this hash is worth a question. What is no hash is: the index says what is wrong with it."""
    quality = line.partition(":")[2]
    return not quality.isdecimal() or int(quality) >= RELIABLE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", nargs="?", type=Path, default=Path(__file__).parent / "moderation_list.txt")
    parser.add_argument("--index", help="an index that has the family pdq")
    given = parser.parse_args()

    index = Index.open(given.index) if given.index else demo_index()
    lines = [line for line in given.list.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")]
    reliable = [line for line in lines if is_reliable(line)]
    print(f"lines: {len(lines)}; too unreliable to use: {len(lines) - len(reliable)}")

    questions = [Signature(line) for line in reliable]
    answers = index.search_many(questions, family="pdq", max_distance=MAX_DISTANCE, limit=MOST)
    for line, answer in zip(reliable, answers, strict=True):
        name = f"{line[:12]}…"
        if isinstance(answer, LookalikeError):
            print(f"{name} cannot be looked up: {answer}")
        elif not answer.hits:
            print(f"{name} is not there")
        else:
            for hit in answer.hits:
                print(f"{name} is {hit.key} (differs in {hit.distance:.0f} of 256 bits)")


if __name__ == "__main__":
    main()
