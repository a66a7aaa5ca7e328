"""What `lookalike export` wrote, read back: JSON lines, CSV, `.npz` and Parquet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, ClassVar, Self, TypeAlias

import numpy as np

from lookalike.interchange.dump import Batch, Dump, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable, KeyInvalid, QueryError, SignatureError
from shards.families import Rows, family
from shards.pictures.decoding import PictureSettings
from shards.table.format import names, strict_json
from shards.table.format.records import meta_bytes
from shards.table.format.texts import Texts

TOGETHER = 20_000
"""Rows in a batch."""

MAX_LINE = 16 << 20
"""Bytes of one line; the longest signature has 3 KB, and metadata is for people."""

CSV_HEAD = re.compile(rb"key,[\w,]+,width,height,sha256,meta\r?\n")
JSON_HEAD = re.compile(rb'\{"key":"(?:[^"\\]|\\.)*","signatures":\{')
PARQUET, ZIP = b"PAR1", b"PK\x03\x04"


Row: TypeAlias = Mapping[str, Any]
"""A row as it was exported, or `error`; and its `place`."""


class OwnDump(Dump):
    """An export of this program."""

    kind: ClassVar[str] = "lookalike"

    pictures = PictureSettings()

    def __init__(
        self, file: DumpFile, families: tuple[str, ...], read: Callable[[], Iterator[Mapping[str, Any]]]
    ) -> None:
        super().__init__()
        self._file = file
        self._read = read
        self.families = families
        self.size = file.packed_size

    @classmethod
    def recognises(cls, file: DumpFile) -> bool:
        """Return True if this looks like an export."""
        head = file.head
        if head.startswith(ZIP):
            return not file.is_gzip and {"keys.npy", "meta.npy"} <= set(_members(file))
        return head.startswith(PARQUET) or any(form.match(head) for form in (CSV_HEAD, JSON_HEAD))

    @classmethod
    def open(cls, file: DumpFile, options: DumpOptions) -> Self:
        """Open an export. Raises DumpUnreadable."""
        for name in ("table", "key", "hash", "columns", "null", "hash_form"):
            if getattr(options, name) is not None:
                raise DumpUnreadable(
                    f"{file.name} is an export of lookalike, which needs no --{name.replace('_', '-')}"
                )
        if file.head.startswith(ZIP):
            made = cls(file, _array_families(file), lambda: _arrays(file))
        elif file.head.startswith(PARQUET):
            made = cls(file, _parquet_families(file), lambda: _parquet(file))
        elif CSV_HEAD.match(file.head):
            made = cls(
                file, _checked(file, file.head.split(b"\n", 1)[0].decode().strip().split(",")[1:-4]), lambda: _csv(file)
            )
        else:
            first = next(iter(_json(file)), {})
            made = cls(file, _checked(file, first.get("signatures", {})), lambda: _json(file))
        if options.family is not None and (options.family,) != made.families:
            raise DumpUnreadable(
                f"{file.name} has signatures of {', '.join(made.families)}, not just of {options.family}"
            )
        return made

    def batches(self) -> Iterator[Batch]:
        """Yield the rows."""
        making = _Making(self.families)
        for number, document in enumerate(self._read()):
            making.add(number, document)
            if making.rows == TOGETHER:
                yield making.batch()
                making = _Making(self.families)
        self.done = self.size or 0
        yield making.batch()


class _Making:
    """A batch in the making."""

    def __init__(self, families: tuple[str, ...]) -> None:
        self.rows = 0
        self._families = [family(name) for name in families]
        self._numbers: list[int] = []
        self._keys: list[bytes] = []
        self._signatures: dict[str, list[Any]] = {name: [] for name in families}
        self._meta: list[bytes] = []
        self._sizes: list[tuple[int, int]] = []
        self._digests: list[bytes] = []
        self._refused: list[Refused] = []

    def add(self, number: int, document: Mapping[str, Any]) -> None:
        """Take a row: key, signatures as text or as rows, and the rest as exported."""
        self.rows += 1
        place = document.get("place", f"row {number + 1:,}")
        try:
            if "error" in document:
                raise ValueError(document["error"])
            key = names.key_bytes(_of(document, "key", str))
            signatures = _of(document, "signatures", dict)
            rows = [_row(kind.name, signatures.get(kind.name)) for kind in self._families]
            meta = meta_bytes(_of(document, "meta", dict, {}), _of(document, "source", dict, {}))
            meta.decode()
            size = tuple(_pixels(document, side) for side in ("width", "height"))
            digest = bytes.fromhex(_of(document, "sha256", str, "") or "00" * 32)
            if len(digest) != 32:
                raise ValueError(f"sha256 has {len(digest)} bytes, not 32")
        except (ValueError, KeyInvalid, SignatureError, QueryError) as error:
            self._refused.append(Refused(place, str(error)))
            return
        self._numbers.append(number)
        self._keys.append(key)
        for kind, row in zip(self._families, rows, strict=True):
            self._signatures[kind.name].append(row)
        self._meta.append(meta)
        self._sizes.append((size[0], size[1]))
        self._digests.append(digest)

    def batch(self) -> Batch:
        """Return the rows."""
        sizes = np.array(self._sizes, np.uint32).reshape(-1, 2)
        return Batch(
            np.array(self._numbers, np.uint64),
            Texts.of(self._keys),
            {kind.name: np.array(self._signatures[kind.name], kind.dtype) for kind in self._families},
            Texts.of(self._meta) if any(self._meta) else None,
            self._refused,
            width=sizes[:, 0],
            height=sizes[:, 1],
            sha256=np.frombuffer(b"".join(self._digests), np.uint8).reshape(-1, 32)
            if any(map(any, self._digests))
            else None,
        )


def _of(document: Mapping[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = document.get(name)
    if value is None:
        value = default
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {str(value)[:60]!r}, and should be {kind.__name__}")  # noqa: TRY004
    return value


def _pixels(document: Mapping[str, Any], side: str) -> int:
    value = document.get(side) or 0
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise ValueError(f"{side} is {str(value)[:60]!r}, and should be a number of pixels")
    return value


def _row(name: str, value: Any) -> Any:
    if value is None:
        raise ValueError(f"has no signature of {name}")
    return family(name).parse(value) if isinstance(value, str) else value


def _checked(file: DumpFile, found: Any) -> tuple[str, ...]:
    if not found:
        raise DumpUnreadable(f"{file.name}: its first row has no signatures")
    for name in found:
        try:
            family(name)
        except QueryError as error:
            raise DumpUnreadable(f"{file.name}: {error}") from None
    return tuple(found)


def _lines(file: IO[bytes], name: str) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise DumpUnreadable(f"{name}: a line of over {MAX_LINE:,} bytes")
        yield line


def _json(file: DumpFile) -> Iterator[Row]:
    with file.open() as stream:
        for number, line in enumerate(_lines(stream, file.name), 1):
            place = f"line {number:,}"
            try:
                document = strict_json.loads(line)
                if not isinstance(document, dict):
                    raise ValueError("is no object")  # noqa: TRY004
            except ValueError as error:
                cut = "" if line.endswith(b"\n") else "; the file ends here"
                yield {"place": place, "error": f"is no JSON: {error}{cut}"}
            else:
                yield {**document, "place": place}


def _csv(file: DumpFile) -> Iterator[Row]:
    with file.open() as stream:
        text = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
        rows = csv.reader(text)
        header = next(rows)
        while True:
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield {"place": f"line {rows.line_num:,}", "error": str(error)}
                continue
            place = f"line {rows.line_num:,}"
            if len(cells) != len(header):
                yield {"place": place, "error": f"has {len(cells)} of {len(header)} columns"}
                continue
            named = dict(zip(header, cells, strict=True))
            try:
                meta = strict_json.loads(named["meta"].encode()) if named["meta"] else {}
                sides = {side: int(named[side] or 0) for side in ("width", "height")}
            except ValueError as error:
                yield {"place": place, "error": str(error)}
                continue
            yield {
                "place": place,
                "key": named["key"],
                "signatures": {name: named[name] for name in header[1:-4]},
                "meta": meta,
                "sha256": named["sha256"],
                **sides,
            }


def _members(file: DumpFile) -> list[str]:
    try:
        with zipfile.ZipFile(file.path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []


def _array_families(file: DumpFile) -> tuple[str, ...]:
    titles = [name.removesuffix(".npy") for name in _members(file) if name not in ("keys.npy", "meta.npy")]
    return _checked(file, list(dict.fromkeys(title.split(".")[0] for title in titles)))


def _arrays(file: DumpFile) -> Iterator[Row]:
    try:
        with np.load(file.path, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise DumpUnreadable(f"{file.name}: {error}") from error
    n = len(columns["keys"])
    rows: dict[str, Rows] = {}
    for name in _array_families(file):
        rows[name] = np.zeros(n, family(name).dtype)
        for each in rows[name].dtype.names or ():
            column = columns.get(name if each == "hash" else f"{name}.{each}")
            want = rows[name][each]
            if column is None or column.size != want.size or column.dtype.kind not in "uif":
                raise DumpUnreadable(f"{file.name}: array {name} does not fit {n:,} keys")
            want[:] = column.reshape(want.shape)
    for i, (key, meta) in enumerate(zip(columns["keys"].tolist(), columns["meta"].tolist(), strict=True)):
        yield {
            "key": key,
            "signatures": {name: rows[name][i] for name in rows},
            "meta": strict_json.loads(meta.encode()) if meta else {},
        }


def _parquet_families(file: DumpFile) -> tuple[str, ...]:
    known = {"key", "width", "height", "sha256", "meta"}
    return _checked(file, [name for name in _parquet_file(file).schema_arrow.names if name not in known])


def _parquet(file: DumpFile) -> Iterator[Row]:
    families = _parquet_families(file)
    for group in _parquet_file(file).iter_batches(TOGETHER):
        for row in group.to_pylist():
            signatures = {name: f"{row[name]:016x}" if isinstance(row[name], int) else row[name] for name in families}
            meta = strict_json.loads(row["meta"].encode()) if row.get("meta") else {}
            yield {**row, "signatures": signatures, "meta": meta}


def _parquet_file(file: DumpFile) -> Any:
    try:
        import pyarrow.lib
        import pyarrow.parquet
    except ImportError:
        raise DumpUnreadable(
            f"{file.name} is Parquet, which needs an extra: pip install 'lookalike[parquet]'"
        ) from None
    try:
        return pyarrow.parquet.ParquetFile(file.unpacked())
    except (pyarrow.lib.ArrowException, OSError) as error:
        raise DumpUnreadable(f"{file.name}: {error}") from error
