"""Signatures as text, of every family: the name of a family, a line break, the text."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike import QueryError, SignatureError
from shards.families import family, names
from shards.testing.samples import samples
from tests.torture.fuzzing.target import Target

SIZED = ("dhash16", "phash16", "whash_db4", "ahash12")


def check(data: bytes) -> None:
    """An unknown family is a QueryError, and what is no signature a SignatureError. What is one stays the same."""
    name, _, text = data.decode("utf-8", "surrogatepass" if data.isascii() else "replace").partition("\n")
    try:
        kind = family(name)
        row = kind.parse(text)
    except (QueryError, SignatureError) as error:
        assert len(str(error)) < 2_000, "an error is not to repeat all that was sent"
        return
    assert row.dtype == kind.dtype
    written = kind.format(row)
    assert kind.parse(written) == row, f"{name}: {text!r} is written as {written!r}, and that is another signature"
    rows = row.reshape(1)
    kind.score(kind.asked(rows)[0], rows)


def seeds() -> Sequence[bytes]:
    found = []
    for name in (*names(), *SIZED):
        kind = family(name)
        written = [kind.format(row) for row in samples(kind).signatures[:2]]
        found += [f"{name}\n{text}".encode() for text in (*written, written[0].upper())]
    found.append(b"goldberg\n[" + b", ".join([b"-2", b"0", b"1"] * 216) + b"]")
    found.append(b"dhash\n-1234567890123456789")
    return found


TARGET = Target(check, seeds, [name.encode() for name in names()] + [b"iqdb_", b"\n", b":100"], longest=4_000)
