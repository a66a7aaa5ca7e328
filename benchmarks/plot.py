"""The plots of docs/benchmarks.md and the table behind them, from the results that are kept beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.chart import Line, chart
from benchmarks.measure import Result, human
from benchmarks.report import latest, markdown, read_machines, read_results

PLOTS = Path(__file__).parent.parent / "docs" / "plots"
RESULTS = PLOTS / "results.jsonl"

HASHES = ["64 bits within 3", "64 bits within 10"]

BASELINES = {
    "haar": ("adding up posting lists",),
    "goldberg": ("float32 product, 648 columns",),
    "64 bits within 3": ("FAISS IndexBinaryFlat.range_search", "FAISS IndexBinaryMultiHash"),
    "64 bits within 10": ("FAISS IndexBinaryMultiHash",),
}
"""Of each line of ours, whose lines are drawn beside it: names begin so."""

POSTGRES = ("PostgreSQL within 3", "PostgreSQL within 10")


def draw_all(results: Path, out: Path) -> list[Path]:
    """Write every plot and the table into the folder `out`, and say which files these are.

    Raises ValueError where a plot would be empty.
    """
    lines = results.read_text(encoding="utf-8").splitlines()
    found = latest(read_results(lines))
    written = {
        "haar.svg": times("Haar signatures: the exact top 10", found, ["haar"]),
        "goldberg.svg": times("Goldberg signatures: the exact top 10", found, ["goldberg"]),
        "hashes.svg": times("Hashes of 64 bits: all within 3 and 10 bits", found, HASHES),
        "bytes.svg": read("What a cold query reads", found, ["haar", "goldberg", *HASHES]),
        "results.md": markdown(read_machines(lines), found),
    }
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in written.items():
        path = out / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def times(title: str, results: Sequence[Result], lines: Sequence[str]) -> str:
    """Seconds of a warm query against the number of rows, ours and the baselines'."""
    drawn = []
    for line in lines:
        several = f", {line.removeprefix('64 bits ')}" if len(lines) > 1 else ""
        of_line = [result for result in results if result.line == line]
        drawn.append(Line(f"lookalike{several}", _points((result.rows, result.ours) for result in of_line), True))
        for name in BASELINES[line]:
            theirs = [(result.rows, result.baseline) for result in of_line if result.baseline_name.startswith(name)]
            drawn.append(Line(_short(name) + several, _points(theirs)))
    for name in POSTGRES if len(lines) > 1 else ():
        theirs = [(result.rows, result.baseline) for result in results if result.line == name]
        drawn.append(Line(name.replace(" within", " BK-tree, within"), _points(theirs)))
    return chart(title, drawn, _count, _duration)


def read(title: str, results: Sequence[Result], lines: Sequence[str]) -> str:
    """Bytes that a reader fetches who has nothing yet, against the number of rows."""
    drawn = [
        Line(line, _points((result.rows, result.read_bytes) for result in results if result.line == line), False)
        for line in lines
    ]
    return chart(title, drawn, _count, lambda value: f"{_count(value)}B")


def _points(pairs: Iterable[tuple[int | None, float | None]]) -> list[tuple[float, float]]:
    """By rising x; pairs without a number are left out."""
    return sorted({float(x): y for x, y in pairs if x and y}.items())


def _short(name: str) -> str:
    return name.replace("IndexBinary", "").replace(".range_search", "")


def _count(value: float) -> str:
    """A power of ten, with the unit's prefix."""
    for prefix, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= prefix:
            return f"{value / prefix:g} {unit}"
    return f"{value:g} "


def _duration(duration: float) -> str:
    """A power of ten of seconds."""
    return human(duration).replace(".0 ", " ").replace(".00 ", " ")
