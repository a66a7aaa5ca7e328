"""Arrays of numpy in an `.npz`: keys beside hashes. What could hold pickled objects is never opened."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes.forms import Words
from lookalike.interchange.hashes.roles import asked_family, hash_family
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable
from shards.families.hashes.hamming import WORD, HammingFamily

KEYS = "keys"
NPY = b"\x93NUMPY"
ZIP = b"PK\x03\x04"

Hashes: TypeAlias = Mapping[str, Words]
"""Hashes of some rows, by the name of their family."""

TOGETHER = 1 << 14
"""Rows read at a time."""

MAX_HEADER = 1 << 12
"""Bytes of the header of an array: numpy's own are a tenth of it."""

LONGEST_KEY = 1 << 14
"""Bytes of the longest key as an array has it, four for each character."""

PICKLED = (
    "holds Python objects, which are pickled: reading a pickle runs whatever is in it, so it is never opened; save "
    "keys as texts and hashes as numbers, such as np.savez('hashes.npz', keys=np.array(names), dhash=np.array(hashes))"
)


@dataclass(frozen=True, slots=True)
class Header:
    """What is in front of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def header_of(stream: IO[bytes], name: str) -> Header:
    """Read what is in front of an array. Raises DumpUnreadable; `name` says of what."""
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, is_fortran, dtype = read(stream, max_header_size=MAX_HEADER)
    except (ValueError, KeyError, EOFError, SyntaxError, TypeError, RecursionError) as error:
        raise DumpUnreadable(f"{name}: this is no array of numpy that can be read: {str(error)[:200]}") from None
    if dtype.hasobject:
        raise DumpUnreadable(f"{name} {PICKLED}")
    if is_fortran and len(shape) > 1:
        raise DumpUnreadable(f"{name}: the array is in Fortran's order: save np.ascontiguousarray of it")
    return Header(shape, dtype)


def refuse_array(file: DumpFile) -> DumpUnreadable:
    """Return why a single array is not imported."""
    with file.open() as stream:
        found = header_of(stream, file.name)
    return DumpUnreadable(
        f"{file.name}: an array of {found.dtype} and shape {found.shape} has no keys, and an image needs one: save "
        "both in one file, such as np.savez('hashes.npz', keys=np.array(names), dhash=hashes)"
    )


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arrays of a file."""

    path: Path
    rows: int
    families: Mapping[str, HammingFamily]
    """The family of each array with hashes."""

    def batches(self) -> Iterator[tuple[int, list[str], Hashes]]:
        """Yield the number of the first, the keys, and the hashes by family of consecutive rows."""
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(self.path))
            streams = {name: stack.enter_context(archive.open(f"{name}.npy")) for name in (KEYS, *self.families)}
            headers = {name: header_of(stream, name) for name, stream in streams.items()}
            for start in range(0, self.rows, TOGETHER):
                n = min(TOGETHER, self.rows - start)
                read = {name: _read(stream, headers[name], n) for name, stream in streams.items()}
                hashes = {kind.name: _words(read[name], kind) for name, kind in self.families.items()}
                yield start, [_text(key) for key in read[KEYS].tolist()], hashes


def open_arrays(file: DumpFile, options: DumpOptions) -> Arrays:
    """Return the arrays of a file. Raises DumpUnreadable."""
    path = file.unpacked()
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            if not names:
                raise DumpUnreadable(f"{file.name}: a zip file without arrays; save a spreadsheet as CSV")
            headers = {}
            for name in names:
                with archive.open(f"{name}.npy") as stream:
                    headers[name] = header_of(stream, f"{file.name}: array {name}")
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DumpUnreadable(f"{file.name}: the zip file cannot be read: {error}") from None
    keys = headers.get(options.key or KEYS)
    if keys is None or options.key not in (None, KEYS):
        raise DumpUnreadable(f"{file.name}: there is no array {KEYS}, only {', '.join(names)}: it names the images")
    if len(keys.shape) != 1 or keys.dtype.kind not in "USiu" or not 1 <= keys.dtype.itemsize <= LONGEST_KEY:
        raise DumpUnreadable(f"{file.name}: array {KEYS} is {keys.dtype} of shape {keys.shape}, not a list of texts")
    families = _families([name for name in names if name != KEYS], options, file.name)
    for name, kind in families.items():
        _check(headers[name], kind, keys.shape[0], f"{file.name}: array {name}")
    return Arrays(path, keys.shape[0], families)


def _families(names: list[str], options: DumpOptions, where: str) -> dict[str, HammingFamily]:
    if options.hash is not None:
        if options.hash not in names:
            raise DumpUnreadable(f"{where}: there is no array {options.hash}, only {', '.join(names)}")
        names = [options.hash]
    found = {name: kind for name in names if (kind := hash_family(name))}
    if options.family is not None:
        asked = asked_family(options.family, where)
        named = [name for name, kind in found.items() if kind.name == asked.name]
        chosen = named or names
        if len(chosen) != 1:
            raise DumpUnreadable(f"{where}: which array has hashes of {asked.name}? Choose it with --hash")
        return {chosen[0]: asked}
    if not found:
        raise DumpUnreadable(f"{where}: nothing says what kind of hashes these are: name it with --family")
    return found


def _check(found: Header, kind: HammingFamily, rows: int, where: str) -> None:
    """Raise DumpUnreadable unless this array has so many hashes."""
    bits = int(np.prod(found.shape[1:], dtype=object)) * (1 if found.dtype.kind == "b" else found.dtype.itemsize * 8)
    is_whole = found.dtype.kind in "iub" and bits == kind.bits
    is_packed = found.dtype == np.uint8 and bits == -(-kind.bits // 8) * 8
    if not found.shape or found.shape[0] != rows or not (is_whole or is_packed):
        raise DumpUnreadable(
            f"{where} is {found.dtype} of shape {found.shape}; {rows:,} hashes of {kind.name} are {kind.bits} bits "
            "each, as numbers, as bools, or packed in bytes with the first bit first"
        )


def _read(stream: IO[bytes], found: Header, rows: int) -> NDArray[Any]:
    size = rows * found.dtype.itemsize * int(np.prod(found.shape[1:]))
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("one ends early")
    return np.frombuffer(data, found.dtype).reshape(rows, *found.shape[1:])


def _words(values: NDArray[Any], kind: HammingFamily) -> Words:
    """Return hashes as words: of numbers, of bools, or of bytes."""
    words = kind.dtype["hash"].shape[0]
    rows = len(values)
    if values.dtype.kind == "b":
        padded = np.zeros((rows, words * WORD), np.uint8)
        padded[:, -kind.bits :] = values.reshape(rows, -1)
        return np.packbits(padded, axis=1).view(">u8").astype(np.uint64)
    if values.dtype.itemsize == 8:
        return values.astype(values.dtype.newbyteorder("<")).view(np.uint64).reshape(rows, words)
    flat = np.ascontiguousarray(values.reshape(rows, -1))
    as_bytes = flat if flat.dtype.itemsize == 1 else flat.astype(flat.dtype.newbyteorder(">"))
    read = as_bytes.view(np.uint8).reshape(rows, -1)
    if kind.bits % 8:
        # packed with zeros behind, as np.packbits does
        bits = np.unpackbits(read, axis=1)[:, : kind.bits].astype(np.bool_)
        return _words(bits, kind)
    padded = np.zeros((rows, words * 8), np.uint8)
    padded[:, -kind.bits // 8 :] = read
    return padded.view(">u8").astype(np.uint64)


def _text(key: Any) -> str:
    return key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else str(key)
