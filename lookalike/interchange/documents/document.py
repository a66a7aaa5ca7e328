"""One document, as one of many systems wraps it: where its path, its signature and its metadata are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lookalike.interchange.documents.extended_json import plain
from lookalike.interchange.stored import RowUnfit, key_of, meta_of

SIGNATURE = "signature"
"""The field with the 648 values, unless another is named."""

PATHS = ("path", "url")
"""Fields that become the key, the first that is there; image-match calls it path."""

METADATA = "metadata"

WORD = "simple_word_"
"""Begins the names of the fields with a signature's words. They follow from the signature, and are not read."""

MARK = "cut out by lookalike"
"""Stands for a signature that was cut out, and is the name of a field that stands for words that were (`cutting`)."""

KNOWN = frozenset({"_id", SIGNATURE, *PATHS, METADATA, "timestamp", MARK})
"""Fields that image-match writes, or MongoDB, and what is left of words."""

ACTIONS = frozenset({"index", "create", "update", "delete"})
"""What a line of a bulk request begins with, which says what to do with the next line."""

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of documents are read."""

    key: str | None = None
    """The field that becomes the key; the path unless given. `_id` may be one of a document or of what wraps it."""

    signature: str = SIGNATURE


@dataclass(slots=True)
class Document:
    """What is read of a document."""

    key: bytes
    meta: bytes
    signature: Json
    """The signature as it stands there."""

    source: Mapping[str, Json]
    """The fields among which the signature is."""

    has_value: bool = False
    """True where the metadata is no object, and so became the field `metadata` of one."""

    unknown: tuple[str, ...] = ()
    """Fields that are not read."""


@dataclass(slots=True)
class Page:
    """Documents that came in one answer of a search, each still wrapped."""

    hits: list[Json]
    found: int | None = None
    """How many the search found in all."""


@dataclass(slots=True)
class Action:
    """A line of a bulk request that says what the next line is for."""

    name: str
    """One of `ACTIONS`."""

    id: Json = None
    """The `_id` of the document."""


def envelope(value: Json) -> Page | Action | None:
    """Return what this value is, if it is no document: an answer with hits, or a line of a bulk request."""
    if not isinstance(value, dict):
        return None
    hits = value.get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
        return Page(hits["hits"], total_of(hits.get("total")))
    if len(value) == 1:
        ((name, about),) = value.items()
        if name in ACTIONS and isinstance(about, dict) and SIGNATURE not in about:
            return Action(name, about.get("_id"))
    return None


def total_of(total: Json) -> int | None:
    """Return the number of documents that a search says it found: a number, since Elasticsearch 7 in an object."""
    value = total.get("value") if isinstance(total, dict) else total
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read(value: Json, fields: Fields, outer_id: Json = None) -> Document:
    """Read one document. `outer_id`: its `_id`, where a line before it says so. Raises RowUnfit."""
    if not isinstance(value, dict):
        raise RowUnfit(f"is {_kind(value)}, no document")
    if "error" in value and "status" in value:
        raise RowUnfit(f"is an error that Elasticsearch answered: {str(value['error'])[:200]}")
    is_wrapped = isinstance(value.get("_source"), dict)
    source = _innermost(value["_source"] if is_wrapped else value, fields.signature)
    if source.get(fields.signature) is None:
        raise RowUnfit(f"has no field {fields.signature}")
    # as mongoexport writes numbers, ids and dates
    unwrapped: Callable[[Json], Json] = _same if is_wrapped or outer_id is not None else plain
    path_field, path = _path(source)
    if fields.key is None:
        key = _text(path_field, path)
    elif fields.key == "_id":
        key = _text("_id", _number(unwrapped(value.get("_id", outer_id))))
    else:
        key = _text(fields.key, _number(unwrapped(source.get(fields.key))))
    metadata = unwrapped(source.get(METADATA))
    has_value = metadata is not None and not isinstance(metadata, dict)
    meta = {METADATA: metadata} if has_value else metadata or {}
    if fields.key not in (None, path_field) and isinstance(path, str):
        # another key than the path: the path is kept beside it
        meta = {path_field: path} | meta
    unknown = source.keys() - KNOWN
    return Document(
        key,
        meta_of(meta) if meta else b"",
        source[fields.signature],
        source,
        has_value,
        _unread(unknown - {fields.signature, fields.key}) if unknown else (),
    )


def _innermost(source: dict[str, Json], signature: str) -> dict[str, Json]:
    """Return the fields of the document: under the name of its type, as image-match does since Elasticsearch 7."""
    if signature in source:
        return source
    inner = [part for part in source.values() if isinstance(part, dict) and signature in part]
    return inner[0] if len(inner) == 1 else source


def _path(source: Mapping[str, Json]) -> tuple[str, Json]:
    for name in PATHS:
        if name in source:
            return name, source[name]
    return PATHS[0], None


def _text(name: str, value: Json) -> bytes:
    if value is None:
        raise RowUnfit(f"has no {name}, which becomes the key")
    if not isinstance(value, str):
        raise RowUnfit(f"{name} is {_kind(value)}, no text, and cannot become the key")
    return key_of(value, name)


def _same(value: Json) -> Json:
    return value


def _number(value: Json) -> Json:
    """Return a whole number as text, and anything else as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _unread(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if not name.startswith(WORD)))


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "an object")
