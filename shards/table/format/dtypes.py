"""Types of columns, as npy headers and manifests write them: numbers, or records of numbers. Nothing else is read.

numpy reads such descriptions with `ast.literal_eval`, which costs unbounded time and memory for hostile ones, and which
CPython 3.11 breaks where several threads do it at once.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

import numpy as np

Field: TypeAlias = tuple[str, str, tuple[int, ...]]
"""Name, type and shape of a field; the shape of a single number is ()."""

MAX_FIELDS = 64
"""Fields of a record: the families here have two at most."""

MAX_ITEM_BYTES = 1 << 16
"""Bytes of one row of a column."""

MAX_DIMENSIONS = 4

MAX_LENGTH = 1 << 40
"""Limit of each dimension: no object has as many bytes."""

SCALAR = re.compile(r"[|]b1|[|][ui]1|<[ui][248]|<f[248]|[|]S[1-9][0-9]{0,4}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

_LENGTH = r"(?:0|[1-9][0-9]{0,12})"
_SHAPE = rf"\((?:{_LENGTH},|{_LENGTH}(?:, {_LENGTH}){{1,3}})\)"
_FIELD = rf"\('({NAME.pattern})', '({SCALAR.pattern})'(?:, ({_SHAPE}))?\)"
_FIELDS = re.compile(rf"\[{_FIELD}(?:, {_FIELD}){{0,{MAX_FIELDS - 1}}}\]")
_HEADER = re.compile(
    rf"\{{'descr': (?:'(?P<scalar>{SCALAR.pattern})'|(?P<fields>\[[^\]]*\])), 'fortran_order': False,"
    rf" 'shape': (?P<shape>{_SHAPE}), \}} *\n"
)


def from_header(text: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return (dtype, shape) of the text of an npy header, as numpy writes it. Raises ValueError for anything else."""
    match = _HEADER.fullmatch(text)
    if match is None or (match["fields"] and _FIELDS.fullmatch(match["fields"]) is None):
        raise ValueError(f"npy header {text[:100]!r} is none that lookalike writes")
    if match["scalar"]:
        dtype = np.dtype(match["scalar"])
    else:
        dtype = _record(
            [(name, scalar, _numbers(shape)) for name, scalar, shape in re.findall(_FIELD, match["fields"])]
        )
    return dtype, _checked_shape(_numbers(match["shape"]))


def from_json(document: object) -> np.dtype[Any]:
    """Return the type that a manifest describes: a text, or a list of fields [name, text] or [name, text, shape].

    Raises ValueError for anything else.
    """
    if isinstance(document, str):
        return np.dtype(_checked_scalar(document))
    if not isinstance(document, list) or not 1 <= len(document) <= MAX_FIELDS:
        raise ValueError(f"dtype {str(document)[:100]} is neither a text nor a list of fields")
    fields: list[Field] = []
    for field in document:
        if not isinstance(field, list) or len(field) not in (2, 3) or not isinstance(field[0], str):
            raise ValueError(f"dtype field {str(field)[:100]} is not [name, type] or [name, type, shape]")
        if NAME.fullmatch(field[0]) is None:
            raise ValueError(f"dtype field {field[0][:100]!r} has no name that a field can have")
        fields.append((field[0], _checked_scalar(field[1]), shape_from_json(field[2]) if len(field) > 2 else ()))
    return _record(fields)


def shape_from_json(document: object) -> tuple[int, ...]:
    """Return the shape in a manifest. Raises ValueError."""
    if not isinstance(document, list) or not 1 <= len(document) <= MAX_DIMENSIONS:
        raise ValueError(f"shape {str(document)[:100]} is no list of 1 to {MAX_DIMENSIONS} numbers")
    for length in document:
        if type(length) is not int:
            raise ValueError(f"shape {str(document)[:100]} has a length that is no whole number")
    return _checked_shape(tuple(document))


def _record(fields: list[Field]) -> np.dtype[Any]:
    if len({name for name, _, _ in fields}) != len(fields):
        raise ValueError("dtype has two fields of one name")
    size = sum(np.dtype(scalar).itemsize * math.prod(shape) for _, scalar, shape in fields)
    if not 0 < size <= MAX_ITEM_BYTES:
        raise ValueError(f"dtype has rows of {size:,} bytes, and the limit is {MAX_ITEM_BYTES:,}")
    return np.dtype(fields)


def _checked_scalar(text: object) -> str:
    if not isinstance(text, str) or SCALAR.fullmatch(text) is None:
        raise ValueError(f"dtype {str(text)[:100]!r} is no number that a column can have")
    return text


def _checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if not all(0 <= length <= MAX_LENGTH for length in shape) or math.prod(shape) > MAX_LENGTH:
        raise ValueError(f"shape {shape} is larger than any column")
    return shape


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall("[0-9]+", text))
