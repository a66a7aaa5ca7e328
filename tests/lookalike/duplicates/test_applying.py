"""What is done with files, step by step: nothing is lost, whenever it ends, and all of it comes back."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lookalike import Index
from lookalike.duplicates import files, trash
from lookalike.duplicates.applying import Past, settle, unfinished
from lookalike.duplicates.journal import Journal
from lookalike.duplicates.planning import ACTIONS
from lookalike.duplicates.undoing import undo
from shards.errors import StorageError
from tests.lookalike.duplicates.folder import FAMILIES, add, apply_here, copies
from tests.patience import PATIENCE

COMES_BACK = [action for action in ACTIONS if action not in ("delete", "reflink")]
LINKS = ("hardlink", "symlink")


@pytest.fixture(autouse=True)
def homes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("HOME", "home")):
        monkeypatch.setenv(name, str(tmp_path / folder))
        (tmp_path / folder).mkdir()
    # send2trash looks for the trash when it is imported
    monkeypatch.setattr("send2trash.plat_other.HOMETRASH_B", os.fsencode(tmp_path / "data" / "Trash"))
    monkeypatch.setattr("send2trash.plat_other.XDG_DATA_HOME", os.fsencode(tmp_path / "data"))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(str(tmp_path / "index"), families=FAMILIES)
    add(index, tmp_path / "pictures", copies())
    return index


def digests(folder: Path) -> dict[str, str]:
    """The files of a folder, links followed, by their names."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Restored:
    """Notes what is put into the index again, and does it."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.keys: list[str] = []

    def __call__(self, key: str, path: str, meta: Mapping[str, Any], source: Mapping[str, Any]) -> None:
        self.keys.append(key)
        self._index.add(key, Path(path).read_bytes(), meta, source=source)


@pytest.mark.parametrize("action", COMES_BACK)
def test_what_was_done_is_undone(action: str, index: Index, tmp_path: Path) -> None:
    pictures, log = tmp_path / "pictures", tmp_path / "log.jsonl"
    before = digests(pictures)
    is_link = action in LINKS
    into = tmp_path / "gone" if action == "folder" else None
    done = apply_here(index, action, log, exact=is_link, into=into)
    assert (done.files, done.left) == (3 if is_link else 6, [])
    assert is_link or all(path.startswith("masters/") for path in digests(pictures))
    assert index.count() == (9 if is_link else 3)
    assert undo(index, log, Restored(index)).files == done.files
    assert digests(pictures) == before
    assert not [
        path for path in pictures.rglob("*") if path.is_file() and (path.is_symlink() or path.stat().st_nlink > 1)
    ]
    assert index.count() == 9
    assert undo(index, log, Restored(index)).files == 0


def test_what_was_deleted_is_said_to_be_gone(index: Index, tmp_path: Path) -> None:
    done = apply_here(index, "delete", tmp_path / "log")
    assert done.files == 6
    undone = undo(index, tmp_path / "log", Restored(index))
    assert (undone.files, len(undone.left)) == (0, 6)


def test_a_link_takes_the_place_of_an_identical_file_only(index: Index, tmp_path: Path) -> None:
    done = apply_here(index, "hardlink", tmp_path / "log")
    assert done.files == 3
    assert (tmp_path / "pictures/again/0.png").samefile(tmp_path / "pictures/masters/0.png")
    assert not (tmp_path / "pictures/small/0.jpg").samefile(tmp_path / "pictures/masters/0.png")


@pytest.mark.parametrize("harm", ["kept is gone", "kept has changed", "it has changed", "it is a link"])
def test_a_file_is_left_alone_unless_both_are_as_they_were(
    harm: str, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = tmp_path / "pictures"
    plain = Journal.__init__

    def harmed(journal: Journal, path: Path, header: dict[str, Any] | None = None) -> None:
        plain(journal, path, header)
        kept, it = pictures / "masters/1.png", pictures / "again/1.png"
        if harm == "kept is gone":
            kept.unlink()
        elif harm == "kept has changed":
            kept.write_bytes(b"another")
        elif harm == "it has changed":
            it.write_bytes(b"another")
        else:
            it.unlink()
            it.symlink_to(kept)

    monkeypatch.setattr(Journal, "__init__", harmed)
    done = apply_here(index, "delete", tmp_path / "log")
    touched = {"kept is gone": ["again/1.png", "small/1.jpg"], "kept has changed": ["again/1.png", "small/1.jpg"]}
    assert sorted(left.key for left in done.left) == touched.get(harm, ["again/1.png"])
    assert os.path.lexists(pictures / "again/1.png")
    assert "again/1.png" in index.has(["again/1.png"])


def test_a_file_that_another_is_at_the_place_of_is_not_written_over(index: Index, tmp_path: Path) -> None:
    log = tmp_path / "log"
    apply_here(index, "folder", log, into=tmp_path / "gone")
    place = tmp_path / "pictures/again/0.png"
    place.write_bytes(b"mine")
    undone = undo(index, log, Restored(index))
    assert [left.key for left in undone.left] == ["again/0.png"]
    assert place.read_bytes() == b"mine"
    assert (tmp_path / "gone/again/0.png").exists()


def test_a_folder_on_another_file_system_gets_whole_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    (tmp_path / "a").write_bytes(b"picture")
    monkeypatch.setattr(os, "link", refuse)
    files.move(str(tmp_path / "a"), str(tmp_path / "there" / "a"))
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["a"]
    assert (tmp_path / "there" / "a").read_bytes() == b"picture"
    (tmp_path / "b").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        files.move(str(tmp_path / "b"), str(tmp_path / "there" / "a"))
    assert (tmp_path / "b").exists()


def test_a_file_is_found_in_the_trash_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "odd name %20.jpg"
    for content in (b"first", b"second"):
        path.write_bytes(content)
        trash.send(str(path))
    assert {found.read_bytes() for found in trash.found(str(path))} == {b"first", b"second"}


def test_a_log_whose_last_line_was_cut_goes_on(index: Index, tmp_path: Path) -> None:
    log = tmp_path / "state/lookalike/jobs/log.jsonl"
    apply_here(index, "folder", log, into=tmp_path / "gone")
    lines = log.read_bytes().splitlines(keepends=True)
    # the last three: a step's end, what the index has followed, and the end of all
    log.write_bytes(b"".join(lines[:-3]) + lines[-3][:7])
    assert list(unfinished(index)) == [log]
    past = settle(index, log)
    assert past.has_ended
    assert len(past.done) == 6
    assert list(unfinished(index)) == []


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"{}\n", b"hello\n"):
        (tmp_path / "log").write_bytes(content)
        with pytest.raises(StorageError, match="log"):
            Past.of(tmp_path / "log")


DOING = """
import sys
from pathlib import Path
import send2trash
from lookalike import Index
from tests.lookalike.duplicates.folder import apply_here
index = Index.open(sys.argv[1])
index.trust_originals(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
into = Path(sys.argv[5]) if sys.argv[3] == "folder" else None
apply_here(index, sys.argv[3], Path(sys.argv[4]), exact=sys.argv[3] in ("hardlink", "symlink"), into=into)
print("done", flush=True)
"""


class KilledError(BaseException):
    """The end of a process, as far as a test of its own can see it."""


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("line", [1, 2, 3, 8])
def test_what_ends_at_a_line_of_the_log_goes_on_and_comes_back(
    line: int, is_written: bool, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(tmp_path / "pictures")
    log, plain, written = tmp_path / "log", Journal.write, 0

    def write(journal: Journal, document: dict[str, Any]) -> None:
        nonlocal written
        if written == line and not is_written:
            raise KilledError
        plain(journal, document)
        written += 1
        if written == line + 1:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", write)
        with pytest.raises(KilledError):
            apply_here(index, "folder", log, into=tmp_path / "gone")
    past = settle(index, log)
    there = digests(tmp_path / "pictures")
    assert index.has(before) == set(there)
    assert len(past.done) == len(before) - len(there)
    assert undo(index, log, Restored(index)).left == []
    assert digests(tmp_path / "pictures") == before
    assert digests(tmp_path / "gone") == {}
    assert index.has(before) == set(before)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100))
def test_a_process_that_is_killed_at_any_moment_loses_no_picture(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    action = COMES_BACK[seed % len(COMES_BACK)]
    index = Index.create(str(tmp_path / "index"), families=FAMILIES)
    pictures, gone, log = tmp_path / "pictures", tmp_path / "gone", tmp_path / "state/lookalike/jobs/log.jsonl"
    add(index, pictures, copies(6))
    before = digests(pictures)
    given = [index.url, str(pictures), action, str(log), str(gone)]
    process = subprocess.Popen(
        [sys.executable, "-c", DOING, *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()
    # killed once the log has so many lines, at whatever the process is at then
    lines = random.randrange(1, 24)
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and log.read_bytes().count(b"\n") >= lines:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = [*digests(pictures).values(), *digests(gone).values(), *digests(tmp_path / "data").values()]
    for name, digest in before.items():
        is_there = (pictures / name).exists() and digests(pictures)[name] == digest
        assert is_there or digest in found, f"{name} is lost (seed {seed}, {action}, {lines} lines)"
    if log.exists():
        undone = undo(index, log, Restored(index))
        assert undone.left == []
    assert digests(pictures) == before
    assert not [path for path in pictures.rglob("*") if path.is_symlink()]
    assert index.has(before) == set(before)
