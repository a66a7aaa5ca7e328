"""Run the benchmarks and print one table, or JSON lines with --json."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table

from benchmarks import bulk, pictures
from benchmarks.measure import human


def main() -> int:
    """The exit code: 0 when every bar holds."""
    results = [*pictures.run(), *bulk.run()]
    if "--json" in sys.argv:
        for result in results:
            print(json.dumps(result.to_json()))
    else:
        table = Table("what", "ours", "baseline", "", "ratio", "bar", "", box=None, pad_edge=False)
        for result in results:
            table.add_row(
                result.what,
                human(result.ours),
                f"{human(result.baseline)}  {result.baseline_name}",
                result.detail,
                f"{result.ratio:.2f}",
                result.bar,
                "" if not result.bar else "holds" if result.holds else "[red]MISSED[/]",
            )
        Console(width=None if sys.stdout.isatty() else 200).print(table)
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
