"""`python -m benchmarks.scale [--json | --write]`: the tables of docs/scale.md. Some seconds, the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmarks.scale.tables import TABLES, Table

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one for each table.")
@click.option("--write", is_flag=True, help="Put the tables into docs/scale.md.")
def main(as_json: bool, write: bool) -> None:
    """Print what an index of up to a billion images would do and cost on AWS."""
    tables = [make() for make in TABLES]
    if as_json:
        for table in tables:
            click.echo(json.dumps(table.to_json(), ensure_ascii=False))
    elif write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        for table in tables:
            click.echo(f"{table.name}\n\n{table.markdown()}\n")


def filled(page: str, tables: list[Table]) -> str:
    """Return the page with each table between its markers. Raises ClickException where a table has none."""
    for table in tables:
        begin, end = f"<!-- table: {table.name} -->\n", "\n<!-- end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed) or begin in rest:
            raise click.ClickException(f"docs/scale.md needs one {begin.strip()!r} with an {end.strip()!r} after it")
        page = before + begin + table.markdown() + end + after
    return page


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.scale")
