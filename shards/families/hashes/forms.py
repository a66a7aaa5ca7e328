"""The forms in which databases and programs write one hash, besides the family's own text."""

from __future__ import annotations

import re

from shards.errors import QueryError, SignatureError
from shards.families.base import Family, Row
from shards.families.hashes.hamming import WORD, HammingFamily
from shards.hash_forms import HashForm


def parse(text: str, family: Family, form: HashForm | None = None) -> Row:
    """Return the hash that is written so. Raises SignatureError, or QueryError for a form that the family has not.

    Without a form, it is the family's own text, and of hashes of 64 bits also a decimal integer: one with a minus or of
    19 or 20 digits cannot be anything else. 16 decimal digits are hex digits.
    """
    if form is None:
        is_number = isinstance(family, HammingFamily) and family.bits == WORD and re.fullmatch("-?[0-9]{19,20}", text)
        return _number(text, family) if is_number else family.parse(text)
    if not isinstance(family, HammingFamily):
        raise QueryError(f"family {family.name} has no hash form {form}: its signatures have one form of text")
    if form == "hex":
        return family.parse(_digits(text.removeprefix("0x"), f"[0-9a-fA-F]{{{-(-family.bits // 4)}}}", family, form))
    if form == "bits":
        digits = _digits(text, f"[01]{{{family.bits}}}", family, form)
        return family.parse(f"{int(digits, 2):0{-(-family.bits // 4)}x}")
    if family.bits != WORD:
        raise QueryError(f"a {family.name} has {family.bits} bits, and the hash form {form} is for {WORD}")
    if form == "imagehash3":
        # a byte a row of the picture, as ImageHash 4; but the first pixel was the lowest bit
        rows = bytes.fromhex(_digits(text, "[0-9a-fA-F]{16}", family, form))
        return family.parse(bytes(int(f"{row:08b}"[::-1], 2) for row in rows).hex())
    return _number(_digits(text, "-?[0-9]{1,20}" if form == "signed" else "[0-9]{1,20}", family, form), family, form)


def _number(text: str, family: Family, form: HashForm | None = None) -> Row:
    """Return the hash of 64 bits in a decimal integer; without a form, with a sign or without."""
    number = int(text)
    most = (1 << 63) - 1 if form == "signed" else (1 << 64) - 1
    if not -(1 << 63) <= number <= most:
        raise SignatureError(f"{text} is no {family.name}: a number of 64 bits is {-(1 << 63)} to {most}")
    return family.parse(f"{number % (1 << 64):016x}")


def _digits(text: str, pattern: str, family: Family, form: HashForm) -> str:
    if re.fullmatch(pattern, text) is None:
        raise SignatureError(f"{text[:80]!a} is no {family.name} in the form {form}")
    return text
