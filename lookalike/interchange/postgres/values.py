"""Values of PostgreSQL: hashes, and what becomes metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.options import DumpOptions, HashForm
from shards.errors import DumpUnreadable
from shards.families import family
from shards.table.format import strict_json

Form: TypeAlias = Literal["hex", "signed", "unsigned", "bits"]

_WHOLE = re.compile(r"-?[0-9]{1,15}")
_SIGNED = re.compile(rb"(?:-?[0-9]{1,19}\n)*")
_HEX = re.compile(r"(?:\\x|0x)?([0-9a-fA-F]{16})")
_BITS = re.compile(r"[01]{64}")
_NUMBER = re.compile(r"-?[0-9]{1,20}")

INTEGERS = {"smallint", "integer", "bigint", "int", "int2", "int4", "int8", "serial", "bigserial", "smallserial"}
_FLOATS = re.compile(r"(?:real|double precision|float[48]?|numeric|decimal)\b")


def family_of(options: DumpOptions, name: str) -> str:
    """Return the family of hashes of 64 bits. Raises DumpUnreadable for one that is of another size."""
    chosen = options.family or "dhash"
    if family(chosen).dtype != family("dhash").dtype:
        raise DumpUnreadable(f"{name}: a hash of 64 bits is no signature of family {chosen}")
    return chosen


def form_of(type_name: str | None, sample: Sequence[str], asked: HashForm | None, where: str) -> Form:
    """Return how a column writes its hashes: by its type, or else by all of these values together.

    A hash of 16 decimal digits can be read as hex too, so no value tells by itself. Raises DumpUnreadable.
    """
    if asked == "imagehash3":
        raise DumpUnreadable(f"{where}: --hash-form imagehash3 is for lists of hex digits, not for PostgreSQL")
    if asked is not None:
        return asked
    if type_name is not None:
        if type_name in INTEGERS:
            return "signed"
        if type_name.startswith(("numeric", "decimal")):
            return "unsigned" if not any(text.startswith("-") for text in sample) else "signed"
        if type_name.startswith("bit"):
            return "bits"
    if all(map(_BITS.fullmatch, sample)) and sample:
        return "bits"
    are_hex = all(map(_HEX.fullmatch, sample))
    are_numbers = all(map(_NUMBER.fullmatch, sample))
    if are_hex and are_numbers and sample:
        raise DumpUnreadable(
            f"{where}: all hashes have 16 decimal digits, which may be hex digits or numbers: say --hash-form hex or"
            " --hash-form signed"
        )
    if are_numbers:
        return "unsigned" if any(int(text) > (1 << 63) - 1 for text in sample) else "signed"
    return "hex"


def many_signed(texts: Sequence[bytes]) -> NDArray[np.uint64] | None:
    """Return (texts,) uint64: the bits of these signed numbers, all at once; None unless each is one."""
    if not _SIGNED.fullmatch(b"\n".join([*texts, b""])):
        return None
    try:
        return np.array(texts, "S20").astype(np.int64).view(np.uint64)
    except (ValueError, OverflowError):
        return None


def parse_hash(text: str, form: Form) -> int:
    """Return the 64 bits of a hash. Raises ValueError, which says what it should be."""
    shown = repr(text[:60])
    if form == "hex":
        found = _HEX.fullmatch(text)
        if found is None:
            raise ValueError(f"hash {shown} is not 16 hex digits")
        return int(found[1], 16)
    if form == "bits":
        if _BITS.fullmatch(text) is None:
            raise ValueError(f"hash {shown} is not 64 binary digits")
        return int(text, 2)
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"hash {shown} is not a whole number")
    number = int(text)
    low, high = (-(1 << 63), 1 << 63) if form == "signed" else (0, 1 << 64)
    if not low <= number < high:
        advice = ": is the column unsigned? Then say --hash-form unsigned" if form == "signed" and number > 0 else ""
        raise ValueError(f"hash {shown} is not a {form} number of 64 bits{advice}")
    return number % (1 << 64)


def converter(type_name: str | None) -> Callable[[str], Any]:
    """Return what makes metadata of the text of a value of this type: numbers, true and false, JSON, or the text."""
    if type_name is None:
        return str
    if type_name in INTEGERS:
        return _integer
    if _FLOATS.match(type_name) and not type_name.endswith("]"):
        return _float
    if type_name in ("boolean", "bool"):
        return lambda text: {"t": True, "true": True, "f": False, "false": False}.get(text.lower(), text)
    if type_name in ("json", "jsonb"):
        return _json
    return str


def _integer(text: str) -> Any:
    # beyond 53 bits a number is not the same number in every JSON parser
    return int(text) if _WHOLE.fullmatch(text) else text


def _float(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    # a number that JSON would round stays a text, digit by digit
    is_same = math.isfinite(number) and Decimal(text) == Decimal(repr(number))
    return number if is_same else text


def _json(text: str) -> Any:
    try:
        return strict_json.loads(text.encode())
    except ValueError:
        return text
