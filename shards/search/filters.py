"""Filters: conditions on metadata, as JSON in the words that users of document databases know.

    {"album": "Rome"}                             the field equals this value; of several fields, all do
    {"year": {"$gte": 1990, "$lt": 2000}}         $eq $ne $gt $gte $lt $lte
    {"album": {"$in": ["Rome", "Paris"]}}         $in $nin: one of these values, or none of them
    {"licence": {"$exists": true}}                the field is there, whatever its value
    {"tags": {"$contains": "beach"}}              a list with this member
    {"people": {"$elemMatch": {"name": "Ann"}}}   a list with a member that meets a filter, or operators: {"$gte": 3}
    {"year": {"$not": {"$gte": 1990}}}            the opposite
    {"$or": [{"year": 1990}, {"year": 1991}]}     $or $and of filters; $not of one filter

`user.name` is the field `name` of the object `user` (`shards.search.fields`). Of several values of a field, one has to
meet a condition. `$ne`, `$nin` and `$not` are the opposites of `$eq`, `$in` and what they are given, so they also hold
where the field is missing. Values are equal as JSON values are: 1 and 1.0 are equal, 1 and true are not. Numbers
compare with numbers, and text with text by its characters: so dates written as ISO 8601 compare as dates do. A field
whose name begins with `$` is written with one `$` more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from reprlib import Repr
from types import MappingProxyType
from typing import Any, TypeAlias

from shards.errors import QueryError
from shards.search.fields import MAX_PARTS, values

MAX_BYTES = 1 << 20
"""Bytes of a filter as JSON: room for 50,000 ids, and a small part of a message to a worker."""

MAX_DEPTH = 32
"""Levels of a filter, with the values in it."""

MAX_CONDITIONS = 100
"""Conditions of a filter: every image of an index may be asked about each, and images may have the most unfortunate
metadata: 64 KB of it then cost a quarter of a second. `$in` is one condition, however many values it has, but each list
and object among them is one more."""

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType({"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le})

OPERATORS = ("$eq", "$ne", *COMPARISONS, "$in", "$nin", "$exists", "$contains", "$elemMatch", "$not")
"""Operators that can stand beside the name of a field."""

Test: TypeAlias = Callable[[Any], bool]
"""A function that tells if one value passes."""

Condition: TypeAlias = Callable[[Sequence[Any]], bool]
"""A function that tells if the values of a field, of which there may be none, meet a condition."""

Acceptance: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""A function that tells if metadata, or an object in it, meets a filter."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on metadata. Immutable; filters of equal JSON are equal."""

    text: str
    """The filter as JSON."""

    _accepts: Acceptance = field(compare=False, repr=False)

    @classmethod
    def of(cls, where: Mapping[str, Any] | Filter | None) -> Filter:
        """Return the filter that this JSON object describes; None accepts everything. Raises QueryError."""
        if isinstance(where, Filter):
            return where
        if where is None:
            return ANYTHING
        if not isinstance(where, Mapping):
            raise QueryError(f"filter {_shown(where)} is not JSON: give an object of names and values")
        try:
            text = json.dumps(dict(where), allow_nan=False, separators=(",", ":"))
            document = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise QueryError(f"filter {_shown(where)} is not JSON: {error}") from error
        if len(text) > MAX_BYTES:
            raise QueryError(f"a filter of {len(text):,} bytes as JSON is too large: {MAX_BYTES:,} is the most")
        _check_depth(document)
        return cls(text, _Reader().filter(document))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that describes this filter."""
        document: dict[str, Any] = json.loads(self.text)
        return document

    def accepts(self, meta: Mapping[str, Any]) -> bool:
        """Return True if a record with this metadata may be a hit."""
        return self._accepts(meta)

    def __bool__(self) -> bool:
        """Return False if this filter accepts everything."""
        return self.text != "{}"

    def __reduce__(self) -> tuple[Callable[[Mapping[str, Any]], Filter], tuple[dict[str, Any]]]:
        # a function cannot be sent to another process, its description can
        return Filter.of, (self.to_json(),)


class _Reader:
    """Reads a filter's JSON. Counts conditions on the way."""

    def __init__(self) -> None:
        self._conditions = 0

    def filter(self, document: Any) -> Acceptance:
        if not isinstance(document, dict):
            raise QueryError(f"{_shown(document)} is no filter: give an object of names and values")
        entries = [self._entry(name, value) for name, value in document.items()]
        if len(entries) == 1:
            return entries[0]
        if not entries:
            self._count()
        return lambda meta: all(accepts(meta) for accepts in entries)

    def _entry(self, name: str, value: Any) -> Acceptance:
        if name in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise QueryError(f"{name} is {_shown(value)}: give a list of one or more filters")
            parts = [self.filter(part) for part in value]
            together = all if name == "$and" else any
            return lambda meta: together(accepts(meta) for accepts in parts)
        if name == "$not":
            accepts = self.filter(value)
            return lambda meta: not accepts(meta)
        if _is_operator(name):
            raise QueryError(f"{_shown(name)} is no operator that combines filters: there are $and, $or and $not")
        name = name[1:] if name.startswith("$$") else name
        if name.count(".") >= MAX_PARTS:
            raise QueryError(f"the name {_shown(name)} has more than {MAX_PARTS} parts")
        condition = self._condition(value, name)
        return lambda meta: condition(values(meta, name))

    def _condition(self, document: Any, name: str) -> Condition:
        """Read what stands beside a field's name: operators, or the value that the field has to equal."""
        if not isinstance(document, dict) or not any(map(_is_operator, document)):
            return _some(self._equal(document))
        conditions = [self._operation(operator, operand, name) for operator, operand in document.items()]
        return conditions[0] if len(conditions) == 1 else lambda found: all(holds(found) for holds in conditions)

    def _operation(self, operator: str, operand: Any, name: str) -> Condition:
        if operator == "$exists":
            if not isinstance(operand, bool):
                raise QueryError(f"$exists of {_shown(name)} is {_shown(operand)}: give true or false")
            self._count()
            return lambda found: bool(found) is operand
        if operator == "$not":
            return _not(self._condition(operand, name))
        if operator in ("$eq", "$ne"):
            equal = _some(self._equal(operand))
            return equal if operator == "$eq" else _not(equal)
        if operator in ("$in", "$nin"):
            if not isinstance(operand, list):
                raise QueryError(f"{operator} of {_shown(name)} is {_shown(operand)}: give a list of values")
            one_of = _some(self._one_of(operand))
            return one_of if operator == "$in" else _not(one_of)
        if operator in COMPARISONS:
            return _some(self._comparison(operator, operand, name))
        if operator == "$contains":
            return _some_list(_some(self._equal(operand)))
        if operator == "$elemMatch":
            return _some_list(self._member(operand, name))
        wrong = "is no operator" if _is_operator(operator) else "stands among operators, and is none"
        raise QueryError(
            f"{_shown(operator)} beside {_shown(name)} {wrong}: there are {', '.join(OPERATORS)};"
            ' a value that looks like operators is written as {"$eq": …}'
        )

    def _member(self, document: Any, name: str) -> Condition:
        """Read what stands beside $elemMatch."""
        if _is_condition(document):
            condition = self._condition(document, name)
            return lambda members: any(condition((member,)) for member in members)
        accepts = self.filter(document)
        return lambda members: any(isinstance(member, dict) and accepts(member) for member in members)

    def _comparison(self, operator: str, operand: Any, name: str) -> Test:
        self._count()
        compare = COMPARISONS[operator]
        if isinstance(operand, str):
            return lambda value: isinstance(value, str) and compare(value, operand)
        if _is_number(operand):
            return lambda value: _is_number(value) and compare(value, operand)
        raise QueryError(f"{operator} of {_shown(name)} is {_shown(operand)}: only numbers and text have an order")

    def _one_of(self, operand: Sequence[Any]) -> Test:
        self._count()
        plain = frozenset(_identity(value) for value in operand if not isinstance(value, list | dict))
        others = [self._equal(value) for value in operand if isinstance(value, list | dict)]

        def is_one(value: Any) -> bool:
            if isinstance(value, list | dict):
                return any(equals(value) for equals in others)
            return _identity(value) in plain

        return is_one

    def _equal(self, operand: Any) -> Test:
        self._count()
        return lambda value: _same(value, operand)

    def _count(self) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise QueryError(f"a filter has more than {MAX_CONDITIONS} conditions; $in takes many values as one")


def _some(passes: Test) -> Condition:
    return lambda found: any(map(passes, found))


def _some_list(condition: Condition) -> Condition:
    """Return the condition that a value is a list whose members, as values, meet another condition."""
    return lambda found: any(isinstance(value, list) and condition(value) for value in found)


def _not(condition: Condition) -> Condition:
    return lambda found: not condition(found)


def _is_operator(name: str) -> bool:
    return name.startswith("$") and not name.startswith("$$")


def _is_condition(document: Any) -> bool:
    """Return True if these are operators on a value, rather than a filter for objects."""
    if not isinstance(document, dict) or not document or not all(map(_is_operator, document)):
        return False
    if "$not" in document:
        return not isinstance(document["$not"], dict) or _is_condition(document["$not"])
    return not document.keys() & {"$and", "$or"}


def _check_depth(document: Any) -> None:
    """Raise QueryError for more than MAX_DEPTH levels, so that functions that walk the document may call themselves."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return
    raise QueryError(f"a filter has more than {MAX_DEPTH} levels")


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _identity(value: Any) -> tuple[bool, Any]:
    """Return what is equal for equal plain values alone: to Python, 1 and True are equal too."""
    return isinstance(value, bool), value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60

_shown = _REPR.repr
"""Return a value from outside for a message, short whatever it is."""

ANYTHING = Filter.of({})
"""The filter that accepts everything."""
