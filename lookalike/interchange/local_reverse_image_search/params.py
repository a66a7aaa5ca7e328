"""Settings of local-reverse-image-search, `params.json`: read, checked, and written where there are none.

Source: README.md and revImgSearch.py of xh-xia/local-reverse-image-search, commit 99b4d25.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from shards.errors import DumpUnreadable, QueryError
from shards.families.hashes import ImageHash
from shards.table.format import strict_json

METHODS = MappingProxyType(
    {"ahash": "ahash", "phash": "phash", "dhash": "dhash", "whash-haar": "whash", "whash-db4": "whash_db4"}
)
"""What `hash_method` calls each family of hashes."""

OPERATIONS = ("build", "update", "search", "find_duplicates")

DIGITS, BITS = "hamming", "bits"
DISTANCES = (DIGITS, BITS)
"""`hamming` is the program's own: the number of hexadecimal digits that differ. `bits` is new here."""

COMMENT = "//"
"""Settings whose names begin with this are comments: JSON has no other, and the program itself reads them too."""

MAX_BYTES = 1 << 20

NAMES = (
    "db_dir",
    "img_dirs",
    "bk_dir",
    "input_dir",
    "operation",
    "hash_method",
    "hash_size",
    "distance_method",
    "distance_threshold",
)


@dataclass(frozen=True, slots=True)
class Params:
    """The settings in a file. Paths are as they are written there."""

    file: Path
    operation: str

    family: ImageHash
    """The hashes that `hash_method` and `hash_size` stand for."""

    db_dir: str
    """Where the database is, and the index that takes its place."""

    img_dirs: tuple[str, ...]
    """Folders with the pictures that are searched."""

    input_dir: str
    """The folder with pictures to search for."""

    distance_method: str

    distance_threshold: int
    """The most digits, or bits, in which hashes that match differ."""

    @property
    def unit(self) -> Literal["digits", "bits"]:
        """What the distance counts."""
        return "digits" if self.distance_method == DIGITS else "bits"

    @classmethod
    def read(cls, file: Path) -> Params:
        """Read the settings in a file. Raises DumpUnreadable, which names the setting."""
        document = read_document(file)
        unknown = [name for name in document if name not in NAMES and not name.startswith(COMMENT)]
        if unknown:
            raise DumpUnreadable(f"{file}: there is no setting {unknown[0]!r}; there are {', '.join(NAMES)}")
        return cls(
            file,
            _one_of(file, document, "operation", OPERATIONS, None),
            family_in(file, document),
            _text(file, document, "db_dir"),
            _texts(file, document, "img_dirs"),
            _text(file, document, "input_dir", ""),
            _one_of(file, document, "distance_method", DISTANCES, DIGITS),
            _threshold(file, document),
        )


def read_document(file: Path) -> Mapping[str, Any]:
    """Read the JSON object in a file. Raises DumpUnreadable."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise DumpUnreadable(f"{file}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise DumpUnreadable(f"{file}: is larger than settings are, {MAX_BYTES:,} bytes")
    try:
        document = strict_json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        hint = "; a backslash in a path is written twice" if b"\\" in data else ""
        raise DumpUnreadable(f"{file}: is no JSON: {error}{hint}") from error
    if not isinstance(document, dict):
        raise DumpUnreadable(f"{file}: is no JSON object with settings such as db_dir and operation")
    return document


def family_in(file: Path, document: Mapping[str, Any]) -> ImageHash:
    """Return the family that these settings stand for. Raises DumpUnreadable."""
    method = _one_of(file, document, "hash_method", tuple(METHODS), "dhash")
    size = document.get("hash_size", 8)
    if isinstance(size, bool) or not isinstance(size, int):
        raise DumpUnreadable(f"{file}: hash_size is {_shown(size)}: give a whole number, such as 8")
    try:
        return ImageHash(METHODS[method], size)
    except QueryError as error:
        raise DumpUnreadable(f"{file}: hash_size is {size} and hash_method {method}: {error}") from error


def template(folder: Path) -> str:
    """Return settings with comments, for pictures in this folder: the same that the program itself writes."""
    lines = {
        "// 1": "Settings for 'lookalike run'. Change them, and run it again. Lines that begin with // are comments.",
        "// db_dir": "where the index is kept, in the folder img.index; an img.db there is taken over once",
        "db_dir": str(folder),
        "// img_dirs": "folders with the pictures to search in, with all folders below them",
        "img_dirs": [str(folder)],
        "// bk_dir": "not used any more",
        "bk_dir": str(folder),
        "// input_dir": "the folder with pictures to search for; matches.csv is written there",
        "input_dir": str(folder / "input"),
        "// operation": "build, update, search or find_duplicates",
        "operation": "update",
        "// hash_method": "ahash, phash, dhash, whash-haar or whash-db4; another one needs a build",
        "hash_method": "dhash",
        "// hash_size": "8 gives hashes of 64 bits; another one needs a build",
        "hash_size": 8,
        "// distance_method": "hamming: hexadecimal digits that differ; bits: bits that differ",
        "distance_method": "hamming",
        "// distance_threshold": "the most digits or bits in which hashes of matching pictures differ",
        "distance_threshold": 0,
    }
    return json.dumps(lines, indent=4, ensure_ascii=False) + "\n"


def _one_of(file: Path, document: Mapping[str, Any], name: str, choice: tuple[str, ...], usual: str | None) -> str:
    value = document.get(name, usual)
    if value not in choice:
        missing = "is missing" if value is None else f"is {_shown(value)}"
        raise DumpUnreadable(f"{file}: {name} {missing}: give one of {', '.join(choice)}")
    return str(value)


def _text(file: Path, document: Mapping[str, Any], name: str, usual: str | None = None) -> str:
    value = document.get(name, usual)
    if not isinstance(value, str) or "\0" in value or (not value and usual is None):
        raise DumpUnreadable(f"{file}: {name} is {_shown(value)}: give the path of a folder")
    return value


def _texts(file: Path, document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(path, str) and path for path in value):
        raise DumpUnreadable(
            f'{file}: {name} is {_shown(value)}: give a list of folders, such as ["/home/me/pictures"]'
        )
    return tuple(_text(file, {name: path}, name) for path in value)


def _threshold(file: Path, document: Mapping[str, Any]) -> int:
    value = document.get("distance_threshold", 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DumpUnreadable(f"{file}: distance_threshold is {_shown(value)}: give a whole number from 0 on")
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
