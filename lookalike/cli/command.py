"""Parts that commands share: examples in the help, common options, and types of options."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
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
    """Add `--json` and `--text`, which are passed as `form`."""
    text = click.option("--text", "form", flag_value="text", default=None, help="Plain text, also into a pipe.")
    as_json = click.option(
        "--json", "form", flag_value="json", default=None, help="One JSON object a line (the default in a pipe)."
    )
    return as_json(text(command))


def index_argument(command: Decorated) -> Decorated:
    """Add the argument `INDEX`, which is passed as `address`."""
    return click.argument("address", metavar="INDEX")(command)


def jobs_option(command: Decorated) -> Decorated:
    """Add `--jobs`; None means one process for each processor."""
    return click.option(
        "--jobs",
        "-j",
        type=click.IntRange(1),
        help="Processes that compute signatures. [default: one for each processor]",
    )(command)


def adding_options(command: Decorated) -> Decorated:
    """`--jobs` and `--batch`: how `lookalike.ingest.pipeline.add` goes about it."""
    batch = click.option(
        "--batch",
        type=click.IntRange(1, 10_000),
        default=500,
        show_default=True,
        help="Maximum number of images written at once.",
    )
    return jobs_option(batch(command))


def retry_option(command: Decorated) -> Decorated:
    """Add `--retry`."""
    return click.option(
        "--retry", is_flag=True, help="Try files again that could not be read before and have not changed since."
    )(command)


def originals_option(command: Decorated) -> Decorated:
    """Add `--originals`, which is passed as `originals`: places that originals may be read from."""
    return click.option(
        "--originals",
        metavar="PLACE",
        multiple=True,
        help="A folder or URL in which originals of this index lie, besides those that were added on this machine: what"
        " the index says of files elsewhere is not believed. Repeat it.",
    )(command)


FACTORS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


class ReportPath(click.Path):
    """The value of an option that names a file to write, refused before any work is done for it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"{path}: No such file or directory: {path.parent} is no folder", param, ctx)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            self.fail(f"{path}: Permission denied: nothing can be written into {path.parent}", param, ctx)
        return path


def size(text: str) -> int:
    """Read the value of an option as bytes: `50000000`, `50MB` or `48MiB`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*((?:[kmg]i?)?)b?", text.strip().lower())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a size: give bytes, or a number with KB, MB, GB, MiB or GiB")
    return int(float(found[1]) * FACTORS[found[2]])


def name_value(text: str) -> tuple[str, Any]:
    """Read the value of an option as `NAME=VALUE`; the value is JSON if it is valid JSON, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, json_or_text(value)


def json_or_text(value: str) -> Any:
    """Return the JSON in this text, or the text itself where it is no JSON."""
    try:
        return json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return value


def _no_number(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are not JSON: they stay text


def names_of(given: Iterable[str]) -> list[str]:
    """Return names that are given one by one or with commas between them, each once."""
    return list(dict.fromkeys(name for text in given for name in text.replace(",", " ").split()))


def open_or_create(address: str) -> tuple[Index, bool]:
    """Open the index; create it with the defaults if there is none. Returns it, and whether it is new."""
    from lookalike.index import Index

    try:
        return Index.open(address), False
    except IndexNotFound:
        return Index.create(address), True
