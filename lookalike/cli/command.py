"""What all commands share: examples in their help, the form of their output, and the words for values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shards.errors import IndexNotFound

if TYPE_CHECKING:
    from lookalike.index import Index

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose help ends with examples: (command line, what it does)."""

    def __init__(self, *args: Any, examples: Iterable[tuple[str, str]] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line, meaning in self.examples:
                formatter.write(f"{' ' * formatter.current_indent}{line}\n")
                formatter.write(f"{' ' * formatter.current_indent}    {meaning}\n")
        super().format_epilog(ctx, formatter)


def output_options(command: Decorated) -> Decorated:
    """`--json` and `--text`, which come as `form`."""
    text = click.option("--text", "form", flag_value="text", default=None, help="Plain text, also into a pipe.")
    as_json = click.option(
        "--json", "form", flag_value="json", default=None, help="One JSON object a line (the default in a pipe)."
    )
    return as_json(text(command))


def index_argument(command: Decorated) -> Decorated:
    """`INDEX`, which comes as `address`."""
    return click.argument("address", metavar="INDEX")(command)


def jobs_option(command: Decorated) -> Decorated:
    """`--jobs`, of which None is one for each processor."""
    return click.option(
        "--jobs", "-j", type=click.IntRange(1), help="Processes that sign. [default: one for each processor]"
    )(command)


def adding_options(command: Decorated) -> Decorated:
    """`--jobs` and `--batch`: how `lookalike.ingest.ingest.add` goes about it."""
    batch = click.option(
        "--batch",
        type=click.IntRange(1, 10_000),
        default=500,
        show_default=True,
        help="Images written at once, at most.",
    )
    return jobs_option(batch(command))


FACTORS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


def size(text: str) -> int:
    """An option's type: bytes as `50000000`, `50MB` or `48MiB`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*((?:[kmg]i?)?)b?", text.strip().lower())
    if found is None:
        raise click.BadParameter(f"{text!r} is no size: give bytes, or a number with KB, MB, GB, MiB or GiB")
    return int(float(found[1]) * FACTORS[found[2]])


def name_value(text: str) -> tuple[str, Any]:
    """An option's type: `NAME=VALUE`, where the value is JSON if it is valid JSON, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value, parse_constant=_no_number)
    except ValueError:
        return name, value


def _no_number(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are no JSON: they stay text


def names_of(given: Iterable[str]) -> list[str]:
    """Names given one by one or with commas between them, each once."""
    return list(dict.fromkeys(name for text in given for name in text.replace(",", " ").split()))


def open_or_create(address: str) -> tuple[Index, bool]:
    """The index there, and whether it had to be made, with everything by default."""
    from lookalike.index import Index

    try:
        return Index.open(address), False
    except IndexNotFound:
        return Index.create(address), True
