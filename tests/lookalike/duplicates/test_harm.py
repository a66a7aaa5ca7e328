"""What could make a picture be lost: two at work at once, one file under two paths, a log from somebody else."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lookalike import Index
from lookalike.duplicates import files, journal
from lookalike.duplicates.applying import apply, settle
from lookalike.duplicates.journal import Journal
from lookalike.duplicates.keep import Keeping
from lookalike.duplicates.marking import all_but_the_best
from lookalike.duplicates.planning import Plan, plan
from lookalike.duplicates.review import Asked
from lookalike.duplicates.undoing import undo
from shards.errors import StorageError
from tests.lookalike.duplicates.folder import FAMILIES, add, encoded, picture, review_here


@pytest.fixture(autouse=True)
def homes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


@pytest.fixture
def index(tmp_path: Path, pictures: Path) -> Index:
    index = Index.create(str(tmp_path / "index"), families=FAMILIES)
    data = encoded(picture(1))
    add(index, pictures, {"a/1.png": data, "b/1.png": data})
    return index


def planned(index: Index, action: str = "delete", *, protect: tuple[str, ...] = ("a/",)) -> Plan:
    review = review_here(index, Asked(tiers=("identical", "same")))
    choices = all_but_the_best(review, Keeping.of(protect=protect), ("identical", "same"))
    return plan(choices, action, index.originals, protect=protect)


def nothing(key: str, path: str, meta: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    """Put nothing into the index."""


def logged(tmp_path: Path, index: Index, action: str, *, is_done: bool = True, **changed: Any) -> Path:
    """Return a log that somebody else wrote: of one step, with these of its facts."""
    made = planned(index).steps[0].document()
    step = {**made, "target": None, "mode": 0o644, "mtime_ns": 0, **changed}
    step["source"] = {**made["source"], "path": step["path"]}
    header = {"index": index.url, "action": action, "folder": None, "files": 1}
    log = tmp_path / "log.jsonl"
    with Journal(log, header) as written:
        written.write({"step": 0, "begin": step})
        if is_done:
            written.write({"step": 0, "done": True})
    return log


def test_two_are_not_at_work_at_once(index: Index, tmp_path: Path, pictures: Path) -> None:
    with journal.alone(), pytest.raises(StorageError, match="another process works on files of duplicates"):
        apply(index, planned(index), tmp_path / "log.jsonl")
    assert (pictures / "b/1.png").exists()
    assert apply(index, planned(index), tmp_path / "log.jsonl").files == 1


def test_a_folder_that_became_a_link_to_the_other_keeps_its_file(index: Index, tmp_path: Path, pictures: Path) -> None:
    made = planned(index)
    shutil.rmtree(pictures / "b")
    (pictures / "b").symlink_to(pictures / "a")
    done = apply(index, made, tmp_path / "log.jsonl")
    assert (done.files, [left.reason for left in done.left]) == (0, ["it and a/1.png, which is kept, are one file"])
    assert (pictures / "a/1.png").exists()


def test_one_file_under_two_names_that_differ_in_case_is_one(tmp_path: Path) -> None:
    file = tmp_path / "IMG.jpg"
    file.write_bytes(b"1")
    other = tmp_path / "other.jpg"
    os.link(file, other)
    status = file.stat()
    assert files.are_one(str(file), str(tmp_path / "img.jpg"), status, status)
    assert not files.are_one(str(file), str(other), status, status)


def test_a_folder_that_is_mounted_twice_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"1")
    (tmp_path / "again").symlink_to(tmp_path / "one")
    # a share that is mounted twice has another device, and other inodes, at each place
    monkeypatch.setattr(Path, "samefile", lambda *_: False)
    one, two = (tmp_path / name / "1.png" for name in ("one", "two"))
    again = tmp_path / "again/1.png"
    assert files.are_one(str(one), str(again), one.stat(), two.stat())
    assert not files.are_one(str(one), str(two), one.stat(), two.stat())
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["1.png"]


def test_a_protected_file_is_not_touched_through_a_link_to_its_folder(
    index: Index, tmp_path: Path, pictures: Path
) -> None:
    add(index, pictures, {"small/2.png": encoded(picture(2, 48)), "big/2.png": encoded(picture(2).resize((96, 96)))})
    small = encoded(picture(2).resize((48, 48)))
    add(index, pictures, {"small/2.png": small})
    (pictures / "all").symlink_to(pictures / "small")
    add(index, pictures, {"all/2.png": small})
    made = planned(index, protect=("small/",))
    assert "all/2.png" not in [step.key for step in made.steps]
    assert ("all/2.png", "a link leads to its file, which is the file of another name") in [
        (refusal.key, refusal.reason) for refusal in made.refusals
    ]
    apply(index, made, tmp_path / "log.jsonl")
    assert (pictures / "small/2.png").exists()


def test_a_folder_that_was_added_by_a_link_is_cleaned_up_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    index = Index.create(str(tmp_path / "index"), families=FAMILIES)
    data = encoded(picture(1))
    add(index, tmp_path / "link", {"a/1.png": data, "b/1.png": data})
    assert [step.key for step in planned(index).steps] == ["b/1.png"]


def test_a_file_that_a_link_of_its_group_leads_to_stays(index: Index, pictures: Path) -> None:
    data = (pictures / "b/1.png").read_bytes()
    add(index, pictures, {"c/1.png": data})
    (pictures / "c/1.png").unlink()
    (pictures / "c/1.png").symlink_to(pictures / "b/1.png")
    assert {refusal.key: refusal.reason for refusal in planned(index).refusals} == {
        "b/1.png": "a link of its group leads to it, and would lead nowhere",
        "c/1.png": "a link leads to its file, which is the file of another name",
    }


def test_a_link_is_not_what_is_kept(index: Index, pictures: Path) -> None:
    add(index, pictures, {"0.png": (pictures / "b/1.png").read_bytes()})
    (pictures / "0.png").unlink()
    (pictures / "0.png").symlink_to(pictures / "a/1.png")
    made = planned(index, protect=())
    assert [(step.key, step.kept) for step in made.steps] == [("b/1.png", "a/1.png")]
    assert [refusal.key for refusal in made.refusals] == ["0.png"]


def test_a_second_name_of_a_file_wins_no_bytes(index: Index, pictures: Path) -> None:
    assert planned(index).bytes > 0
    (pictures / "b/1.png").unlink()
    os.link(pictures / "a/1.png", pictures / "b/1.png")
    made = planned(index)
    assert (len(made.steps), made.bytes) == (1, 0)
    assert [refusal.reason for refusal in planned(index, "hardlink").refusals] == [
        "it and the kept file are one already"
    ]


def test_the_last_name_of_a_file_wins_its_bytes(index: Index, pictures: Path) -> None:
    once = planned(index).bytes
    add(index, pictures, {"c/1.png": (pictures / "b/1.png").read_bytes()})
    (pictures / "c/1.png").unlink()
    os.link(pictures / "b/1.png", pictures / "c/1.png")
    made = planned(index)
    assert (len(made.steps), made.bytes) == (2, once)


def test_a_log_writes_nothing_outside_of_added_folders(index: Index, tmp_path: Path, pictures: Path) -> None:
    outside = tmp_path / "outside/1.png"
    log = logged(tmp_path, index, "folder", path=str(outside), target=str(pictures / "b/1.png"))
    undone = undo(index, log, nothing)
    assert [left.reason for left in undone.left] == [f"{outside} is in no folder that was added on this machine"]
    assert not outside.parent.exists()
    assert (pictures / "b/1.png").exists()


def test_a_log_changes_no_link_outside_of_added_folders(index: Index, tmp_path: Path, pictures: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(pictures / "a/1.png")
    undone = undo(index, logged(tmp_path, index, "symlink", path=str(link)), nothing)
    assert (undone.files, link.is_symlink()) == (0, True)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_log_that_calls_a_file_its_own_copy_removes_nothing(
    is_done: bool, index: Index, tmp_path: Path, pictures: Path
) -> None:
    place = str(pictures / "b/1.png")
    undo(index, logged(tmp_path, index, "folder", is_done=is_done, path=place, target=place), nothing)
    assert Path(place).exists()


def test_an_interrupted_step_removes_a_copy_of_its_file_alone(index: Index, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    settle(index, logged(tmp_path, index, "folder", is_done=False, target=str(other)))
    assert other.read_bytes() == b"somebody's"


def test_a_log_takes_no_image_out_of_the_index_whose_file_is_there(index: Index, tmp_path: Path) -> None:
    settle(index, logged(tmp_path, index, "delete"))
    assert index.count() == 2


def test_a_log_without_room_ends_it_before_the_next_file(
    index: Index, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, plain, lines = planned(index), os.write, 0

    def full(descriptor: int, data: bytes) -> int:
        nonlocal lines
        lines += b'{"' in data
        if lines > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match=r"log\.jsonl: cannot be written: No space left on device"):
        apply(index, made, tmp_path / "log.jsonl")
    assert (pictures / "b/1.png").exists()


@pytest.mark.parametrize(
    "changed",
    [{"path": 1}, {"path": "b/1.png"}, {"path": "/\0"}, {"mode": "x"}, {"meta": None}, {"target": 5}, {"sha256": None}],
)
def test_a_damaged_log_is_refused(changed: dict[str, Any], index: Index, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is damaged"):
        undo(index, logged(tmp_path, index, "trash", **changed), nothing)


def test_a_log_of_an_unknown_action_is_refused(index: Index, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"log": "lookalike duplicates", "version": 1, "action": "burn", "index": index.url}))
    with pytest.raises(StorageError, match="names no action"):
        undo(index, log, nothing)


def test_a_file_that_changes_while_it_is_copied_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, target = tmp_path / "1.png", tmp_path / "gone/1.png"
    file.write_bytes(b"old")
    plain = shutil.copy2

    def changing(path: str, to: str, **rest: Any) -> None:
        plain(path, to, **rest)
        file.write_bytes(b"newer")

    def another(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", another)
    monkeypatch.setattr(shutil, "copy2", changing)
    with pytest.raises(OSError, match="changed while it was copied"):
        files.move(str(file), str(target))
    assert file.read_bytes() == b"newer"
    assert not target.exists()


def test_a_file_that_cannot_leave_its_folder_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, target = tmp_path / "1.png", tmp_path / "gone/1.png"
    file.write_bytes(b"1")
    plain = os.unlink

    def refused(path: str | Path, **rest: Any) -> None:
        if str(path) == str(file):
            raise OSError(errno.EROFS, "Read-only file system")
        plain(path, **rest)

    monkeypatch.setattr(os, "unlink", refused)
    with pytest.raises(OSError, match="Read-only"):
        files.move(str(file), str(target))
    assert file.read_bytes() == b"1"
    assert not target.exists()
