"""Objects as files of a folder: durable, atomic, and read through memory maps. POSIX file systems only.

An object becomes visible by a hard link to a file that is complete and on the disk already. A link fails
where the name is taken, so of any number of creators, in any number of processes, exactly one succeeds, and
no reader ever sees half an object. A rename would overwrite, and opening the name itself with O_EXCL would
show an object that a crash leaves half written; so a file system without hard links (exFAT, some network
mounts) is refused.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from shards.errors import CorruptObject, ObjectNotFound, StorageError
from shards.storage._names import PART, check_name, folder_of, is_name
from shards.storage.base import Data, Entry, check_size
from shards.storage.maps import SMALLEST_MAP, map_file
from shards.storage.ranges import check_ranges

TEMPORARY = ".tmp"
"""The folder of files that are being written. No object's name begins with a dot, so no object can lie in it."""

TEMPORARY_NAME = re.compile("[0-9]+-[0-9a-f]{32}")
"""A process and a random number. Files of other names in that folder are somebody's own."""

ABANDONED_AFTER = 3600.0
"""Seconds since the last write to a temporary file after which it is removed. A write that stalls so long has lost its
process; if it has not, its link fails and its creator gets an error."""

READ_AT_ONCE = 1 << 30
"""Bytes that are read by one call: some systems take no more than 2 GB."""

LEADS_NOWHERE = {errno.ENOENT, errno.ELOOP}
"""Errors in following a link to nothing, or to itself."""

NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class LocalStore:
    """The objects in a folder, as files."""

    def __init__(self, root: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        """Use the folder `root`, which the first create makes. `clock` returns the seconds since 1970."""
        self._root = Path(root).absolute()
        # unlike Path.exists, this says no where a folder on the way may not be read: every use will say why
        if os.path.exists(self._root) and not self._root.is_dir():  # noqa: PTH110
            raise StorageError(f"{self._root}: this is a file, and a store is a folder")
        self._clock = clock
        self._swept = float("-inf")
        self._durable: set[Path] = set()

    @property
    def url(self) -> str:
        return str(self._root)

    @property
    def mapped(self) -> bool:
        return True

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        with self._open(name) as (descriptor, status):
            check_size(name, status.st_size, max_bytes)
            if status.st_size < SMALLEST_MAP:
                return memoryview(_read(descriptor, 0, status.st_size))
            return map_file(descriptor, str(self._path(name)), status)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Read ranges as the contract says. They are copies: a file that is cut short meanwhile does no harm."""
        check_ranges(name, ranges)
        with self._open(name) as (descriptor, status):
            return [memoryview(_read(descriptor, start, min(stop, status.st_size))) for start, stop in ranges]

    def create(self, name: str, data: Data) -> bool:
        """Create as the contract says. The file, its name and its folders are on the disk when this returns."""
        path = self._path(name)
        with self._failing_as("create", name, path):
            self._make_folder(path.parent)
            self._make_temporary()
            self._sweep()
            created = not path.exists() and self._write(path, data)
            if not created and path.is_dir():
                raise StorageError(f"{name}: cannot create in {self.url}: other objects' names begin with {name}/")
            # also where the object was there already: its creator may have died between the link and this
            _sync_folder(path.parent)
            return created

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        folder = folder_of(prefix)
        return iter(()) if folder is None else islice(self._entries(folder, prefix, after), limit)

    def delete(self, names: Sequence[str]) -> None:
        """Delete as the contract says. Folders stay: removing them would race with creators, and they are few."""
        for path in [self._path(name) for name in names]:
            name = path.relative_to(self._root).as_posix()
            with self._failing_as("delete", name, path), suppress(FileNotFoundError, NotADirectoryError):
                if not path.is_dir():
                    path.unlink()

    def size(self, name: str) -> int:
        path = self._path(name)
        with self._failing_as("look at", name, path):
            status = path.stat()
            _check_regular(name, self.url, status)
            return status.st_size

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._root / name

    def move(self, name: str, new: str) -> bool:
        """Give whatever lies at `name`, a pipe or a device too, a new name; return False where that is taken.

        Nothing is read. Raises ObjectNotFound, and StorageError where the new name would be on another disk.
        """
        path, moved = self._path(name), self._path(new)
        with self._failing_as("move", name, path):
            self._make_folder(moved.parent)
            try:
                os.link(path, moved, follow_symlinks=False)
            except FileExistsError:
                return False
            path.unlink()
            _sync_folder(moved.parent)
            _sync_folder(path.parent)
            return True

    @contextmanager
    def _failing_as(self, verb: str, name: str, path: Path) -> Iterator[None]:
        """Turn errors of the operating system into those of the contract."""
        try:
            yield
        except OSError as error:
            if verb != "create" and error.errno in LEADS_NOWHERE and path.is_symlink():
                raise CorruptObject(name, f"is a link in {self.url} that leads to no file") from error
            # a part of the path that is a file means, for a reader, that there is no such object
            if verb != "create" and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
                raise ObjectNotFound(name, self.url) from error
            raise StorageError(f"{name}: cannot {verb} {error.filename or path}: {error.strerror}") from error

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[int, os.stat_result]]:
        """Open a file for reading, and look at it. Nothing else is opened: a pipe would wait for a writer for ever."""
        path = self._path(name)
        with self._failing_as("read", name, path):
            _check_regular(name, self.url, path.stat())
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                # once more: it may have been replaced since
                status = os.fstat(descriptor)
                _check_regular(name, self.url, status)
                yield descriptor, status
            finally:
                os.close(descriptor)

    def _write(self, path: Path, data: Data) -> bool:
        """Write a temporary file and link it to `path`; return True if the name was free."""
        temporary = self._root / TEMPORARY / f"{os.getpid()}-{secrets.token_hex(16)}"
        try:
            with temporary.open("xb", buffering=0) as file:
                rest = memoryview(data).cast("B")
                while rest:
                    # one write takes 2 GB at most, and may take less
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                raise StorageError(
                    f"{path}: this file system refuses hard links ({error.strerror}), without which no object"
                    " can be created safely, as exFAT and some network drives do; give INDEX a path on a disk of this"
                    " computer: the pictures may stay where they are"
                ) from error
            return True
        finally:
            temporary.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        """Make the folder and its parents, and put the name of each of them on the disk.

        A folder inside the root that is there already counts as durable only once this process has synced its
        parent: the process that made the folder may not have come to that yet.
        """
        try:
            folder.mkdir()
        except FileNotFoundError:
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
        except FileExistsError:
            if not folder.is_dir():
                raise
            if folder in self._durable or self._root not in folder.parents:
                return
            self._make_folder(folder.parent)
        _sync_folder(folder.parent)
        self._durable.add(folder)

    def _make_temporary(self) -> None:
        """Make the folder of temporary files. One that leads elsewhere is not used, and never swept."""
        folder = self._root / TEMPORARY
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise StorageError(f"{folder}: this is a link; what is written goes through a folder of the index itself")

    def _sweep(self) -> None:
        """Remove the temporary files that crashes left, at the first create and then once an hour."""
        now = self._clock()
        if now - self._swept < ABANDONED_AFTER:
            return
        self._swept = now
        for path in (self._root / TEMPORARY).iterdir():
            # another process may sweep the same file or finish with it; the files of other users are theirs to sweep
            with suppress(FileNotFoundError, PermissionError):
                if TEMPORARY_NAME.fullmatch(path.name) and now - path.lstat().st_mtime > ABANDONED_AFTER:
                    path.unlink()

    def _entries(self, top: str, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the objects below `top` ("" or ending in `/`), by name; reads only folders that can hold one.

        Folders may be as deep as a name is long.
        """
        open_folders = [iter(self._children(top))]
        while open_folders:
            name, file = next(open_folders[-1], ("", None))
            if file is None:
                open_folders.pop()
            elif name.endswith("/"):
                in_prefix = name.startswith(prefix) or prefix.startswith(name)
                if in_prefix and (name > after or after.startswith(name)) and is_name(name[:-1]):
                    open_folders.append(iter(self._children(name)))
            elif name.startswith(prefix) and name > after:
                try:
                    with self._failing_as("list", name, Path(file.path)):
                        status = file.stat()
                except ObjectNotFound:
                    # deleted since its folder was read
                    continue
                except CorruptObject:
                    status = file.stat(follow_symlinks=False)
                yield Entry(name, status.st_size, status.st_mtime)

    def _children(self, folder: str) -> Sequence[tuple[str, os.DirEntry[str]]]:
        """Return full names and files of one folder, in the order of the full names; a folder's name ends in `/`.

        Links to folders are followed in the root alone, where somebody may have moved segments to a larger disk: links
        of links could lead in circles.
        """
        path = self._root / folder
        try:
            with self._failing_as("list", folder or "the objects", path), os.scandir(path) as children:
                return sorted(
                    (
                        (f"{folder}{child.name}/" if _is_folder(child) else f"{folder}{child.name}", child)
                        for child in children
                        if PART.fullmatch(child.name) and not (folder and child.is_symlink() and _is_folder(child))
                    ),
                    key=lambda child: child[0],
                )
        except ObjectNotFound:
            return []


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError as error:
        if error.errno in LEADS_NOWHERE:
            return False
        raise


def _check_regular(name: str, url: str, status: os.stat_result) -> None:
    """Raise an error unless this is a file: ObjectNotFound for a folder, CorruptObject for a pipe or a device."""
    if stat.S_ISDIR(status.st_mode):
        raise ObjectNotFound(name, url)
    if not stat.S_ISREG(status.st_mode):
        raise CorruptObject(name, f"is no file in {url}, but a pipe, a socket or a device")


def _read(descriptor: int, start: int, stop: int) -> bytes:
    """Return the bytes from `start` up to `stop`, or to where the file ends now."""
    pieces = []
    while start < stop:
        piece = os.pread(descriptor, min(stop - start, READ_AT_ONCE), start)
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems cannot sync a folder, and have no other way to ask
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
