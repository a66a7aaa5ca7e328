"""The benchmarks run, whatever of their baselines is installed, and what they print can be kept and plotted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import cluster, hashes, importing, postgres
from benchmarks.__main__ import SECTIONS, main
from benchmarks.attacks import ATTACKS
from benchmarks.chart import Chart, Line
from benchmarks.measure import Result, optional, seconds
from benchmarks.plot import PLOTS, RESULTS, charts, table, times
from benchmarks.report import latest, read_results, show
from benchmarks.under_attack import LIMIT
from shards.families import family

ROOT = Path(__file__).parent.parent
ROWS = 400
"""Enough for every section, and done at once."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


QUICK = {"goldberg"}
"""Of the sections this one is run with every change. Others start servers, or take seconds to make signatures."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long])
        for name, section in SECTIONS.items()
        if not section.on_request
    ],
)
def test_a_section_prints_json_lines_that_say_where_a_baseline_is_missing(name: str) -> None:
    sized = ["--rows", str(ROWS)] if SECTIONS[name].takes_rows else []
    brief = ["--seconds", "1"] if SECTIONS[name].takes_seconds else []
    done = run("run", name, "--json", *sized, *brief)
    assert done.returncode == 0, done.stderr
    first, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(first) == {"machine"}
    assert lines
    for line in lines:
        assert line["section"] == name
        assert line["ours"] > 0
        if line["baseline"] is None:
            assert "not" in line["baseline_name"], "says that it is not installed, or does not run"
        else:
            assert line["baseline"] > 0


def test_an_import_is_measured_beside_reading_its_dump_alone() -> None:
    source, *_ = importing.SOURCES
    result = importing.measure(source, 40)
    assert (result.rows, result.baseline_name) == (40, "reading it alone")
    assert result.ours > 0
    assert result.baseline


@pytest.mark.long
def test_a_good_client_is_answered_while_the_server_is_attacked() -> None:
    done = run("run", "under_attack", "--json", "--rows", str(ROWS), "--seconds", "2")
    assert done.returncode == 0, done.stderr
    _, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["what"] for line in lines] == [f"a search while there are {about}" for about, _ in ATTACKS.values()]
    for line in lines:
        # how fast says the benchmark, on a machine that does nothing else
        assert line["ours"] < LIMIT, line
        assert "alive afterwards" in line["detail"]


def test_every_section_is_a_module_and_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [name for name in SECTIONS if f"`{name}`" not in text] == []


def test_an_unknown_section_is_refused() -> None:
    done = CliRunner().invoke(main, ["run", "hare"])
    assert done.exit_code == 2
    assert "hare" in done.output


@pytest.mark.parametrize("rows", ["0", "ten", "1,,2", "-5"])
def test_a_number_of_rows_that_is_none_is_refused(rows: str) -> None:
    done = CliRunner().invoke(main, ["run", "haar", "--rows", rows])
    assert done.exit_code == 2
    assert "write 10_000,1_000_000" in done.output


def test_a_section_that_fails_says_so_and_the_others_are_shown(tmp_path: Path) -> None:
    np.savez(tmp_path / "haar.npz", sig=np.ones((8, 3, 40), np.int16), avgl=np.ones((8, 3), np.float32))
    done = run("run", "haar", "goldberg", "--rows", "100", "--signatures", str(tmp_path / "haar.npz"))
    assert done.returncode == 1
    assert "no array 'planes', which goldberg is made of" in done.stderr
    assert "haar, exact top 10" in done.stdout


def test_signatures_of_a_folder_are_those_of_its_pictures_and_can_be_searched(tmp_path: Path) -> None:
    from shards.pictures.decoding import decode

    out = tmp_path / "signatures.npz"
    signed = CliRunner().invoke(main, ["sign", str(ROOT / "demo" / "pictures"), str(out)])
    assert signed.exit_code == 0, signed.output
    assert signed.output.startswith("12 pictures: signatures written")
    first = min((ROOT / "demo" / "pictures").glob("*.jpg"))
    with np.load(out) as file:
        assert file["sig"].shape == (8 * 12, 3, 40)
        row = family("haar").compute(decode(first.read_bytes()))
        assert file["sig"][0].tolist() == row["sig"].tolist()
        assert int(file["dhash"][0]) == int(family("dhash").compute(decode(first.read_bytes()))["hash"][0])
    done = run("run", "haar", "goldberg", "hashes", "--json", "--rows", "200", "--signatures", str(out))
    assert done.returncode == 0, done.stderr


def test_libraries_are_kept_to_one_thread() -> None:
    """Those that would start one for each core do so on a product of this size."""
    program = """
import benchmarks, threading
from pathlib import Path
import numpy as np
from benchmarks.measure import optional, seconds
a = np.ones((1500, 1500), np.float32)
seconds(lambda: a @ a)
faiss = optional("faiss")
if faiss is not None:
    flat = faiss.IndexBinaryFlat(64)
    flat.add(np.zeros((200_000, 8), np.uint8))
    seconds(lambda: flat.search(np.zeros((64, 8), np.uint8), 10))
    assert faiss.omp_get_max_threads() == 1
status = Path("/proc/self/status")
if status.exists():
    (threads,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("Threads:")]
    assert threads == "1", threads
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_measurement_on_several_cores_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    processor = iter([0.0, 2.0])
    monkeypatch.setattr("time.process_time", lambda: next(processor))
    with pytest.raises(RuntimeError, match="ran on several cores"):
        seconds(lambda: None)


def test_a_missing_baseline_is_a_row_without_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    assert optional("no_such_module") is None
    show([Result("searching", 0.001, "FAISS (not installed)", None, "")])
    shown = capsys.readouterr().out
    assert "not measured" in shown
    assert "FAISS (not installed)" in shown


def test_faiss_that_is_not_installed_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "optional", lambda _: None)
    found = [result for result in hashes.run(200) if result.baseline is None]
    assert {result.baseline_name for result in found} == {"FAISS IndexBinaryFlat.search (not installed)"}


def test_postgresql_that_is_not_installed_is_a_row_that_quotes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cluster, "DEBIAN", tmp_path)
    found = postgres.run(200)
    assert [result.baseline for result in found] == [None, None]
    assert all("PostgreSQL is not installed" in result.baseline_name for result in found)
    assert "quoted, not measured: 28.7 ms at 30 million" in found[0].detail


def test_copy_format_is_that_of_postgresql() -> None:
    data = postgres.copy_format(np.array([1, -2], np.int64))
    assert data.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\0\0\0\x08" + b"\0\0\0\0\0\0\0\1")
    assert data.endswith(b"\0\1\0\0\0\x08" + b"\xff" * 7 + b"\xfe" + b"\xff\xff")


def test_plots_and_tables_are_made_from_the_results_beside_them() -> None:
    """Each SVG carries the digest of what it was drawn from, so nothing is drawn here, and matplotlib is not needed."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    stale = [name for name, chart in charts(lines).items() if identifier(PLOTS / name) != chart.digest]
    assert stale == [], f"run .venv/bench/bin/python -m benchmarks plot: {stale} were drawn from other results"
    assert (PLOTS / "results.md").read_text(encoding="utf-8") == table(lines)


def identifier(drawing: Path) -> str | None:
    """The digest of what an SVG was drawn from."""
    return ElementTree.parse(drawing).findtext(".//{http://purl.org/dc/elements/1.1/}identifier")


def test_the_results_say_what_machine_they_are_of() -> None:
    first = RESULTS.read_text(encoding="utf-8").splitlines()[0]
    assert "cores" in json.loads(first)["machine"]


def test_a_chart_has_the_points_of_its_results_by_rising_rows() -> None:
    measured = [(1000, 0.2, 3.0), (100, 0.1, None), (None, 9.0, 9.0)]
    results = [
        Result("top 10", ours, "adding up posting lists", baseline, "", rows=rows, line="haar")
        for rows, ours, baseline in measured
    ]
    assert times("Haar", results, ["haar"]).lines == (
        Line("lookalike", ((100.0, 0.1), (1000.0, 0.2)), is_ours=True),
        Line("adding up posting lists", ((1000.0, 3.0),)),
    )


def test_another_point_makes_another_digest() -> None:
    assert len({Chart("times", (Line("ours", ((1.0, y),)),), "s").digest for y in (1.0, 2.0, 1.0)}) == 2


def test_a_chart_without_a_point_is_refused() -> None:
    with pytest.raises(ValueError, match="has no points"):
        Chart("nothing", (Line("ours", ()),), "s")


def test_the_last_of_several_measurements_counts() -> None:
    first, second, other = (
        Result("what", ours, "baseline", 1.0, "", rows=rows, section="haar")
        for ours, rows in ((3.0, 10), (2.0, 10), (4.0, 5))
    )
    assert latest([first, second, other]) == [other, second]


def test_results_survive_being_written_and_read() -> None:
    result = Result("what", 1.0, "baseline", None, "detail", rows=3, line="haar", section="haar")
    assert read_results([json.dumps({"machine": "x"}), json.dumps(result.to_json()), ""]) == [result]
