"""The README and docs/ say what is so: their commands run, their code runs, their links lead somewhere.

A shell block is run with `bash -e` in a folder with `photos/`, the demo's pictures, `copy.jpg`, a postcard made of one
of them, and files of other systems (`DUMPS`). Python on a page for users of another system runs there, too. A block
after `<!-- not run: why -->` is only checked: its commands must exist and take these options and arguments.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from demo.place import PICTURES
from demo.report import POSTCARD
from lookalike.cli.app import app

ROOT = Path(__file__).parent.parent
NAMES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"]
PAGES = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").rglob("*.md"))]
README = ROOT / "README.md"

INTEROP = ROOT / "tests" / "interop"
DUMPS = {
    "wiki.sql.gz": "postgres/plain.sql.gz",
    "images.jsonl.gz": "image-match/elasticdump.jsonl.gz",
    "iqdb.sqlite": "iqdb/iqdb.sqlite",
    "img.db": "local-reverse-image-search/dhash8.img.db",
    "known.csv": "hashes/pdq-hash-quality-id.csv",
}
"""Files of other systems that pages import, by the names that they have there."""

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>.+?) -->\n\s*)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
PATH = re.compile(r"`((?:lookalike|shards|functions|infra|tests|benchmarks|demo|examples)/[\w./]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)#\s]+)[^)]*\)")
SHELL = ("sh", "bash", "shell")
CONTROL = re.compile(r"\|\||&&|[|;<>]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `why`: the reason why it is not to be run, or nothing."""

    page: Path
    line: int
    language: str
    text: str
    why: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match["language"] in languages:
                line = text.count("\n", 0, match.start("language")) + 1
                found.append(Block(page, line, match["language"], match["text"], match["why"]))
    return found


RUN = [block for block in blocks(*SHELL) if not block.why]
NOT_RUN = [block for block in blocks(*SHELL) if block.why]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the pages' commands find where they are run."""
    shutil.copytree(PICTURES, tmp_path / "photos", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(POSTCARD, tmp_path / "copy.jpg")
    for name, of_another_system in DUMPS.items():
        shutil.copy(INTEROP / of_another_system, tmp_path / name)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def commands(block: Block) -> list[list[str]]:
    """The simple commands of a shell block, as words."""
    found = []
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(CONTROL.split(line)[0], comments=True)
        if words:
            found.append(words)
    return found


@pytest.mark.parametrize(
    "block",
    # every command starts Python anew: the README's are run with every change, those of other pages in the second tier
    [pytest.param(block, marks=[] if block.page == README else [pytest.mark.long]) for block in RUN],
    ids=str,
)
def test_a_shell_block_runs(block: Block, folder: Path) -> None:
    done = run(folder, "bash", "-euo", "pipefail", "-c", block.text)
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_a_shell_block_that_is_not_run_has_commands_that_exist(block: Block) -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    checked = 0
    for program, *arguments in commands(block):
        if program == "make":
            assert set(arguments) <= set(targets), f"{block}: make {arguments}"
            checked += 1
        elif program == "lookalike":
            parse(arguments)
            checked += 1
    assert checked, f"{block} has no command of ours: it need not be a shell block"


def parse(arguments: list[str]) -> None:
    """Raises click.UsageError unless `lookalike` takes these arguments. Nothing is done."""
    with click.Context(app, info_name="lookalike") as context:
        name, command, rest = app.resolve_command(context, list(arguments))
        assert command is not None
        command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(
    "arguments", [["serach", "i"], ["search", "i", "--nonsense"], ["create", "i", "--shards", "x"]]
)
def test_a_wrong_command_would_be_noticed(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parse(arguments)


def test_the_library_example_finds_the_picture_that_the_copy_was_made_of(folder: Path) -> None:
    (block,) = [block for block in blocks("python") if block.page == README]
    done = run(folder, sys.executable, "-W", "error", "-c", block.text)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"raccoon\.jpg certain \w+ \d+\.\d mirrored\n", done.stdout)


@pytest.mark.parametrize("block", [one for one in blocks("python") if one.page.name.startswith("from-")], ids=str)
def test_python_for_users_of_another_system_runs(block: Block, folder: Path) -> None:
    if block.why:
        compile(block.text, str(block), "exec")
        return
    done = run(folder, sys.executable, "-W", "error", "-c", block.text)
    assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_a_script_of_image_match_finds_the_picture_that_the_copy_was_made_of(folder: Path) -> None:
    page = ROOT / "docs" / "from-image-match.md"
    (block,) = [block for block in blocks("python") if block.page == page and not block.why]
    done = run(folder, sys.executable, "-W", "error", "-c", block.text)
    assert re.fullmatch(r"photos/raccoon\.jpg 0\.\d+ zoo\n0\n", done.stdout), done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_files_of_the_source_that_a_page_names_are_there(page: Path) -> None:
    """NAME stands for what somebody adds."""
    named = [match[1] for match in PATH.finditer(page.read_text(encoding="utf-8"))]
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []
