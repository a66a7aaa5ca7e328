"""Objects as files of a folder: what a crash leaves, what the disk refuses, what other processes see."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shards.errors import CorruptObject, ObjectNotFound, StorageError
from shards.storage.local import ABANDONED_AFTER, TEMPORARY, LocalStore
from shards.testing import StoreTests
from shards.testing.stores import NewStore, names
from tests.conftest import MakeStore

DIES_BEFORE_THE_LINK = """
import os, sys
from shards.storage.local import LocalStore
os.link = lambda *_: os._exit(7)
LocalStore(sys.argv[1]).create("log/1", b"content")
"""

CREATES_WHEN_TOLD = """
import sys
from shards.storage.local import LocalStore
print("ready", flush=True)
sys.stdin.readline()
print(LocalStore(sys.argv[1]).create("log/race", sys.argv[2].encode() * 10_000))
"""

CREATORS = 16


class TestLocal(StoreTests):
    mapped = True

    @pytest.fixture
    def new_store(self, make_store: MakeStore) -> NewStore:
        return lambda: make_store("local")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "made" / "by" / "create"


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_an_object_is_a_file_of_its_name(root: Path) -> None:
    LocalStore(root).create("log/1.npz", b"content")
    assert files(root) == ["log/1.npz"]
    assert (root / "log/1.npz").read_bytes() == b"content"


def test_only_a_create_makes_the_folder(root: Path, tmp_path: Path) -> None:
    store = LocalStore(root)
    assert names(store) == []
    store.delete(["a"])
    with pytest.raises(ObjectNotFound):
        store.get("a")
    assert list(tmp_path.iterdir()) == []


def test_goes_on_when_its_folder_was_removed_and_made_again(root: Path) -> None:
    store = LocalStore(root)
    store.create("a/b", b"")
    (root / "a/b").unlink()
    (root / "a").rmdir()
    (root / TEMPORARY).rmdir()
    root.rmdir()
    assert names(store) == []
    assert store.create("a/b", b"again")
    assert names(store) == ["a/b"]


def test_a_crash_before_the_link_leaves_nothing_that_can_be_seen(root: Path) -> None:
    crashed = subprocess.run([sys.executable, "-c", DIES_BEFORE_THE_LINK, str(root)], check=False)
    assert crashed.returncode == 7
    (left,) = files(root)
    assert left.startswith(f"{TEMPORARY}/")
    store = LocalStore(root)
    assert names(store) == []
    assert names(store, ".") == []
    with pytest.raises(ObjectNotFound):
        store.get("log/1")
    assert store.create("log/1", b"second try")
    assert bytes(store.get("log/1")) == b"second try"


def test_what_a_crash_left_is_removed_by_a_create_an_hour_later(root: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES_BEFORE_THE_LINK, str(root)], check=False)
    (left,) = files(root)
    written = (root / left).stat().st_mtime

    now = written + ABANDONED_AFTER - 1
    store = LocalStore(root, clock=lambda: now)
    store.create("a", b"")
    assert files(root) == [left, "a"]

    now = written + ABANDONED_AFTER + 1
    store.create("b", b"")
    assert files(root) == [left, "a", "b"], "looks once an hour only"
    LocalStore(root, clock=lambda: now).create("c", b"")
    assert files(root) == ["a", "b", "c"]


def test_of_16_processes_at_once_exactly_one_wins(root: Path) -> None:
    creators = [
        subprocess.Popen(
            [sys.executable, "-c", CREATES_WHEN_TOLD, str(root), chr(ord("a") + number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(CREATORS)
    ]
    for creator in creators:
        assert creator.stdout is not None
        assert creator.stdout.readline() == "ready\n"
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("go\n")
        creator.stdin.flush()
    said = [creator.communicate()[0].strip() for creator in creators]
    assert sorted(said) == ["False"] * (CREATORS - 1) + ["True"]
    assert bytes(LocalStore(root).get("log/race")) == chr(ord("a") + said.index("True")).encode() * 10_000
    assert files(root) == ["log/race"]


FOLDERS = {
    "outside": ".",
    "made": "made",
    "by": "made/by",
    "root": "made/by/create",
    "a": "made/by/create/a",
    "a/b": "made/by/create/a/b",
}


def test_everything_is_on_the_disk_before_create_returns(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, link = os.fsync, os.link

    def syncing(descriptor: int) -> None:
        status = os.fstat(descriptor)
        folders = {name: tmp_path / path for name, path in FOLDERS.items()}
        synced = [name for name, path in folders.items() if path.exists() and os.path.samestat(path.stat(), status)]
        done.extend(synced or ["temporary" if stat.S_ISREG(status.st_mode) else "another folder"])
        sync(descriptor)

    def linking(source: Path, target: Path) -> None:
        done.append(f"link {target.relative_to(root)}")
        link(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "link", linking)
    store = LocalStore(root)

    store.create("a/b/c", b"content")
    assert done == ["outside", "made", "by", "root", "a", "temporary", "link a/b/c", "a/b"]

    done.clear()
    store.create("a/b/d", b"content")
    assert done == ["temporary", "link a/b/d", "a/b"], "folders are synced once"

    done.clear()
    store.create("a/b/d", b"content")
    assert done == ["a/b"], "the other creator may have died before it came to this"

    done.clear()
    LocalStore(root).create("a/b/e", b"content")
    assert done == ["root", "a", "temporary", "link a/b/e", "a/b"], "whoever made the folders may have died as well"


def refusing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_failing_disk_is_told_with_the_object_and_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    store = LocalStore(root)
    store.create("a/old", b"")

    def fail(*_: object) -> None:
        raise refusing(number)

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StorageError, match=rf"^a/new: cannot create .*: {os.strerror(number)}$"):
        store.create("a/new", b"content")
    assert files(root) == ["a/old"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object) -> None:
        raise refusing(number)

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(StorageError, match=r"refuses hard links.*give INDEX a path on a disk of this computer"):
        LocalStore(root).create("a", b"content")
    assert files(root) == []


def test_a_folder_that_cannot_be_synced_is_used_all_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise refusing(errno.EINVAL)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    assert LocalStore(root).create("a/b", b"content")


def test_a_store_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="file: this is a file, and a store is a folder"):
        LocalStore(tmp_path / "file")


def test_a_store_below_a_file_is_told_when_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = LocalStore(tmp_path / "file" / "store")
    with pytest.raises(StorageError, match=r"^a: cannot create .*file/store: Not a directory"):
        store.create("a", b"")


def test_a_path_that_no_folder_can_have_is_told_when_it_is_used(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / ("x" * 300))
    with pytest.raises(StorageError, match=r"^a: cannot create .*File name too long"):
        store.create("a", b"")
    with pytest.raises(StorageError, match=r"^a: cannot read .*File name too long"):
        store.get("a")


def test_an_object_cannot_lie_below_an_object(root: Path) -> None:
    store = LocalStore(root)
    store.create("a/b", b"content")
    with pytest.raises(StorageError, match=r"^a/b/c: cannot create .*a/b: File exists"):
        store.create("a/b/c", b"")
    with pytest.raises(StorageError, match=r"^a: cannot create .* other objects' names begin with a/"):
        store.create("a", b"")
    assert names(store) == ["a/b"]


def test_files_of_others_are_not_listed(root: Path) -> None:
    store = LocalStore(root)
    store.create("a/b", b"")
    for foreign in [".DS_Store", "a/.b.swp", "a/notes (1).txt", "a/b~", "ü"]:
        (root / foreign).write_bytes(b"")
    (root / "lost+found").mkdir()
    assert names(store) == ["a/b"]


def test_a_folder_that_cannot_be_read_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(root)
    store.create("a/b", b"")

    def fail(path: Path) -> None:
        raise refusing(errno.EACCES)

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(StorageError, match=r"^a/: cannot list .*/create/a: Permission denied"):
        names(store, "a/")


def test_lists_without_reading_folders_that_cannot_hold_a_match(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(root)
    for name in ["log/1", "manifest/1", "segments/0001/a", "segments/0002/a", "segments/0003/a"]:
        store.create(name, b"")
    read: list[str] = []
    scan = os.scandir

    def scanning(path: Path) -> os._ScandirIterator[str]:
        read.append(str(path.relative_to(root)))
        return scan(str(path))

    monkeypatch.setattr(os, "scandir", scanning)
    for prefix, after, limit, folders in [
        ("log/", "", None, ["log"]),
        ("segments/0002", "", None, ["segments", "segments/0002"]),
        ("segments/", "segments/0002/a", None, ["segments", "segments/0002", "segments/0003"]),
        ("segments/", "segments/0001/a", 1, ["segments", "segments/0001", "segments/0002"]),
        ("", "n", 1, [".", "segments", "segments/0001"]),
    ]:
        read.clear()
        names(store, prefix, after, limit)
        assert read == folders, (prefix, after, limit)


def test_large_objects_are_mapped_and_hold_no_memory_of_their_own(root: Path) -> None:
    store = LocalStore(root)
    store.create("large", bytes(1 << 20))
    view = store.get("large")
    with (root / "large").open("r+b") as file:
        file.write(b"changed behind its back")
    assert bytes(view[:7]) == b"changed"


def test_a_pipe_a_device_and_a_folder_are_no_objects(root: Path) -> None:
    store = LocalStore(root)
    store.create("a/b", b"")
    os.mkfifo(root / "a/pipe")
    (root / "a/device").symlink_to("/dev/zero")
    (root / "a/folder").mkdir()
    reads = [store.get, store.size, lambda name: store.get_ranges(name, [(0, 1 << 40)])]
    for read in reads:
        for name in ("a/pipe", "a/device"):
            with pytest.raises(CorruptObject, match=f"^{name}: is no file in .*, but a pipe"):
                read(name)
        with pytest.raises(ObjectNotFound):
            read("a/folder")


def test_folders_that_link_to_each_other_are_listed_once(root: Path) -> None:
    store = LocalStore(root)
    store.create("a/b", b"")
    for number in range(8):
        (root / f"a/link{number}").symlink_to(root / "a")
        (root / f"root{number}").symlink_to(root)
    assert [name for name in names(store) if not name.startswith("root")] == ["a/b"]
    assert len(names(store)) == 9, "links are followed in the root alone"


def test_a_folder_of_temporary_files_that_leads_elsewhere_is_neither_used_nor_swept(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("of years")
    os.utime(tmp_path / "home/thesis.txt", (1, 1))
    root.mkdir(parents=True)
    (root / TEMPORARY).symlink_to(tmp_path / "home")
    with pytest.raises(StorageError, match="this is a link"):
        LocalStore(root).create("a", b"")
    assert files(tmp_path / "home") == ["thesis.txt"]


def test_what_nobody_wrote_here_is_not_swept(root: Path) -> None:
    store = LocalStore(root, lambda: 1e12)
    (root / TEMPORARY).mkdir(parents=True)
    left = f"123-{'0' * 32}"
    for name in ("thesis.txt", left):
        (root / TEMPORARY / name).write_bytes(b"")
    store.create("a", b"")
    assert files(root / TEMPORARY) == ["thesis.txt"]


@pytest.mark.parametrize("target", ["nowhere", "itself"])
def test_a_link_that_leads_nowhere_is_listed_and_named(root: Path, target: str) -> None:
    store = LocalStore(root)
    store.create("a/b", b"")
    (root / "a/itself").symlink_to(target)
    assert names(store) == ["a/b", "a/itself"]
    for read in (store.get, store.size, lambda name: store.get_ranges(name, [(0, 1)])):
        with pytest.raises(CorruptObject, match=r"^a/itself: is a link in .* that leads to no file"):
            read("a/itself")
    assert not store.create("a/itself", b"")


def test_folders_may_be_as_deep_as_names_are_long(root: Path) -> None:
    store = LocalStore(root)
    deepest = "a/" * 500 + "b"
    store.create(deepest, b"")
    folder = os.open(root / ("a/" * 500), os.O_RDONLY)
    try:
        for _ in range(700):
            os.mkdir("a", dir_fd=folder)
            inner = os.open("a", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
    finally:
        os.close(folder)
    listed = names(store)
    # not left to pytest, whose calls would be as deep
    subprocess.run(["rm", "-rf", root], check=True)
    assert listed == [deepest]


@pytest.mark.parametrize("kind", ["file", "pipe", "link", "socket"])
def test_whatever_lies_in_the_place_of_an_object_can_be_moved(root: Path, kind: str) -> None:
    store = LocalStore(root)
    store.create("a/b", b"content")
    if kind == "pipe":
        os.mkfifo(root / "a/odd")
    elif kind == "link":
        (root / "a/odd").symlink_to("nowhere")
    elif kind == "socket":
        os.mknod(root / "a/odd", stat.S_IFSOCK | 0o600)
    else:
        (root / "a/odd").write_bytes(b"")
    before = (root / "a/odd").lstat()
    assert not store.move("a/odd", "a/b")
    assert store.move("a/odd", "damaged/a/odd")
    assert (root / "damaged/a/odd").lstat().st_ino == before.st_ino
    assert (names(store, "a/"), bytes(store.get("a/b"))) == (["a/b"], b"content")
    with pytest.raises(ObjectNotFound):
        store.move("a/odd", "damaged/again")


def test_a_folder_may_lie_on_another_disk(root: Path, tmp_path: Path) -> None:
    store = LocalStore(root)
    store.create("segments/0000/a", b"content")
    (root / "segments").rename(tmp_path / "larger disk")
    (root / "segments").symlink_to(tmp_path / "larger disk")
    assert names(store, "segments/") == ["segments/0000/a"]
    assert bytes(store.get("segments/0000/a")) == b"content"


def test_hundreds_of_large_objects_need_no_descriptors(root: Path) -> None:
    store = LocalStore(root)
    store.create("large", bytes(1 << 17))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        views = [store.get("large") for _ in range(400)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(views) == 400
