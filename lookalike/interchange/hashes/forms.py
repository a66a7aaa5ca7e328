"""How lists write hashes, and reading thousands of them at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.stored import RowUnfit
from shards.families.hashes.hamming import WORD, HammingFamily

Form: TypeAlias = Literal["hex", "imagehash3", "bits", "integers", "signed", "unsigned"]
"""As `HashForm`; integers are signed or unsigned numbers, which is told by each: none can be both and differ."""

Words: TypeAlias = NDArray[np.uint64]
"""(rows, words) uint64: hashes as `HammingFamily` has them."""

EXACT = 15
"""Digits of a number that a spreadsheet keeps."""

FEW = 5
"""Numbers that are not rounded by chance."""

_HEX = re.compile("[0-9a-fA-F]+")
_BITS = re.compile("[01]+")
_INTEGER = re.compile("[+-]?[0-9]{1,20}")
_INTEGERS = re.compile("(?:-?[0-9]{1,20}\n)*+")
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?E[+-]?[0-9]+", re.IGNORECASE)
_PREFIX = ("0x", "0X")

_MIRRORED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)
"""Each byte with its bits in the other order."""

QUALITY = re.compile(":([0-9]{3})$")
"""What may follow a PDQ hash: its quality, as this project writes it."""

RANGES = {
    "integers": range(-(1 << 63), 1 << 64),
    "signed": range(-(1 << 63), 1 << 63),
    "unsigned": range(1 << 64),
}


def digits_of(family: HammingFamily) -> int:
    """Return the number of hex digits of a hash."""
    return -(-family.bits // 4)


def form_of(family: HammingFamily, sample: Sequence[str]) -> Form | None:
    """Return how a column writes its hashes, by these values of it together; None where none of them is a hash.

    A hash of 16 decimal digits can be a number or hex digits, so no value tells by itself. Raises RowUnfit where all
    values are such.
    """
    texts = [QUALITY.sub("", _bare(text)) for text in sample]
    of_length = [text for text in texts if len(text) == digits_of(family) and _HEX.fullmatch(text)]
    if any(not text.isdecimal() for text in of_length) or any(text.strip().startswith(_PREFIX) for text in sample):
        return "hex"
    if any(len(text) == family.bits and _BITS.fullmatch(text) for text in texts):
        return "bits"
    if family.bits != WORD:
        return "hex" if of_length else None
    numbers = [text for text in texts if _INTEGER.fullmatch(text) and len(text.lstrip("+-")) > 1]
    if len(numbers) > len(of_length):
        return "integers"
    if of_length:
        raise RowUnfit(
            f"all hashes have {digits_of(family)} decimal digits, which may be hex digits or numbers: say --hash-form "
            "hex or --hash-form signed"
        )
    return None


def are_rounded(sample: Sequence[str]) -> bool:
    """Return whether these numbers have 15 digits and zeros after them, as a spreadsheet leaves them.

    One number in a hundred of 17 digits ends so by chance, and several do not.
    """
    long = [digits for text in sample if len(digits := text.strip().lstrip("+-")) >= EXACT + 2]
    return len(long) >= FEW and all(not digits[EXACT:].strip("0") for digits in long)


class HashReader:
    """Reads hashes of one family that are written in one form."""

    def __init__(self, family: HammingFamily, form: Form) -> None:
        self.family = family
        self.form = form
        self._words = family.dtype["hash"].shape[0]
        self._digits = digits_of(family)
        many: dict[Form, Callable[[Sequence[str]], Words | None]] = {
            "hex": self._many_hex,
            "imagehash3": self._many_hex,
            "bits": self._many_bits,
        }
        self._many = many.get(form, self._many_integers)

    @property
    def knows_length(self) -> bool:
        """Whether a hash in this form always has the same number of digits, so that one that is cut off is known."""
        return self.form not in RANGES

    def many(self, texts: Sequence[str]) -> Words | None:
        """Return these hashes; None unless each is written as it should be, for which `one` says what is wrong."""
        if not texts:
            return np.zeros((0, self._words), np.uint64)
        if texts[0].startswith(_PREFIX) and all(text.startswith(_PREFIX) for text in texts):
            texts = [text[2:] for text in texts]
        return self._many(texts)

    def one(self, text: str) -> Words:
        """Return one hash, (1, words). Raises RowUnfit."""
        words = self._many([_bare(text)])
        if words is None:
            raise RowUnfit(self._problem(_bare(text)))
        return words

    def _many_hex(self, texts: Sequence[str]) -> Words | None:
        if set(map(len, texts)) != {self._digits}:
            return None
        padding = "0" * (self._words * WORD // 4 - self._digits)
        joined = "".join(texts) if not padding else padding + padding.join(texts)
        try:
            read = bytes.fromhex(joined)
        except ValueError:
            return None
        # fromhex skips blanks
        if len(read) * 2 != len(joined):
            return None
        values = np.frombuffer(read, np.uint8)
        if self.form == "imagehash3":
            values = _MIRRORED[values]
        words = values.view(">u8").astype(np.uint64).reshape(len(texts), self._words)
        spare = self._words * WORD - self.family.bits
        return None if spare and (words[:, 0] >> np.uint64(WORD - spare)).any() else words

    def _many_bits(self, texts: Sequence[str]) -> Words | None:
        joined = "".join(texts)
        if set(map(len, texts)) != {self.family.bits} or not joined.isascii():
            return None
        bits = np.frombuffer(joined.encode(), np.uint8) - ord("0")
        if (bits > 1).any():
            return None
        padded = np.zeros((len(texts), self._words * WORD), np.uint8)
        padded[:, -self.family.bits :] = bits.reshape(len(texts), -1)
        return np.packbits(padded, axis=1).view(">u8").astype(np.uint64)

    def _many_integers(self, texts: Sequence[str]) -> Words | None:
        if not _INTEGERS.fullmatch("\n".join([*texts, ""])):
            return None
        numbers = list(map(int, texts))
        span = RANGES[self.form]
        if min(numbers) < span.start or max(numbers) >= span.stop:
            return None
        return np.array([number & 0xFFFFFFFFFFFFFFFF for number in numbers], np.uint64).reshape(-1, 1)

    def _problem(self, text: str) -> str:
        """Return what is wrong with a text that is no hash."""
        name, digits = self.family.name, self._digits
        shown = ascii(text if len(text) <= 80 else text[:77] + "...")
        if not text:
            return "has no hash"
        if not (len(text) == digits and _HEX.fullmatch(text)) and _ROUNDED.fullmatch(text):
            return f"{shown}: a spreadsheet has rounded this number, and the hash is lost: export the column as text"
        if self.form in RANGES:
            if _INTEGER.fullmatch(text):
                return f"{shown} is out of the range of {self.form}: {_SAYS[self.form]}"
            return f"{shown} is no whole number, as the others are that this list has for hashes"
        if self.form == "bits":
            return f"{shown} is no {name}: that is {self.family.bits} binary digits"
        if _HEX.fullmatch(text) and len(text) < digits:
            return f"{shown} has {len(text)} hex digits, a {name} has {digits}: zeros in front seem to be lost"
        if _HEX.fullmatch(text) and len(text) > digits:
            return f"{shown} has {len(text)} hex digits, a {name} has {digits}"
        return f"{shown} is no {name}: that is {digits} hex digits"


_SAYS = {
    "integers": "no number of 64 bits",
    "signed": "no number of 64 bits with a sign; where they have none, say --hash-form unsigned",
    "unsigned": "no number of 64 bits without a sign",
}


def _bare(text: str) -> str:
    """Return a hash without blanks around it, and without 0x."""
    text = text.strip()
    return text[2:] if text.startswith(_PREFIX) else text
