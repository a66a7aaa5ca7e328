"""Search an index that has never seen a picture: signatures come as text, and nothing else is kept.

    python examples/only_signatures.py
    python examples/only_signatures.py hashes.txt --signature 9d8f6b2a12d4e0c1

Shows how hashes from elsewhere (a database, a partner, a program that runs where the pictures are) become records, and
how a hash is looked up. A line of the file is the 16 hexadecimal digits of a dHash, as ImageHash writes it, a blank,
and a key. Without a file, the lines are made of the demo's pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from lookalike import Index, Record, Signature, SignatureError

PROJECT = Path(__file__).parent.parent
FAMILY = "dhash"


def lines_of(folder: Path) -> list[str]:
    """Return a line for each picture of a folder: what the side that has the pictures sends."""
    index = Index.create("memory://", families=[FAMILY], thumbnails=0)
    index.write([index.sign(path.name, path.read_bytes()) for path in sorted(folder.glob("*.jpg"))])
    signatures = index.signatures([image.key for image in index.list()], FAMILY)
    return [f"{text} {key}" for key, text in sorted(signatures.items())]


def index_of(lines: Iterable[str]) -> Index:
    """Return an index of these signatures. Raises SignatureError, which names the line."""
    # no thumbnails: there is nothing to draw them from
    index = Index.create("memory://", families=[FAMILY], thumbnails=0)
    (family,) = index.families
    records = []
    for number, line in enumerate(lines, 1):
        text, _, key = line.strip().partition(" ")
        try:
            rows = {FAMILY: family.parse(text)}
        except SignatureError as error:
            raise SignatureError(f"line {number}: {error}") from error
        records.append(Record(key, index.next_order(), rows=rows))
    index.write(records)
    return index


def with_bits_changed(text: str, bits: int) -> str:
    """Return this hash with its lowest bits inverted: that of a picture which is almost the same."""
    return f"{int(text, 16) ^ ((1 << bits) - 1):016x}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="a hash and a key a line")
    parser.add_argument("--signature", help="the hash to look for; the first one with 3 bits changed unless given")
    parser.add_argument("--max-distance", type=int, default=10, help="bits of 64 that may differ; 10 unless given")
    given = parser.parse_args()

    if given.file is None:
        lines = lines_of(PROJECT / "demo" / "pictures")
    else:
        lines = given.file.read_text(encoding="utf-8").splitlines()
    index = index_of(lines)
    wanted = given.signature or with_bits_changed(lines[0].split()[0], 3)
    print(f"{index.count()} signatures; those within {given.max_distance} bits of {wanted}:")
    for hit in index.search(Signature(wanted), max_distance=given.max_distance).hits:
        print(f"    {hit.key}  differs in {hit.distance:.0f} of 64 bits")


if __name__ == "__main__":
    main()
