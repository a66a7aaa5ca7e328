"""Conditions on metadata as the command line writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from lookalike.cli.command import json_or_text

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

OPERATORS = {"=": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def where_option(command: Decorated) -> Decorated:
    """Add `--where`, which is passed as `where`: a tuple of filters that must all accept."""
    return click.option(
        "--where",
        type=condition,
        metavar="CONDITION",
        multiple=True,
        help="Only images with this metadata: album=Rome, album!=Rome, year>=1990 (also > < <=), or a filter as JSON,"
        ' {"album": {"$in": ["Rome", "Paris"]}}. Repeat it: all must hold.',
    )(command)


def condition(text: str) -> Mapping[str, Any]:
    """Read the value of an option as a filter: `NAME=VALUE` and the like, or a filter as JSON."""
    # a command's help needs none of the engine
    from shards.errors import QueryError
    from shards.search.filters import Filter

    where = _json(text) if text.startswith("{") else _comparison(text)
    try:
        Filter.of(where)
    except QueryError as error:
        raise click.BadParameter(str(error)) from error
    return where


def all_of(where: tuple[Mapping[str, Any], ...]) -> Mapping[str, Any] | None:
    """Return the filter that accepts what all of these accept; None for none."""
    return {"$and": list(where)} if where else None


def _json(text: str) -> Mapping[str, Any]:
    try:
        document: Mapping[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{text!r:.80} is no filter as JSON: {error}") from error
    return document


def _comparison(text: str) -> Mapping[str, Any]:
    parts = re.fullmatch("([^=!<>]+)(!=|[<>]=?|=)(.*)", text, re.DOTALL)
    if parts is None:
        raise click.BadParameter(
            f"{text!r} is no condition: give NAME=VALUE, NAME!=VALUE, NAME<VALUE, NAME<=VALUE, NAME>VALUE, NAME>=VALUE,"
            " or a filter as JSON"
        )
    name, operator, value = parts.groups()
    return {name if name[0] != "$" else f"${name}": {OPERATORS[operator]: json_or_text(value)}}
