"""What is printed where: tables on a terminal, JSON lines elsewhere, errors in one line on stderr."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from lookalike import Index
from lookalike.cli.output.output import Column, Output
from tests.lookalike.cli.drawing import draw, index_of
from tests.lookalike.cli.running import lines, run, start

ROOT = Path(__file__).parents[3]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "[red]b.png", "c.png"])
    return index_of(tmp_path / "index", tmp_path / "photos", ("dhash",))


def on_a_terminal(*arguments: object, cwd: Path, stdout: IO[bytes] | None = None) -> tuple[int, str]:
    """Return the exit code of a real command on a terminal, and all that it showed there.

    `stdout`: where its output goes, if not to the terminal.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lookalike.cli.lookalike", *(str(argument) for argument in arguments)],
        stdin=theirs,
        stdout=stdout or theirs,
        stderr=theirs,
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 1 << 16):
            shown += block
    except OSError:
        pass  # how a terminal on Linux says that nobody writes to it any more
    os.close(ours)
    return process.wait(), shown.decode()


def test_a_terminal_gets_tables_and_bars(tmp_path: Path) -> None:
    draw(tmp_path / "photos", ["a.png", "[red]b.png"])
    (tmp_path / "photos/bad.png").write_bytes(b"bad")
    code, shown = on_a_terminal("add", tmp_path / "index", tmp_path / "photos", cwd=ROOT)
    assert code == 1
    assert "failed: bad.png: 3 bytes" in shown
    assert "adding" in shown
    assert "2 added, 0 unchanged, 1 failed" in shown
    code, shown = on_a_terminal("search", tmp_path / "index", tmp_path / "photos/a.png", cwd=ROOT)
    assert code == 0
    assert "score" in shown
    assert "[red]b.png" in shown
    assert "{" not in shown


def test_a_resharding_shows_how_far_it_is(index: Index, tmp_path: Path) -> None:
    index.compact()
    code, shown = on_a_terminal("reshard", tmp_path / "index", "2", cwd=ROOT)
    assert code == 0
    assert "resharding" in shown
    assert "3/3" in shown
    assert "1 shard before, 2 now: split 1 segment into 1" in shown


def test_a_bar_on_the_terminal_does_not_swallow_what_goes_into_a_file(tmp_path: Path) -> None:
    draw(tmp_path / "photos", ["a.png", "b.png"])
    with (tmp_path / "said").open("wb") as said:
        code, shown = on_a_terminal("add", tmp_path / "index", tmp_path / "photos", cwd=ROOT, stdout=said)
    assert code == 0
    assert [line["status"] for line in lines((tmp_path / "said").read_bytes())] == ["added", "added", "summary"]
    assert "adding" in shown
    assert '"added"' not in shown


def test_a_pipe_gets_json_unless_text_is_asked_for(index: Index) -> None:
    assert lines(run("list", "index").stdout) == lines(run("list", "index", "--json").stdout)
    assert "{" not in run("list", "index", "--text").stdout


def test_json_is_ascii_whatever_the_names_are(index: Index) -> None:
    index.add("🐱ü.png", (Path("photos/a.png")).read_bytes())
    printed = run("list", "index", "--prefix", "🐱").stdout
    assert printed.isascii()
    assert json.loads(printed)["key"] == "🐱ü.png"


def test_plain_tables_are_aligned_and_have_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    Output("text").table([Column("n", True), Column("name")], [["1", "a\nb"], ["10", "c"]])
    assert capsys.readouterr().out == " n  name\n 1  a\\nb\n10  c\n"


def test_an_error_is_one_line_on_stderr_and_exit_code_2() -> None:
    result = run("stats", "nowhere\n\x1b[31m")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("lookalike: ")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_ctrl_c_is_answered_with_what_is_safe(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Index, "compact", interrupted)
    result = run("compact", "index")
    assert result.exit_code == 130
    assert "the index is whole" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(index: Index) -> None:
    for n in range(300):
        index.add(f"{n:04d}-{'x' * 900}", Path("photos/a.png").read_bytes())
        if n % 100 == 99:
            index.compact()
    process = start("list", index.url, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait() == 141
