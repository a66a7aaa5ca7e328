"""Results in and out: JSON lines, the table, and the machine they are of."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Result, human


def read_results(lines: Iterable[str]) -> list[Result]:
    """Return the results in JSON lines; lines that describe a machine are left out."""
    documents = [json.loads(line) for line in lines if line.strip()]
    return [Result(**document) for document in documents if "machine" not in document]


def read_machines(lines: Iterable[str]) -> list[str]:
    """Return the machines in JSON lines, each once."""
    documents = [json.loads(line) for line in lines if line.strip()]
    return list(dict.fromkeys(document["machine"] for document in documents if "machine" in document))


def latest(results: Iterable[Result]) -> list[Result]:
    """Return the last of several measurements of one thing, by section, rising rows, and then as they came."""
    last = {(result.section, result.rows or 0, result.what, result.baseline_name): result for result in results}
    sections = list(dict.fromkeys(section for section, *_ in last))
    return [last[key] for key in sorted(last, key=lambda key: (sections.index(key[0]), key[1]))]


def markdown(machines: Iterable[str], results: Iterable[Result]) -> str:
    """Return the results as a page: a table for each section."""
    lines = ["# Results", "", *(f"Measured on {machine}." for machine in machines)]
    lines += ["", "Made of `results.jsonl` by `python -m benchmarks plot`. [What each row is](../benchmarks.md)."]
    section = ""
    for result in results:
        if result.section != section:
            section = result.section
            lines += ["", f"## {section}", "", "| what | N | ours | baseline | ratio | B a row | B read | built in | |"]
            lines += ["| --- | --: | --: | --- | --: | --: | --: | --: | --- |"]
        lines.append(f"| {' | '.join((*_cells(result), result.detail))} |")
    return "\n".join(lines) + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    """Return what both tables show of a result, from `what` to `built in`."""
    baseline = "not measured" if result.baseline is None else human(result.baseline)
    return (
        result.what.strip(),
        "" if result.rows is None else f"{result.rows:,}",
        human(result.ours),
        f"{baseline}  {result.baseline_name}",
        "" if result.ratio is None else f"{result.ratio:.3g}",
        "" if result.row_bytes is None else f"{result.row_bytes:.0f}",
        "" if result.read_bytes is None else size(result.read_bytes),
        "" if result.build is None else human(result.build),
    )


def machine() -> str:
    """Return what the numbers depend on: the processor, and the versions of what was measured."""
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    for package in ("faiss-cpu", "pillow"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {', '.join(versions)}"


def _processor() -> str:
    """Return the model's name, and whether it counts bits in vectors, which decides much of the scans."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    counts = "with" if "avx512_vpopcntdq" in known.get("flags", "") else "without"
    return f"{known.get('model name', platform.machine())} ({counts} AVX-512 bit counts)"


def show(results: list[Result]) -> None:
    """Return the table."""
    titles = ("what", "N", "ours", "baseline", "ratio", "B a row", "B read", "built in", "target", "", "")
    table = Table(*titles, box=None, pad_edge=False)
    for result in results:
        table.add_row(
            *_cells(result),
            result.target,
            "" if not result.target else "holds" if result.holds else "[red]MISSED[/]",
            result.detail,
        )
    Console(width=None if sys.stdout.isatty() else 260).print(table)


def size(count: float) -> str:
    """Write a number of bytes in binary units, which the kept results have."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"
