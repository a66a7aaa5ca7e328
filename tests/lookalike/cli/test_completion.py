"""Completion: what a shell is told, in shells that are installed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lookalike.cli.drawing import draw, index_of
from tests.lookalike.cli.running import run
from tests.patience import PATIENCE

BIN = Path(sys.executable).parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with pictures and an index of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    draw(tmp_path / "photos", ["a b.png", "sea.png", "2019:c.png"])
    index_of(Path("photos.index"), tmp_path / "photos")
    (tmp_path / "script").write_text(run("completion", "bash").stdout)
    return tmp_path


def offered(typed: str) -> list[str]:
    """What the function of the script offers in bash; `<file>` where bash is to complete names of files."""
    program = f"""
        compopt() {{ echo "<$2>"; }}
        source ./script
        COMP_LINE={_quoted(typed)} COMP_POINT={len(typed)}
        _lookalike_completion lookalike
        for reply in "${{COMPREPLY[@]}}"; do printf '%s\\n' "$reply"; done
    """
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("lookalike sea", ["search"]),
        ("lookalike search photos.index --fam", ["--family"]),
        ("lookalike search photos.index --family haa", ["haar"]),
        pytest.param("lookalike search photos.index --family=haa", ["haar"], marks=pytest.mark.long),
        pytest.param("lookalike search ph", ["<default>"], marks=pytest.mark.long),
        ("lookalike search photos.index ph", ["<default>"]),
        pytest.param("lookalike add photos.index ", ["<default>"], marks=pytest.mark.long),
        ("lookalike search photos.index --key a", ["a\\ b.png"]),
        pytest.param("lookalike search photos.index --key 2019:", ["c.png"], marks=pytest.mark.long),
        pytest.param("lookalike remove photos.index sea.png 2", ["2019:c.png"], marks=pytest.mark.long),
        pytest.param("lookalike show photos.index s", ["sea.png"], marks=pytest.mark.long),
        pytest.param(
            "lookalike compare --index photos.index a.png key:s", ["<default>", "sea.png"], marks=pytest.mark.long
        ),
        pytest.param("lookalike remove nowhere.index s", [], marks=pytest.mark.long),
        pytest.param("lookalike serve photos.index --cache ", ["<dirnames>"], marks=pytest.mark.long),
    ],
)
@pytest.mark.usefixtures("place")
def test_bash_is_offered_what_can_stand_there(typed: str, expected: list[str]) -> None:
    assert offered(typed) == expected


@pytest.mark.long
def test_names_of_files_are_still_completed_by_an_interactive_bash(place: Path) -> None:
    terminal, other = pty.openpty()
    environment = {**os.environ, "PS1": "ready> ", "TERM": "dumb", "HISTFILE": ""}
    command = ["bash", "--norc", "--noprofile", "-i"]
    shell = subprocess.Popen(
        command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True, close_fds=True
    )
    os.close(other)
    try:
        _until(terminal, b"ready> ")
        os.write(terminal, b"source ./script\n")
        _until(terminal, b"ready> ")
        os.write(terminal, b"lookalike search photos.ind\t")
        _until(terminal, b"photos.index")
        os.write(terminal, b" --key se\t")
        _until(terminal, b"sea.png")
        os.write(terminal, b" photos/a\t")
        _until(terminal, b"a\\ b.png")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def _until(terminal: int, expected: bytes) -> None:
    seen, end = b"", time.monotonic() + PATIENCE
    while expected not in seen:
        assert select.select([terminal], [], [], end - time.monotonic())[0], seen
        seen += os.read(terminal, 4096)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_of_its_shell(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(run("completion", shell).stdout)
    assert "_LOOKALIKE_COMPLETE" in script.read_text()
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    assert subprocess.run([program, "-n", str(script)], capture_output=True, check=True).stderr == b""


def answered(shell: str, **typed: str) -> list[str]:
    """What the command answers to the script of a shell."""
    environment = {**os.environ, "_LOOKALIKE_COMPLETE": f"{shell}_complete", **typed}
    return subprocess.run([BIN / "lookalike"], env=environment, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.long
@pytest.mark.usefixtures("place")
def test_zsh_and_fish_are_told_of_files_and_keys() -> None:
    words = "lookalike search photos.index --key s"
    assert answered("zsh", COMP_WORDS=words, COMP_CWORD="4") == ["plain", "sea.png", "_"]
    assert answered("fish", COMP_WORDS=words, COMP_CWORD="s") == ["plain,sea.png"]
    words = "lookalike search photos.index pho"
    assert answered("zsh", COMP_WORDS=words, COMP_CWORD="3") == ["file", "pho", "_"]
    assert answered("fish", COMP_WORDS=words, COMP_CWORD="pho") == ["file,pho"]
