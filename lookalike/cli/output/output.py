"""The form of a command's output: tables for people, one JSON object a line for programs, or plain text."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import click

from lookalike.cli.output.human import shown
from lookalike.cli.output.progress import Progress

Form: TypeAlias = Literal["json", "text", "rich"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Numbers are aligned to the right."""

    title: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """The output of a command, in the form that was chosen."""

    form: Form
    """`json`: one object a line. `text`: plain, without colours. `rich`: for a terminal."""

    @classmethod
    def of(cls, asked: str | None) -> Output:
        """Return the output that `--json` or `--text` asks for, else `rich` on a terminal and `json` anywhere else."""
        if asked == "json" or asked == "text":
            return cls(asked)  # type: ignore[arg-type]
        return cls("rich" if sys.stdout.isatty() else "json")

    @property
    def is_json(self) -> bool:
        return self.form == "json"

    def json(self, document: Mapping[str, Any]) -> None:
        """Print an object on one line, in ASCII: safe in any locale, and for names that are not UTF-8."""
        sys.stdout.write(json.dumps(document) + "\n")

    def line(self, text: str) -> None:
        """Print one line for people."""
        sys.stdout.write(text + "\n")

    def flush(self) -> None:
        """Flush what was printed, so that a reader gets it now."""
        sys.stdout.flush()

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "") -> None:
        """Print rows of text for people; each cell stays on one line, without markup."""
        cells = [[shown(cell) for cell in row] for row in rows]
        if self.form == "rich":
            _rich_table(columns, cells, title)
            return
        if title:
            self.line(title)
        widths = [max(map(len, column)) for column in zip([c.title for c in columns], *cells, strict=True)]
        for row in [[column.title for column in columns], *cells]:
            aligned = [
                cell.rjust(width) if column.is_number else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ]
            self.line("  ".join(aligned).rstrip())

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print names and values, one pair a line, for people."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self.line(f"{name.ljust(width)}  {shown(value)}")

    def progress(
        self, what: str, total: int | None = None, *, in_bytes: bool = False, failing: str = "failed"
    ) -> Progress:
        """Return a progress bar on stderr, shown where somebody can see it and it does not mix with lines of JSON."""
        is_apart = self.form == "rich" or (self.is_json and not sys.stdout.isatty())
        return Progress(is_apart and sys.stderr.isatty(), what, total, in_bytes, failing)


def note(text: str) -> None:
    """Print a remark for people on stderr, whatever the form of the output."""
    click.echo(f"lookalike: {shown(text)}", err=True)


def _rich_table(columns: Sequence[Column], cells: Sequence[Sequence[str]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left")
    for column in columns:
        table.add_column(column.title, justify="right" if column.is_number else "left", overflow="fold")
    for row in cells:
        # Text, not str: a key may look like markup
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout).print(table)
