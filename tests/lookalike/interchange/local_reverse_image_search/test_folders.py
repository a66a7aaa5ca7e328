"""The pictures in folders are those that local-reverse-image-search takes, under the keys that it gives them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.ingest.original import Original, SourceUnreadable
from lookalike.ingest.outcome import Failure
from lookalike.interchange.local_reverse_image_search import folders


def keys(found: list[str], skip: str | None = None) -> list[str]:
    return [seen.key for seen in folders.pictures(found, skip)]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_names_decide(tmp_path: Path) -> None:
    good = ["a.PNG", "b.jpeg", "c.bmp", "d.gif", "e.svg", "f.jpg_large", "g.jpg.bak", ".hidden.png"]
    touch(tmp_path, *good, "h.webp", "i.txt", "png", "j.jpe")
    assert sorted(keys([str(tmp_path)])) == sorted(str(tmp_path / name) for name in good)


def test_folders_are_entered_but_not_links_to_them_nor_the_index(tmp_path: Path) -> None:
    touch(tmp_path, "p/a.png", "p/.h/b.png", "p/2019/c.png", "p/img.index/d.png", "q/e.png")
    (tmp_path / "p/link").symlink_to(tmp_path / "q")
    (tmp_path / "p/f.png").symlink_to(tmp_path / "q/e.png")
    found = keys([str(tmp_path / "p"), str(tmp_path / "q")], skip=str(tmp_path / "p/img.index"))
    assert found == [str(tmp_path / name) for name in ("p/a.png", "p/f.png", "p/.h/b.png", "p/2019/c.png", "q/e.png")]


@pytest.mark.parametrize("given", ["pics", "pics/", "./pics", "./pics//"])
def test_a_key_is_the_folder_as_it_is_given_and_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "pics/a.png", "pics/b/c.png")
    # what the program does with what os.walk gives: split, and later joined
    walked = [os.path.join(root, name) for root, _, names in os.walk(given) for name in names]  # noqa: PTH118
    assert keys([given]) == [os.path.join(*os.path.split(path)) for path in walked]  # noqa: PTH118
    (first, _) = folders.pictures([given])
    assert isinstance(first, Original)
    assert first.path == str(tmp_path / "pics/a.png")


def test_what_cannot_be_read_is_a_failure_of_its_key(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / ("x" * 250 + ".png")).touch()
    deep = tmp_path
    for _ in range(4):
        deep = deep / ("d" * 200)
        deep.mkdir()
    (deep / ("y" * 250 + ".png")).touch()
    seen = {Path(each.key).name[:4]: each for each in folders.pictures([str(tmp_path)])}
    failures = {name: each.reason for name, each in seen.items() if isinstance(each, Failure)}
    assert {name: failures[name] for name in ("gone", "pipe")} == {"gone": "unreadable", "pipe": "unreadable"}
    assert isinstance(seen["xxxx"], Original)
    assert failures.get("yyyy") in (None, "key")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    with pytest.raises(SourceUnreadable, match=r"img_dirs: .*/b: no such folder; nothing was changed"):
        folders.check("img_dirs", [str(tmp_path), str(tmp_path / "b")])
    with pytest.raises(SourceUnreadable, match=r"img_dirs: .*a\.png: is no folder"):
        folders.check("img_dirs", [str(tmp_path / "a.png")])
