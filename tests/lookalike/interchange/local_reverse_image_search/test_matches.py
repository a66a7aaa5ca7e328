"""`matches.csv` is what the program itself writes, byte by byte."""

from __future__ import annotations

import csv
from pathlib import Path

from lookalike.interchange.local_reverse_image_search import matches
from tests.lookalike.interchange.reading import INTEROP

ORIGINAL = INTEROP / "local-reverse-image-search" / "matches.csv"


def test_the_programs_own_file_comes_out_again(tmp_path: Path) -> None:
    with ORIGINAL.open(encoding="utf-8-sig", newline="") as file:
        groups: list[tuple[list[str], list[str]]] = []
        for row in csv.DictReader(file):
            if row["input_path"]:
                groups.append((row["input_path"].split(" | "), []))
            groups[-1][1].append(row["match_path"])
    assert matches.write(tmp_path / "matches.csv", groups) == sum(len(found) for _, found in groups)
    assert (tmp_path / "matches.csv").read_bytes() == ORIGINAL.read_bytes()


def test_pictures_of_one_hash_are_one_line_and_those_without_a_match_none(tmp_path: Path) -> None:
    assert matches.write(tmp_path / "m.csv", [(["/i/a.png", "/i/b.png"], ["/p/x, y.png"]), (["/i/c.png"], [])]) == 1
    text = (tmp_path / "m.csv").read_bytes().decode("utf-8-sig")
    assert text == (
        'input_path,match_path,match_directory,match_filename\r\n/i/a.png | /i/b.png,"/p/x, y.png",/p,"x, y.png"\r\n'
    )


def test_paths_of_windows_are_taken_apart_as_windows_does() -> None:
    assert matches.split("C:\\Users\\x\\a.png") == ("C:\\Users\\x", "a.png")
    assert matches.split("\\\\server\\x\\a.png") == ("\\\\server\\x\\", "a.png")
    assert matches.split("/p/a\\b.png") == ("/p", "a\\b.png")
