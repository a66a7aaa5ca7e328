"""The figures of a run: what was counted, the tables to show, and what failed with the command that shows it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise that was broken."""

    what: str
    """The promise, and the last steps before."""

    replay: str
    """The text that the part's `replay` takes, without spaces or quotes."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table to show: that of the latest run stands in docs/trust.md."""

    titles: Sequence[str]

    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """Return the table in Markdown."""
        numeric = [all(_is_number(row[n]) for row in self.rows) for n in range(len(self.titles))]
        rule = ["---:" if right else "---" for right in numeric]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (self.titles, rule, *self.rows))


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of one part of a run."""

    counts: Mapping[str, int]
    """What was counted, by its name: summed up over all runs in docs/trust.md."""

    failures: Sequence[Failure] = ()

    tables: Sequence[Table] = ()


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdecimal()
