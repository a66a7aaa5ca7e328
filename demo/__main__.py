"""`python -m demo`: finds edited copies of pictures. Exits with 1 if one is missing that was found before."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter

from rich.console import Console

from demo import lookups, page, place
from demo.edits import EDITS
from demo.report import cost_table, found_table, index_files, line, next_step


def main() -> int:
    console = Console()
    pictures = lookups.originals()
    start = perf_counter()
    try:
        index = place.make_index(pictures)
    except place.NotOursError as error:
        line(Console(stderr=True), str(error))
        return 1
    seconds = perf_counter() - start
    thresholds = ", ".join(f"{family.name} {family.match_score:.0f}" for family in index.families)
    line(console, f"{len(pictures)} pictures, indexed in {place.FOLDER}/ in {seconds:.1f} s.")
    line(console, f"Each is copied in {len(EDITS)} ways, and every copy is looked up by every family, and by all of")
    line(console, "them together, which is called auto. A copy counts as found when its original is the")
    line(console, f"best hit, and a match ({thresholds};")
    line(console, "100 is the same).")
    line(console)
    rows = found_table(index, lookups.rows(index, pictures), console)
    line(console)
    line(console, f"Copies for which another picture was called a match: {wrong_matches(rows)}.")
    line(console)
    cost_table(index, lookups.costs(index, pictures), console)
    line(console)
    index_files(place.files(), console)
    line(console)
    next_step(console)

    worse = shortfalls(rows, len(pictures))
    if worse:
        line(console)
        line(console, "This should not be:", style="red")
        for shortfall in worse:
            line(console, f"  {shortfall}")
        return 1
    if sys.stdin.isatty() and sys.stdout.isatty():
        line(console)
        return page.show()
    return 0


def wrong_matches(rows: Sequence[lookups.Row]) -> int:
    return sum(sum(row.wrong.values()) for row in rows)


def shortfalls(rows: Sequence[lookups.Row], images: int) -> list[str]:
    """Return the results that are worse than when the demo was written, as sentences."""
    missed = [
        f"{row.name.strip()}: {family} found {row.found[family]} of {images}"
        for row in rows
        for family in row.surely_by
        if row.found[family] != images
    ]
    wrong = [
        f"{row.name.strip()}: {family} called {count} wrong pictures a match"
        for row in rows
        for family, count in row.wrong.items()
        if count
    ]
    return missed + wrong


if __name__ == "__main__":
    sys.exit(main())
