"""`python -m benchmarks [--json] [SECTION …]`: run all sections, or some, and print one table.

Each section runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Result, human

SECTIONS = ("pictures", "bulk", "haar", "goldberg", "hashes", "duplicates")


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 2 for an unknown section. A bar that is missed is a line of the table, not a failure."""
    as_json = "--json" in arguments
    chosen = [argument for argument in arguments if argument != "--json"] or list(SECTIONS)
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        print(f"no section is called {unknown[0]!r}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    results: list[Result] = []
    for name in chosen:
        print(f"{name} …", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, "-c", f"from benchmarks.__main__ import section; section({name!r})"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in done.stdout.splitlines():
            if as_json:
                print(line)
            results.append(Result(**json.loads(line)))
    if not as_json:
        show(results)
    return 0


def section(name: str) -> None:
    """Run one section here, and print its results as JSON lines."""
    for result in import_module(f"benchmarks.{name}").run():
        print(json.dumps(result.to_json()))


def show(results: list[Result]) -> None:
    """The table."""
    table = Table("what", "ours", "baseline", "ratio", "bar", "", "", box=None, pad_edge=False)
    for result in results:
        table.add_row(
            result.what,
            human(result.ours),
            f"{human(result.baseline)}  {result.baseline_name}",
            f"{result.ratio:.3g}",
            result.bar,
            "" if not result.bar else "holds" if result.holds else "[red]MISSED[/]",
            result.detail,
        )
    Console(width=None if sys.stdout.isatty() else 240).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
