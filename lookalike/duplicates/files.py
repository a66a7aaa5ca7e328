"""What is done with one file, so that a crash at any moment leaves it in its place, or at the new one."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path

from lookalike.duplicates import trash
from lookalike.duplicates.journal import sync_folder
from lookalike.duplicates.planning import Action
from shards.errors import StorageError

FICLONE = 0x40049409
"""The request of Linux to let a file share another's blocks until one is written to (linux/fs.h)."""

TEMPORARY = ".lookalike-"
"""Beginning of the names of files that are being made."""


class Left(Exception):
    """A file that is left as it is, and why."""


def check(path: str, sha256: str, name: str) -> os.stat_result:
    """Read a file, and return its state. Raises Left unless it is a file of this SHA-256."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Left(f"{name} is a link") from error
        raise Left(f"{name} cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Left(f"{name} is no file")
        try:
            digest = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Left(f"{name} cannot be read: {error.strerror}") from error
        if digest != sha256:
            raise Left(f"{name} has changed since it was compared")
        return status


def is_still(path: str, status: os.stat_result) -> bool:
    """Return whether a file is still the one, and unchanged, whose state this was."""
    try:
        now = os.lstat(path)
    except OSError:
        return False
    fields = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
    return all(getattr(now, field) == getattr(status, field) for field in fields)


def are_one(path: str, other: str, status: os.stat_result, others: os.stat_result) -> bool:
    """Return whether two paths are one name of one file, so that both are gone when one of them is removed.

    A file has one name and two paths where case does not count, and where a folder is mounted twice. Raises OSError.
    """
    if (status.st_dev, status.st_ino) == (others.st_dev, others.st_ino) and status.st_nlink < 2:
        return True
    if _folded(path) != _folded(other):
        return False
    folder, others_folder = Path(path).parent, Path(other).parent
    if folder.samefile(others_folder):
        return True
    # a share that is mounted twice has two devices: what is made in one folder is then seen in the other
    temporary = Path(_beside(path))
    try:
        temporary.touch(0o600, exist_ok=False)
        return os.path.lexists(others_folder / temporary.name)
    finally:
        temporary.unlink(missing_ok=True)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", Path(path).name).casefold()


def do(action: Action, path: str, kept: str, target: str | None) -> None:
    """Do with a file what was asked. Raises Left where that cannot be done; then the file is as it was.

    `kept`: the file that stays for it. `target`: where it is moved, for `folder`.
    """
    try:
        match action:
            case "trash":
                trash.send(path)
            case "folder":
                move(path, str(target))
            case "delete":
                os.unlink(path)  # noqa: PTH108 - a name as the file system has it
            case "hardlink":
                _check_device(path, kept)
                _replace(path, lambda temporary: os.link(kept, temporary, follow_symlinks=False))
            case "symlink":
                _check_device(path, kept)
                _replace(path, lambda temporary: Path(temporary).symlink_to(os.path.realpath(kept)))
            case "reflink":
                _check_device(path, kept)
                _replace(path, lambda temporary: _clone(path, kept, temporary))
        sync_folder(Path(path).parent)
    except StorageError as error:
        raise Left(str(error)) from error
    except OSError as error:
        raise Left(f"the system refuses it: {error.strerror}") from error


def move(path: str, target: str) -> None:
    """Move a file to a place where nothing is; its folders are made. Raises OSError."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        # a name that is there is never replaced
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # another file system, or one without links: the copy is whole and on the disk before it has its name
        copy(path, target)
    sync_folder(Path(target).parent)
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        # a folder that cannot be written to keeps its file: then there is no second one
        if os.path.lexists(path):
            Path(target).unlink()
        raise
    sync_folder(Path(path).parent)


def copy(path: str, target: str) -> None:
    """Copy a file with its times to a place where nothing is. Raises OSError."""
    temporary = _beside(target)
    before = os.lstat(path)
    try:
        shutil.copy2(path, temporary, follow_symlinks=False)
        if not is_still(path, before):
            raise OSError(errno.EBUSY, "it was changed while it was copied", path)
        with open(temporary, "rb") as file:  # noqa: PTH123
            os.fsync(file.fileno())
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
            os.rename(temporary, target)  # noqa: PTH104
    finally:
        Path(temporary).unlink(missing_ok=True)


def _replace(path: str, make: Callable[[str], object]) -> None:
    """Let what is made beside a file take its place in one step."""
    temporary = _beside(path)
    try:
        make(temporary)
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        # a link to the same file may stay: renaming one name of a file to another of it does nothing
        Path(temporary).unlink(missing_ok=True)


def _clone(path: str, kept: str, temporary: str) -> None:
    status = os.stat(path)  # noqa: PTH116
    with open(kept, "rb") as source, open(temporary, "xb") as made:  # noqa: PTH123
        fcntl.ioctl(made.fileno(), FICLONE, source.fileno())
        os.fchmod(made.fileno(), stat.S_IMODE(status.st_mode))
        os.utime(made.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(made.fileno())


def _check_device(path: str, kept: str) -> None:
    if os.stat(path).st_dev != os.stat(kept).st_dev:  # noqa: PTH116
        raise Left("the kept file is on another file system")


def _beside(path: str) -> str:
    return str(Path(path).parent / f"{TEMPORARY}{secrets.token_hex(8)}")
