"""Which pictures there are to add, and under which keys."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.cli import inputs
from lookalike.cli.output.progress import Progress
from lookalike.cli.refused import RefusedError
from lookalike.ingest import files
from lookalike.ingest.files import Rules, Seen, folder_id
from lookalike.ingest.original import EXTENSIONS, LeftOut, Original, SourceUnreadable
from lookalike.ingest.outcome import Failure

QUIET = Progress(False, "", None, False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def keys(seen: Iterable[Seen]) -> list[str]:
    found = [one for one in seen if not isinstance(one, LeftOut)]
    assert all(isinstance(one, Original) for one in found), found
    return [one.key for one in found]


def left_out(*what: str) -> list[tuple[str, bool]]:
    return sorted((one.kind, one.is_picture) for one in inputs.seen(what, Rules()) if isinstance(one, LeftOut))


def added(*what: str, rules: Rules | None = None) -> list[str]:
    return keys(inputs.seen(what, rules or Rules()))


def test_a_file_in_a_folder_has_its_path_inside_that_folder_as_key(folder: Path) -> None:
    touch(folder, "photos/b.jpg", "photos/a/c.JPEG", "photos/a/d e.png")
    assert added("photos") == added("photos/") == added(str(folder / "photos")) == ["b.jpg", "a/c.JPEG", "a/d e.png"]


def test_a_file_given_by_name_has_its_name_as_key(folder: Path) -> None:
    touch(folder, "photos/b.jpg")
    assert added("./photos//b.jpg") == ["photos/b.jpg"]
    assert added(str(folder / "photos/b.jpg")) == [str(folder / "photos/b.jpg")]


def test_the_source_of_a_picture_is_absolute_and_says_what_a_change_would_change(folder: Path) -> None:
    touch(folder, "b.jpg")
    os.utime(folder / "b.jpg", ns=(5, 1_795_234_925_232_309_397))
    (found,) = inputs.seen(["b.jpg"], Rules())
    assert isinstance(found, Original)
    assert found.source == {"path": str(folder / "b.jpg"), "size": 1, "mtime_ns": 1_795_234_925_232_309_397}


def test_a_prefix_stands_before_every_key(folder: Path) -> None:
    touch(folder, "photos/b.jpg", "c.jpg")
    assert added("photos", "c.jpg", "*.jpg", rules=Rules("x/")) == ["x/b.jpg", "x/c.jpg", "x/c.jpg"]


def test_hidden_files_and_folders_are_left_out_of_folders_but_can_be_named(folder: Path) -> None:
    touch(folder, "photos/.a.jpg", "photos/.trash/b.jpg", "photos/c.jpg")
    assert added("photos") == ["c.jpg"]
    assert added("photos/.a.jpg") == ["photos/.a.jpg"]
    assert added("photos/.trash") == ["b.jpg"]


def test_only_names_of_pictures_are_taken_from_a_folder_unless_all_are_wanted(folder: Path) -> None:
    touch(folder, "photos/a.jpg", "photos/b.txt", "photos/jpg", "photos/c.jpg.part")
    assert added("photos") == ["a.jpg"]
    assert added("photos", rules=Rules(all_files=True)) == ["a.jpg", "b.txt", "c.jpg.part", "jpg"]
    assert added("photos/b.txt") == ["photos/b.txt"]
    assert left_out("photos") == [(".part", False), (".txt", False), ("without extension", False)]
    assert left_out("photos/b.txt") == []


def test_a_file_without_extension_is_told_by_its_content(folder: Path) -> None:
    touch(folder, "photos/a.jpg", "photos/text")
    (folder / "photos/cat").write_bytes(b"\xff\xd8\xff\xe0 and so on")
    (folder / "photos/dog").write_bytes(b"\xff\x0a and so on")
    os.mkfifo(folder / "photos/pipe")
    assert added("photos") == ["a.jpg", "cat"]
    assert added("photos/*") == ["photos/a.jpg", "photos/cat"]
    assert left_out("photos") == [("JPEG XL", True), ("without extension", False), ("without extension", False)]


def test_pictures_that_are_not_read_are_left_out_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(folder, "photos/a.JXL", "photos/b.svg", "photos/c.nef", "photos/d.txt")
    monkeypatch.setattr("lookalike.ingest.original._is_installed", lambda module: True)
    assert added("photos") == ["a.JXL", "c.nef"]
    assert left_out("photos") == [(".svg", True), (".txt", False)]
    monkeypatch.setattr("lookalike.ingest.original._is_installed", lambda module: False)
    assert left_out("photos") == [(".jxl", True), (".nef", True), (".svg", True), (".txt", False)]


def test_a_glob_that_matches_no_picture_is_refused(folder: Path) -> None:
    touch(folder, "a.txt")
    with pytest.raises(SourceUnreadable, match="no picture's name matches"):
        added("*.txt")


@pytest.mark.parametrize("extension", sorted(EXTENSIONS - {"heic", "heif", "hif", "avifs", "mpo"}))
def test_every_extension_is_one_that_pillow_opens(extension: str) -> None:
    Image.init()
    name = Image.registered_extensions()[f".{extension}"]
    assert name in Image.OPEN


def test_links_are_followed_but_never_in_a_circle(folder: Path) -> None:
    touch(folder, "photos/a.jpg", "elsewhere/b.jpg")
    (folder / "photos/more").symlink_to(folder / "elsewhere")
    (folder / "photos/again").symlink_to(folder / "photos")
    (folder / "elsewhere/up").symlink_to(folder)
    (folder / "photos/linked.jpg").symlink_to(folder / "elsewhere/b.jpg")
    assert added("photos") == ["a.jpg", "linked.jpg", "more/b.jpg"]


def test_links_that_lead_nowhere_are_reported(folder: Path) -> None:
    touch(folder, "photos/a.jpg")
    (folder / "photos/gone.jpg").symlink_to(folder / "nothing")
    (folder / "photos/self.jpg").symlink_to(folder / "photos/self.jpg")
    found = list(inputs.seen(["photos"], Rules()))
    assert [(one.key, one.reason) for one in found if isinstance(one, Failure)] == [
        ("gone.jpg", "unreadable"),
        ("self.jpg", "unreadable"),
    ]


def test_what_is_no_file_is_reported_and_not_opened(folder: Path) -> None:
    (folder / "photos").mkdir()
    os.mkfifo(folder / "photos/pipe.jpg")
    (pipe,) = inputs.seen(["photos"], Rules())
    assert isinstance(pipe, Failure)
    assert "no file" in pipe.message


def test_the_index_itself_is_not_looked_into(folder: Path) -> None:
    touch(folder, "photos/a.jpg", "photos/index/b.jpg")
    assert added("photos", rules=Rules(skip=folder_id("photos/index"))) == ["a.jpg"]


def test_a_folder_that_cannot_be_opened_is_reported_with_a_key_for_all_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(folder, "photos/a.jpg", "photos/closed/b.jpg")
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if str(path).endswith("closed/"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = list(inputs.seen(["photos"], Rules("p/")))
    assert [one.key for one in found if not isinstance(one, LeftOut)] == ["p/a.jpg", "p/closed/"]
    assert isinstance(found[1], Failure)
    assert "Permission denied" in found[1].message


def test_names_that_are_no_utf8_are_reported_so_that_they_can_be_printed(folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / "photos" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    (bad,) = inputs.seen(["photos"], Rules())
    assert bad == Failure(
        "caf\\xe9.jpg", "name", f"{folder}/photos/caf\\xe9.jpg: the name is not valid UTF-8; rename it"
    )


@pytest.mark.parametrize("name", ["a b.jpg", "ü.jpg", "🐱.jpg", "new\nline.jpg", "u\u0308.jpg", "-dash.jpg", "[1].jpg"])
def test_any_other_name_is_a_key_as_it_is(folder: Path, name: str) -> None:
    touch(folder, f"photos/{name}")
    assert added("photos") == [name]
    assert added(f"photos/{name}") == [f"photos/{name}"]


def test_keys_that_are_too_long_are_reported(folder: Path) -> None:
    touch(folder, "a.jpg")
    (bad,) = inputs.seen(["a.jpg"], Rules("x" * 1024))
    assert isinstance(bad, Failure)
    assert bad.reason == "key"


PATTERNS = ["*.jpg", "p*/*.jpg", "**", "**/*.png", "photos/**", "photos/**/c.*", "photos/?/*", "./photos/[ab].jpg"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_globs_match_what_python_says_they_match(folder: Path, pattern: str) -> None:
    touch(folder, "a.jpg", "b.png", "photos/a.jpg", "photos/b.jpg", "photos/x/c.png", "photos/x/y/c.jpg", "p/d.jpg")
    touch(folder, "photos/.hidden.jpg", "photos/.hidden/e.jpg")
    matched = {os.path.normpath(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file()}  # noqa: PTH207 - the oracle
    assert matched
    assert set(added(pattern)) == matched


def test_globs_can_be_absolute_and_have_prefixes(folder: Path) -> None:
    touch(folder, "photos/a.jpg")
    assert added(f"{folder}/p*/*.jpg") == [f"{folder}/photos/a.jpg"]
    assert added("photos/*.jpg", rules=Rules("x/")) == ["x/photos/a.jpg"]


def test_a_file_that_is_called_like_a_glob_is_a_file(folder: Path) -> None:
    touch(folder, "[ab].jpg", "a.jpg")
    assert added("[ab].jpg") == ["[ab].jpg"]


@pytest.mark.parametrize("name", ["nothing", "nothing.jpg", "*.jpg", "nothing/*.jpg"])
def test_a_name_without_a_file_is_refused_and_named(folder: Path, name: str) -> None:
    with pytest.raises(SourceUnreadable, match="nothing" if "nothing" in name else r"\*\.jpg"):
        added(name)


def test_in_a_list_a_name_without_a_file_costs_no_other(folder: Path) -> None:
    touch(folder, "a.jpg", "photos/b.jpg")
    found = list(files.in_list(iter(["a.jpg", "nothing.jpg", "photos"]), Rules("p/")))
    assert [one.key for one in found if not isinstance(one, LeftOut)] == ["p/a.jpg", "p/nothing.jpg", "p/b.jpg"]
    assert isinstance(found[1], Failure)


def test_two_pictures_with_one_key_are_refused_and_both_named(folder: Path) -> None:
    touch(folder, "one/x.jpg", "two/x.jpg")
    with pytest.raises(RefusedError, match=r"one/x\.jpg and .*two/x\.jpg would both get the key 'x\.jpg'"):
        inputs.gather(inputs.seen(["one", "two"], Rules()), QUIET)


def test_the_same_picture_given_twice_is_one(folder: Path) -> None:
    touch(folder, "one/x.jpg")
    gathered = inputs.gather(inputs.seen(["one/x.jpg", "./one/x.jpg", "one/*"], Rules()), QUIET)
    assert list(gathered.by_key) == ["one/x.jpg"]


class Dribble(io.BytesIO):
    """A stream that gives as little at once as a slow pipe."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 3, 3))


@given(st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name)))
def test_lists_of_names_are_read_whatever_bytes_they_have(names: list[bytes]) -> None:
    listed = inputs.listed(Dribble(b"\0".join(names)), b"\0")
    assert [os.fsencode(name) for name in listed] == names
