"""Hashes as databases and programs write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import QueryError, SignatureError
from shards.families import family
from shards.families.hashes import forms
from shards.hash_forms import HashForm

DHASH = family("dhash")

words = st.integers(0, (1 << 64) - 1)


def of(text: str, name: str = "dhash", form: HashForm | None = None) -> str:
    kind = family(name)
    return kind.format(forms.parse(text, kind, form))


def signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


@given(words)
def test_one_hash_may_be_written_in_any_form(word: int) -> None:
    text = f"{word:016x}"
    assert of(text) == of(text.upper()) == of(text, form="hex") == of("0x" + text, form="hex") == text
    assert of(str(signed(word)), form="signed") == text
    assert of(str(word), form="unsigned") == text
    assert of(f"{word:064b}", form="bits") == text
    mirrored = "".join(f"{int(f'{byte:08b}'[::-1], 2):02x}" for byte in bytes.fromhex(text))
    assert of(mirrored, form="imagehash3") == text


@given(words)
def test_a_number_that_can_be_nothing_else_needs_no_form(word: int) -> None:
    text = f"{word:016x}"
    if word >> 63:
        assert of(str(signed(word))) == text
    if word >= 10**18:
        assert of(str(word)) == text


def test_sixteen_decimal_digits_are_hex_unless_they_are_said_to_be_a_number() -> None:
    assert of("1234567890123456") == "1234567890123456"
    assert of("1234567890123456", form="signed") == f"{1234567890123456:016x}"
    assert of("1234567890123456", form="unsigned") == f"{1234567890123456:016x}"


def test_an_old_imagehash_is_read_as_its_program_wrote_it() -> None:
    bits = np.zeros((8, 8), bool)
    bits[0, 0] = bits[7, 7] = bits[3, 1] = True
    # ImageHash 3.7: each byte is the sum of 2 ** (i % 8) over the bits that are set
    old = "".join(f"{sum(1 << i for i, bit in enumerate(row) if bit):02x}" for row in bits)
    assert of(old, form="imagehash3") == "8000004000000001"


@pytest.mark.parametrize(
    ("text", "name", "form", "message"),
    [
        ("9223372036854775808", "dhash", "signed", "is no dhash: a number of 64 bits is -9223372036854775808 to"),
        ("18446744073709551616", "dhash", None, "a number of 64 bits"),
        ("-9223372036854775809", "dhash", None, "a number of 64 bits"),
        ("-1", "dhash", "unsigned", "in the form unsigned"),
        ("abc", "dhash", "hex", "in the form hex"),
        ("01", "dhash", "bits", "in the form bits"),
        ("1e18", "dhash", "signed", "in the form signed"),
        ("", "dhash", "signed", "in the form signed"),
        ("12345678901234567890123", "dhash", None, "is no dhash"),
        ("x" * 10_000, "dhash", "imagehash3", "in the form imagehash3"),
        ("1" * 19, "phash16", None, "is no phash16"),
    ],
)
def test_what_is_no_hash_is_refused(text: str, name: str, form: HashForm | None, message: str) -> None:
    with pytest.raises(SignatureError, match=message) as refused:
        of(text, name, form)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(("name", "form"), [("haar", "hex"), ("phash16", "signed"), ("pdq", "imagehash3")])
def test_a_family_has_not_every_form(name: str, form: HashForm) -> None:
    with pytest.raises(QueryError, match="hash form"):
        of("0", name, form)


def test_a_longer_hash_has_bits_and_digits() -> None:
    assert of("1" * 256, "phash16", "bits") == "f" * 64
    assert of("0x" + "ab" * 32, "phash16", "hex") == "ab" * 32
    assert of("1" * 256, "pdq", "bits").startswith("f" * 64)
