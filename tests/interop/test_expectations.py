"""Every file of another system is imported as its maker would expect: exit code, counts, and what is said."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from lookalike import Index
from tests.lookalike.cli.running import lines, run

HERE = Path(__file__).parent

OPTIONS = {"--hash-column": "--hash"}
"""Options whose names were a proposal when the files were made."""


REMARKS = {
    "or exit 2 with the words: iqdb convert",
    "md5 into the metadata",
    "what could be read is reported; nothing is silently left out",
    "the folder is unchanged afterwards",
}
"""Words in the last column that tell people what to look at; tests of the reader do."""


class Case(NamedTuple):
    path: Path
    options: list[str]
    exit_code: int
    imported: int | None
    """None where it depends on how much of a damaged file can be read."""

    skipped: int
    refused: int | None
    words: list[str]


def cases() -> list[Case]:
    found = []
    for listed in sorted(HERE.glob("*/expect.json")):
        for name, options, code, imported, skipped, refused, words in json.loads(listed.read_text())["files"]:
            words_of = shlex.split(options.partition("(")[0])  # in brackets is a remark
            if words_of and "/" in words_of[0]:
                name = words_of.pop(0)
            given = [OPTIONS.get(option, option) for option in words_of] if options.startswith("--") else []
            path = listed.parent / name
            if not path.exists():
                path = path.with_name(f"{path.name}.gz")
            found.append(Case(path, given, code, imported, skipped, refused, words))
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.path.parent.name}/{case.path.name}")
def test_a_file_is_imported_as_expected(case: Case, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", case.path, *case.options)
    assert result.exit_code == case.exit_code, result.stderr
    said = result.stderr + result.stdout
    for words in set(case.words) - REMARKS:
        assert words in said
    if case.exit_code == 2:
        assert not (tmp_path / "index").exists()
        return
    summary = lines(result.stdout)[-1]
    assert summary["status"] == "summary"
    if case.imported is not None:
        assert summary["imported"] == case.imported
        assert summary["refused"] == case.refused
        assert summary["skipped"] == case.skipped
    refused = [line for line in lines(result.stdout) if line["status"] == "refused"]
    assert len(refused) == summary["refused"]
    if summary["imported"]:
        assert Index.open(str(tmp_path / "index")).count() == summary["imported"]
