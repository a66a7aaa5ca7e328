"""Every command explains itself, and the explanation is true."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest

from lookalike import __version__
from lookalike.cli.app import app
from lookalike.cli.command import Command
from shards.families import DEFAULT
from tests.lookalike.cli.running import run

COMMANDS = sorted(app.commands)


def command(name: str) -> Command:
    found = app.commands[name]
    assert isinstance(found, Command)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_ends_with_examples(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    description, examples = result.stdout.split("\nExamples:\n")
    assert command(name).help
    assert f"lookalike {name}" in examples
    assert "--json" in description or name == "completion"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_a_command_line_that_parses(name: str) -> None:
    for line, meaning in command(name).examples:
        assert meaning
        called = [words for words in pipeline(line) if words[0] == "lookalike"]
        assert called, line
        for _, called_name, *arguments in called:
            context = command(called_name).make_context(called_name, arguments)
            assert context.params, line


def pipeline(line: str) -> list[list[str]]:
    """The commands of a line of shell."""
    commands: list[list[str]] = [[]]
    for word in shlex.split(line):
        if word in ("|", "&&"):
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


def test_help_names_the_families_of_a_new_index() -> None:
    said = " ".join(run("create", "--help").stdout.split())
    assert f"[default: {', '.join(DEFAULT)}]" in said


def test_all_commands_are_listed() -> None:
    listed = run("--help").stdout
    everyday = {"create", "add", "sync", "search", "compare", "duplicates", "undo", "remove", "list", "show"}
    upkeep = {"stats", "compact", "reshard", "collect", "verify", "copy", "backup", "restore"}
    assert (
        set(COMMANDS) == everyday | {"serve", "import", "export", "run", "evaluate", "calibrate", "completion"} | upkeep
    )
    assert all(f"\n  {name} " in listed for name in COMMANDS)


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"lookalike {__version__}\n"


def test_the_module_is_the_command() -> None:
    """`python -m lookalike` works where an installation's scripts are not on the PATH."""
    done = subprocess.run([sys.executable, "-m", "lookalike", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"lookalike {__version__}\n", "")


def test_starting_loads_nothing_that_only_some_commands_need() -> None:
    code = (
        "import sys, shards; before = set(sys.modules)\n"
        "import lookalike.cli.app\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "click" in loaded
    of_some = {
        "numpy",
        "PIL",
        "rich",
        "obstore",
        "pywt",
        "multiprocessing",
        "fastapi",
        "pydantic",
        "starlette",
        "uvicorn",
    }
    assert not of_some & set(loaded)


def test_an_unknown_command_is_a_mistake_of_whoever_typed_it() -> None:
    result = run("serch")
    assert result.exit_code == 2
    assert "serch" in result.stderr
