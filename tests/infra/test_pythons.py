"""The newest Python of a machine is found, whatever else is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from infra import pythons


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, `bin`, that is all of the PATH, and a home with no pyenv in it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    return tmp_path


def python(path: Path, version: str, status: int = 0) -> Path:
    """Write a program that says it is this version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_highest_number_is_the_newest(machine: Path) -> None:
    python(machine / "bin" / "python3.9", "3 9 18")
    newest = python(machine / "bin" / "python3.13", "3 13 0")
    python(machine / "bin" / "python3", "3 12 1")
    assert pythons.newest() == newest


def test_versions_of_pyenv_count(machine: Path) -> None:
    python(machine / "bin" / "python3", "3 11 7")
    newest = python(machine / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3.13", "3 13 0")
    assert pythons.newest() == newest


def test_what_does_not_run_is_none(machine: Path) -> None:
    found = python(machine / "bin" / "python3", "3 11 7")
    python(machine / "bin" / "python3.12", "", status=127)  # a placeholder of pyenv
    (machine / "bin" / "python3.13").write_bytes(b"not a program")
    python(machine / "bin" / "python3-config", "9 9 9")
    assert pythons.newest() == found


def test_too_old_ones_only_are_an_error(machine: Path) -> None:
    python(machine / "bin" / "python3", "3 10 13")
    with pytest.raises(LookupError, match=r"no Python 3\.11 or later"):
        pythons.newest()


def test_one_may_be_asked_for_by_its_number(machine: Path) -> None:
    python(machine / "bin" / "python3.14", "3 14 0")
    asked = python(machine / "bin" / "python3.13", "3 13 1")
    assert pythons.newest("3.13") == asked
    with pytest.raises(LookupError, match=r"no Python 3\.12 on the PATH"):
        pythons.newest("3.12")


def test_this_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert pythons.version_of(pythons.newest()) >= sys.version_info[:3]
