"""The plots of docs/benchmarks.md and the table behind them, made of the results that are kept beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.chart import Chart, Line, draw
from benchmarks.measure import Result
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
"""For each line of ours, the baselines that are drawn beside it: their names begin with these."""

POSTGRES = ("PostgreSQL within 3", "PostgreSQL within 10")


def draw_all(results: Path, out: Path) -> list[Path]:
    """Write every plot and the table into the folder `out`, and return the paths of these files.

    Raises ValueError where a plot would be empty, RuntimeError where matplotlib is not installed.
    """
    lines = results.read_text(encoding="utf-8").splitlines()
    written = {name: draw(chart) for name, chart in charts(lines).items()} | {"results.md": table(lines)}
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in written.items():
        path = out / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def charts(lines: Sequence[str]) -> dict[str, Chart]:
    """Return the charts that JSON lines of results give, by the names of their files."""
    results = latest(read_results(lines))
    return {
        "haar.svg": times("Haar signatures: the exact top 10", results, ["haar"]),
        "goldberg.svg": times("Goldberg signatures: the exact top 10", results, ["goldberg"]),
        "hashes.svg": times("Hashes of 64 bits: all within 3 and 10 bits", results, HASHES),
        "bytes.svg": cold_bytes("What a cold query reads", results, ["haar", "goldberg", *HASHES]),
    }


def table(lines: Sequence[str]) -> str:
    """Return JSON lines of results as a page of tables."""
    return markdown(read_machines(lines), latest(read_results(lines)))


def times(title: str, results: Sequence[Result], lines: Sequence[str]) -> Chart:
    """Return the chart of the seconds of a warm query against the number of rows, ours and the baselines'."""
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
    return Chart(title, tuple(drawn), "s")


def cold_bytes(title: str, results: Sequence[Result], lines: Sequence[str]) -> Chart:
    """Return the chart of the bytes that a reader without a cache fetches, against the number of rows."""
    drawn = (
        Line(line, _points((result.rows, result.read_bytes) for result in results if result.line == line))
        for line in lines
    )
    return Chart(title, tuple(drawn), "B")


def _points(pairs: Iterable[tuple[int | None, float | None]]) -> tuple[tuple[float, float], ...]:
    """Return the pairs by rising x; those without a number are left out."""
    return tuple(sorted({float(x): y for x, y in pairs if x and y}.items()))


def _short(name: str) -> str:
    return name.replace("IndexBinary", "").replace(".range_search", "")
