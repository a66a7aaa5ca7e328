"""What is fuzzed: a function that takes any bytes, and keeps its promises whatever they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

Mutation: TypeAlias = Callable[[bytes], bytes]
"""From bytes to similar ones."""


def unchanged_by_rules(data: bytes, plain: Mutation, _: Random) -> bytes:
    """Mutate bytes as bytes: where no checksum and no nesting would refuse most of what comes of it."""
    return plain(data)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, or a part of the program that reads what strangers wrote."""

    check: Callable[[bytes], None]
    """Give it these bytes. Raises whatever breaks a promise; errors that are promised are no failures."""

    seeds: Callable[[], Sequence[bytes]]
    """Returns valid inputs, made by the program itself."""

    tokens: Sequence[bytes] = ()
    """Words that make a difference."""

    mutate: Callable[[bytes, Mutation, Random], bytes] = unchanged_by_rules
    """Returns a similar input, in which checksums are right again. It may hand parts of it to the plain mutation."""

    longest: int = 1 << 14
    """Bytes of an input."""


def plainly(random: Random) -> Mutation:
    """Return the mutation of a few bytes here and there, for where no engine brings a better one."""

    def mutated(data: bytes) -> bytes:
        values = bytearray(data)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            at = random.randrange(len(values) + 1)
            match random.randrange(7):
                case 0:
                    values[at : at + random.choice((1, 2, 4, 8, 64))] = b""
                case 1:
                    values[at:at] = random.randbytes(random.choice((1, 2, 4, 8)))
                case 2:
                    values[at:at] = values[at : at + random.randrange(1, 64)]
                case 3:
                    values[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f", b"\x80\0\0\0"))
                case 4:
                    values[at : at + 1] = random.choice(b"-0123456789.eE\"'[]{},:\\&=%+;\r\n\0\xff\xed").to_bytes()
                case 5:
                    there = random.randrange(len(values) + 1)
                    values[at : at + 8] = values[there : there + 8]
                case _:
                    values[at : at + 1] = random.randbytes(1)
        return bytes(values)

    return mutated
