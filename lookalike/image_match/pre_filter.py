"""Filters in the words of Elasticsearch, as far as image-match's `pre_filter` uses them, as filters of an index.

    {"term": {"metadata.tenant": "a"}}              equal, or a member of a list
    {"match": {"metadata.tenant": "a"}}             the same: text is not split into words
    {"terms": {"metadata.tenant": ["a", "b"]}}      one of these
    {"exists": {"field": "metadata.tenant"}}        there, and neither null nor empty
    {"bool": {"must": …, "filter": …, "should": …, "must_not": …, "minimum_should_match": 1}}
    {"nested": {"path": "metadata.people", "query": …}}   one object of a list meets all
    [ … ]                                           all of these

Fields are called `metadata.…`, or `<doc_type>.metadata.…` as documents of Elasticsearch 7 are laid out; `.keyword` at
the end of one, the name of its text as a whole, may stand or not.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from lookalike.image_match.values import plain
from lookalike.interchange.documents.document import METADATA
from shards.errors import QueryError

Where: TypeAlias = dict[str, Any]
"""A filter as `shards.search.filters` reads it."""

WHOLE_TEXT = ".keyword"
"""The end of the name by which Elasticsearch knows a text that is not split into words."""

EVERYTHING: Where = {}
NOTHING: Where = {"$not": {}}

SOMETHING: Sequence[Where] = (
    {"$exists": True, "$nin": [None, [], [None], {}]},
    # of several values one suffices
    {"$in": [True, False]},
    {"$gte": ""},
    {"$gte": -sys.float_info.max},
)
"""Conditions of which a field meets one that Elasticsearch says exists: null and what is empty does not."""

MAX_DEPTH = 24
"""Queries in one another: as a filter of the index they have a few levels more, and it may have 32."""

MAX_NESTED = 6
"""Fields of the path of a nested query. Each such query in another doubles the conditions of the filter."""

SAYS_NOTHING = frozenset({"boost", "_name"})
"""Parameters that do not change what a filter accepts."""


def where(pre_filter: Any, doc_type: str) -> Where:
    """Return the same filter in the words of an index. `doc_type`: the name that fields may begin with.

    Raises NotImplementedError for what has no equal here, by its name, and QueryError for what is no filter.
    """
    return _Reader(doc_type).query(pre_filter)


class _Reader:
    """Reads a filter. `inside` of `query`: the field whose members it is about, in a nested query."""

    def __init__(self, doc_type: str) -> None:
        self._doc_type = doc_type
        self._depth = 0

    def query(self, query: Any, inside: str = "") -> Where:
        """Read any query, or a list of queries."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"pre_filter: more than {MAX_DEPTH} queries lie in one another")
        try:
            return self._query(query, inside)
        finally:
            self._depth -= 1

    def _query(self, query: Any, inside: str) -> Where:
        if isinstance(query, list | tuple):
            return _all([self.query(part, inside) for part in query])
        name, body = _only(query, "a query")
        readers = {
            "term": self._term,
            "match": self._match,
            "terms": self._terms,
            "exists": self._exists,
            "bool": self._bool,
            "nested": self._nested,
        }
        if name not in readers:
            known = ", ".join(readers)
            raise NotImplementedError(f"pre_filter: {name!r} is not supported; there are {known}, and lists of these")
        return readers[name](body, inside)

    def _term(self, body: Any, inside: str) -> Where:
        field, value = _only(body, "term")
        if isinstance(value, Mapping):
            value = _parameter("term", value, "value")
        return self._one_of(field, [value], inside)

    def _match(self, body: Any, inside: str) -> Where:
        field, value = _only(body, "match")
        if isinstance(value, Mapping):
            value = _parameter("match", value, "query", ignored={"operator"})
        return self._one_of(field, [value], inside)

    def _terms(self, body: Any, inside: str) -> Where:
        if not isinstance(body, Mapping):
            raise QueryError(f"pre_filter: terms is {body!r:.100}: give a field and a list")
        field, values = _only({name: value for name, value in body.items() if name not in SAYS_NOTHING}, "terms")
        if isinstance(values, Mapping):
            raise NotImplementedError("pre_filter: terms of another document are not supported: give the list itself")
        if not isinstance(values, list | tuple | set | frozenset):
            raise QueryError(f"pre_filter: terms of {field!r} is {values!r:.100}: give a list")
        return self._one_of(field, list(values), inside)

    def _one_of(self, field: str, values: Sequence[Any], inside: str) -> Where:
        wanted = [plain(value) for value in values]
        if any(value is None or isinstance(value, list | dict) for value in wanted):
            raise QueryError(
                f"pre_filter: the value of {field!r} is {values!r:.100}: give text, a number, true or false"
            )
        condition = {"$in": wanted}
        return _any([part for name in self._names(field, inside) for part in _holds(name, condition)])

    def _exists(self, body: Any, inside: str) -> Where:
        if not isinstance(body, Mapping):
            raise QueryError(f"pre_filter: exists is {body!r:.100}: give {{'field': …}}")
        field = _parameter("exists", body, "field")
        if self._metadata_name(field) == METADATA:
            raise NotImplementedError(f"pre_filter: exists of {field!r} itself is not supported: name a field in it")
        return _any([{name: value} for name in self._names(field, inside) for value in SOMETHING])

    def _bool(self, body: Any, inside: str) -> Where:
        if not isinstance(body, Mapping):
            raise QueryError(f"pre_filter: bool is {body!r:.100}: give an object")
        known = {"must", "filter", "should", "must_not", "minimum_should_match"} | SAYS_NOTHING
        _refuse_unknown("bool", body, known)
        needed = [self.query(part, inside) for name in ("must", "filter") for part in _listed(body.get(name, []))]
        refused = [{"$not": self.query(part, inside)} for part in _listed(body.get("must_not", []))]
        optional = [self.query(part, inside) for part in _listed(body.get("should", []))]
        # as Elasticsearch since version 7 has it: beside conditions that must hold, others need not
        least = body.get("minimum_should_match", 1 if optional and not needed else 0)
        return _all([*needed, *refused, _at_least(least, optional)])

    def _nested(self, body: Any, inside: str) -> Where:
        if not isinstance(body, Mapping) or not {"path", "query"} <= body.keys():
            raise QueryError(f"pre_filter: nested is {body!r:.100}: give path and query")
        _refuse_unknown("nested", body, {"path", "query", "score_mode", "ignore_unmapped"} | SAYS_NOTHING)
        path = self._metadata_name(body["path"])
        if path == METADATA:
            # metadata is one object here, and all of a filter is about it
            return self.query(body["query"], inside)
        name = self._names(path, inside)[0]
        if path.count(".") > MAX_NESTED:
            raise QueryError(f"pre_filter: nested {path!r:.100} is more than {MAX_NESTED} fields deep")
        query = self.query(body["query"], path)
        # a field that is one object counts as a list of it; but the fields of several are not mixed
        is_list: Where = {name: {"$elemMatch": {}}}
        one = _all([{name: {"$exists": True}}, {"$not": is_list}, _below(name, query)])
        return _any([{name: {"$elemMatch": query}}, one])

    def _names(self, field: Any, inside: str) -> list[str]:
        """Return the names that a field may have in the metadata, or in the members of the field `inside` of it."""
        name = self._metadata_name(field)
        if name == METADATA and not inside:
            # metadata that is no object (`to_meta`)
            return [METADATA]
        start = f"{inside or METADATA}."
        if not name.startswith(start):
            what = f"nested query of {inside!r}" if inside else "metadata"
            raise NotImplementedError(f"pre_filter: field {field!r} is not in the {what}, and only that is filtered by")
        names = [name[len(start) :]]
        if names[0].endswith(WHOLE_TEXT):
            names.append(names[0].removesuffix(WHOLE_TEXT))
        return [f"${one}" if one.startswith("$") else one for one in names]

    def _metadata_name(self, field: Any) -> str:
        if not isinstance(field, str):
            raise QueryError(f"pre_filter: {field!r:.100} is no name of a field")
        return field.removeprefix(f"{self._doc_type}.")


def _holds(name: str, condition: Where) -> list[Where]:
    """Return filters of which one holds where a field, or a member of a list in it, meets a condition."""
    return [{name: condition}, {name: {"$elemMatch": condition}}]


def _below(name: str, query: Where) -> Where:
    """Return a filter on the fields of an object as one on the fields of what it is in."""
    below: Where = {}
    for key, value in query.items():
        if key in ("$and", "$or"):
            below[key] = [_below(name, part) for part in value]
        elif key == "$not":
            below[key] = _below(name, value)
        else:
            below[f"{name}.{key.removeprefix('$') if key.startswith('$$') else key}"] = value
    return below


def _at_least(least: Any, parts: list[Where]) -> Where:
    if type(least) is not int or least < 0:
        raise NotImplementedError(f"pre_filter: minimum_should_match {least!r} is not supported: give 0 or more")
    if least == 0:
        return EVERYTHING
    if least == 1:
        return _any(parts)
    if least == len(parts):
        return _all(parts)
    if least > len(parts):
        return NOTHING
    raise NotImplementedError(
        f"pre_filter: minimum_should_match {least} of {len(parts)} is not supported: give 0, 1 or all of them"
    )


def _all(parts: list[Where]) -> Where:
    some = [part for part in parts if part != EVERYTHING]
    return {"$and": some} if len(some) > 1 else (some or [EVERYTHING])[0]


def _any(parts: list[Where]) -> Where:
    if EVERYTHING in parts:
        return EVERYTHING
    return {"$or": parts} if len(parts) > 1 else (parts or [NOTHING])[0]


def _listed(clause: Any) -> list[Any]:
    return list(clause) if isinstance(clause, list | tuple) else [clause]


def _only(body: Any, what: str) -> tuple[str, Any]:
    """Return the one name and value of an object."""
    if not isinstance(body, Mapping) or len(body) != 1:
        raise QueryError(f"pre_filter: {what} is {body!r:.100}: give an object with one name")
    ((name, value),) = body.items()
    return name, value


def _parameter(what: str, body: Mapping[str, Any], name: str, ignored: set[str] | None = None) -> Any:
    """Return the one parameter that counts."""
    _refuse_unknown(what, body, {name, *SAYS_NOTHING, *(ignored or ())})
    if name not in body:
        raise QueryError(f"pre_filter: {what} is {dict(body)!r:.100}: give {name!r}")
    return body[name]


def _refuse_unknown(what: str, body: Mapping[str, Any], known: set[str] | frozenset[str]) -> None:
    unknown = sorted(map(str, body.keys() - known))
    if unknown:
        raise NotImplementedError(f"pre_filter: {', '.join(unknown)} of {what} is not supported")
