"""docs/trust.md: each part's figures stand in a block of its own, as a run with `--write-docs` has printed them.

A block begins with `<!-- figures: NAME -->` and ends with `<!-- end -->`. Between them are a line that says when, where
and how, the counts of that run and of all runs so far, and the tables of that run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.torture.figures import Figures, Table

BLOCK = re.compile(r"<!-- figures: (?P<name>[a-z]+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)
COUNT = re.compile(r"^\| (?P<what>[^|]+) \| (?P<once>[\d,]+) \| (?P<ever>[\d,]+) \|$", re.MULTILINE)
RUNS = "runs of this part"


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in a run, and in all runs."""

    once: Mapping[str, int] = field(default_factory=dict)
    ever: Mapping[str, int] = field(default_factory=dict)

    def plus(self, counts: Mapping[str, int]) -> Counted:
        """Return the counts after one more run."""
        once = {RUNS: 1, **counts}
        ever = dict(self.ever)
        for what, number in once.items():
            ever[what] = ever.get(what, 0) + number
        return Counted(once, ever)

    def table(self) -> Table:
        rows = [(what, f"{self.once.get(what, 0):,}", f"{number:,}") for what, number in self.ever.items()]
        return Table(("counted", "in this run", "in all runs"), rows)


def render(where: str, counted: Counted, figures: Figures) -> str:
    """Return the text of a block."""
    tables = [counted.table(), *figures.tables]
    return "\n\n".join([where, *map(str, tables)]) + "\n"


def counted(page: str, name: str) -> Counted:
    """Return what the block of this part says was counted so far."""
    for block in BLOCK.finditer(page):
        if block["name"] == name:
            rows = [(row["what"], _number(row["once"]), _number(row["ever"])) for row in COUNT.finditer(block["text"])]
            return Counted({what: once for what, once, _ in rows}, {what: ever for what, _, ever in rows})
    raise LookupError(f"the page has no block of figures for {name}")


def replaced(page: str, name: str, text: str) -> str:
    """Return the page with this text in the block of a part."""
    counted(page, name)

    def block(found: re.Match[str]) -> str:
        return f"<!-- figures: {name} -->\n{text}<!-- end -->" if found["name"] == name else found[0]

    return BLOCK.sub(block, page)


def _number(text: str) -> int:
    return int(text.replace(",", ""))
