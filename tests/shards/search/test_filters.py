"""Filters: every operator, their laws, and refusals that name what is wrong."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import QueryError
from shards.search.filters import ANYTHING, MAX_CONDITIONS, MAX_DEPTH, Filter

META: dict[str, Any] = {
    "album": "Rome",
    "year": 1995,
    "taken": "1995-07-01T10:00:00Z",
    "stars": 4.0,
    "is_public": True,
    "nothing": None,
    "tags": ["beach", "sun", 3, ["x"]],
    "user": {"name": "Ann", "age": 40},
    "people": [{"name": "Ben", "age": 3}, {"name": "Dan", "age": 50}],
    "$price": 7,
    "user.id": 12,
}


def accepts(where: dict[str, Any], meta: dict[str, Any] = META) -> bool:
    return Filter.of(where).accepts(meta)


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"album": "Rome"},
        {"album": "Rome", "year": 1995},
        {"year": 1995.0, "stars": 4},
        {"tags": ["beach", "sun", 3.0, ["x"]]},
        {"user": {"age": 40, "name": "Ann"}},
        {"nothing": None},
        {"is_public": True},
        {"album": {"$eq": "Rome"}},
        {"album": {"$ne": "Paris"}},
        {"missing": {"$ne": "Paris"}},
        {"year": {"$gte": 1995, "$lt": 2000}},
        {"year": {"$gt": 1994.5, "$lte": 1995}},
        {"taken": {"$gte": "1995", "$lt": "1996"}},
        {"album": {"$in": ["Paris", "Rome"]}},
        {"stars": {"$in": [4, 5]}},
        {"nothing": {"$in": [None]}},
        {"user": {"$in": [1, {"name": "Ann", "age": 40}]}},
        {"album": {"$nin": ["Paris"]}},
        {"missing": {"$nin": ["Paris"]}},
        {"is_public": {"$nin": [1]}},
        {"year": {"$in": [1995], "$exists": True}},
        {"nothing": {"$exists": True}},
        {"missing": {"$exists": False}},
        {"tags": {"$contains": "beach"}},
        {"tags": {"$contains": ["x"]}},
        {"tags": {"$elemMatch": {"$gte": 3}}},
        {"tags": {"$elemMatch": {"$elemMatch": {"$eq": "x"}}}},
        {"tags": {"$elemMatch": {"$not": "beach"}}},
        {"tags": {"$elemMatch": {"$not": {"$in": ["beach", "sun"]}}}},
        {"people": {"$elemMatch": {"name": "Dan", "age": {"$gt": 10}}}},
        {"people": {"$elemMatch": {"$not": {"name": "Dan"}}}},
        {"people": {"$elemMatch": {"$or": [{"name": "Eve"}, {"name": "Ben"}]}}},
        {"people.name": "Ben"},
        {"people.age": {"$gt": 40}},
        {"user.name": "Ann"},
        {"user.id": 12},
        {"year": {"$not": {"$lt": 1990}}},
        {"missing": {"$not": {"$lt": 1990}}},
        {"album": {"$not": "Paris"}},
        {"$not": {"album": "Paris"}},
        {"$or": [{"album": "Paris"}, {"year": 1995}]},
        {"$and": [{"album": "Rome"}, {"$or": [{"year": 1}, {"year": 1995}]}]},
        {"album": "Rome", "$or": [{"year": 1995}]},
        {"$$price": {"$gt": 5}},
    ],
)
def test_what_holds_is_accepted_and_its_opposite_is_not(where: dict[str, Any]) -> None:
    assert accepts(where)
    assert not accepts({"$not": where})


@pytest.mark.parametrize(
    "where",
    [
        {"album": "rome"},
        {"missing": None},
        {"is_public": 1},
        {"stars": True},
        {"tags": ["beach", "sun"]},
        {"tags": "beach"},
        {"album": "Rome", "year": 1996},
        {"album": {"$ne": "Rome"}},
        {"year": {"$gte": 1995, "$lt": 1995}},
        {"year": {"$gt": "1990"}},
        {"taken": {"$gt": 1990}},
        {"is_public": {"$gte": 0}},
        {"nothing": {"$lte": 0}},
        {"tags": {"$gt": 0}},
        {"missing": {"$lt": 5}},
        {"is_public": {"$in": [1]}},
        {"stars": {"$in": []}},
        {"user": {"$in": [{"name": "Ann"}]}},
        {"album": {"$nin": ["Rome"]}},
        {"nothing": {"$exists": False}},
        {"missing": {"$exists": True}},
        {"album": {"$contains": "R"}},
        {"user": {"$contains": "name"}},
        {"tags": {"$contains": "bea"}},
        {"people": {"$elemMatch": {"name": "Dan", "age": 3}}},
        {"people": {"$elemMatch": {"$gt": 0}}},
        {"tags": {"$elemMatch": {"name": "beach"}}},
        {"user": {"$elemMatch": {"name": "Ann"}}},
        {"people.name": {"$nin": ["Ben"]}},
        {"$$price": 8},
        {"$not": {}},
    ],
)
def test_what_does_not_hold_is_left_out(where: dict[str, Any]) -> None:
    assert not accepts(where)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"year": {"$near": 3}}, r"'\$near' beside 'year' is no operator: there are \$eq, "),
        ({"year": {"$gte": 1, "lt": 2}}, r"'lt' beside 'year' stands among operators, and is none"),
        ({"$nor": []}, r"'\$nor' is no operator that combines filters: there are \$and, \$or and \$not"),
        ({"people": {"$elemMatch": {"$regex": "x"}}}, r"'\$regex' beside 'people' is no operator"),
        ({"$and": {}}, r"\$and is {}: give a list"),
        ({"$or": []}, r"\$or is \[\]: give a list"),
        ({"$or": [1]}, "1 is no filter: give an object"),
        ({"$not": []}, r"\[\] is no filter: give an object"),
        ({"year": {"$in": 3}}, r"\$in of 'year' is 3: give a list"),
        ({"year": {"$nin": {"a": 3}}}, r"\$nin of 'year' is {'a': 3}: give a list"),
        ({"year": {"$gt": None}}, r"\$gt of 'year' is None: only numbers and text have an order"),
        ({"year": {"$lte": True}}, r"\$lte of 'year' is True: only numbers and text"),
        ({"year": {"$exists": 1}}, r"\$exists of 'year' is 1: give true or false"),
        ({"people": {"$elemMatch": "Ann"}}, "'Ann' is no filter"),
        ({"n": {1, 2}}, "is not JSON"),
        ({"n": float("nan")}, "is not JSON"),
        ([], "is not JSON: give an object"),
        ("n=1", "is not JSON: give an object"),
        ({".".join("a" * 17): 1}, "has more than 16 parts"),
    ],
)
def test_a_filter_that_cannot_be_says_why(where: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Filter.of(where)


def deep(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"a": 1}
    for _ in range(levels):
        where = {"$not": where}
    return where


def test_a_hostile_filter_is_refused_before_a_row_is_asked() -> None:
    Filter.of(deep(MAX_DEPTH - 2))
    for where in (deep(MAX_DEPTH), deep(100_000), {"a": {"$eq": deep(MAX_DEPTH)}}):
        with pytest.raises(QueryError, match=r"levels|not JSON"):
            Filter.of(where)
    Filter.of({"$or": [{"a": n} for n in range(MAX_CONDITIONS)]})
    for many in (
        {"$or": [{"a": n} for n in range(MAX_CONDITIONS + 1)]},
        {"$or": [{}] * (MAX_CONDITIONS + 1)},
        {"a": {"$in": [[n] for n in range(MAX_CONDITIONS)]}},
        {f"a{n}": {"$exists": True} for n in range(MAX_CONDITIONS + 1)},
    ):
        with pytest.raises(QueryError, match="more than 100 conditions"):
            Filter.of(many)
    with pytest.raises(QueryError, match="bytes as JSON is too large"):
        Filter.of({"a": "x" * (1 << 20)})


def test_metadata_may_be_as_deep_as_json_can_be() -> None:
    deepest: Any = 1
    for _ in range(900):
        deepest = {"a": [deepest]}
    meta = {"a": deepest, "b": [deepest] * 3}
    for where in (
        {"a": {"$ne": {"a": [1]}}},
        {"a": {"$nin": [{"a": [{"a": [2]}]}, 1]}},
        {"b": {"$not": {"$contains": {"a": [{"a": []}]}}}},
        {".".join("a" * 16): {"$exists": True}},
        {"b": {"$elemMatch": {"a.a.a": {"$exists": True}}}},
    ):
        assert accepts(where, meta)


def test_messages_show_little_of_what_is_wrong() -> None:
    for where in ({"x" * 100_000 + ".a" * 40: 1}, {"a": {"$gt": [["x" * 9999] * 9999]}}, {"$" + "x" * 99_999: 1}):
        with pytest.raises(QueryError) as refused:
            Filter.of(where)
        assert len(str(refused.value)) < 500


def test_any_of_many_ids_is_one_condition() -> None:
    where = {"id": {"$in": list(range(50_000))}}
    assert accepts(where, {"id": 49_999.0})
    assert not accepts(where, {"id": True})


def test_a_filter_is_a_value() -> None:
    where = {"year": {"$gte": 1990}, "tags": ("a", "b")}
    made = Filter.of(where)
    assert made == Filter.of({"year": {"$gte": 1990}, "tags": ["a", "b"]})
    assert hash(made) == hash(Filter.of(made.to_json()))
    assert made != Filter.of({"year": {"$gte": 1991}})
    assert Filter.of(made) is made
    where["tags"] = ()  # type: ignore[assignment]
    made.to_json()["tags"].append("c")
    assert made.accepts({"year": 1990, "tags": ["a", "b"]})
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert again.accepts({"year": 1990, "tags": ["a", "b"]})
    assert not ANYTHING
    assert made
    assert Filter.of(None) is ANYTHING


plain = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5, "", "a", "b", "1"])
json_values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
metas = st.dictionaries(st.sampled_from(["a", "b", "a.b"]), json_values, max_size=3)
names = st.sampled_from(["a", "b", "a.b", "b.a.b"])


@given(metas, names, st.lists(json_values, max_size=4))
def test_in_is_equality_with_one_of_the_values(meta: dict[str, Any], name: str, operands: list[Any]) -> None:
    one_of = any(accepts({name: {"$eq": operand}}, meta) for operand in operands)
    assert accepts({name: {"$in": operands}}, meta) == one_of
    assert accepts({name: {"$nin": operands}}, meta) != one_of


@given(metas, names, json_values)
def test_opposites_never_agree(meta: dict[str, Any], name: str, operand: Any) -> None:
    equal = accepts({name: {"$eq": operand}}, meta)
    assert accepts({name: {"$ne": operand}}, meta) != equal
    assert accepts({name: {"$not": {"$eq": operand}}}, meta) != equal
    assert accepts({"$not": {name: {"$eq": operand}}}, meta) != equal
    assert accepts({name: {"$exists": True}}, meta) != accepts({name: {"$exists": False}}, meta)


@given(metas, names, st.integers(-2, 2) | st.sampled_from(["", "a", "b", 1.5]))
def test_of_one_value_exactly_one_order_holds(meta: dict[str, Any], name: str, operand: Any) -> None:
    value = meta.get(name)
    comparable = (isinstance(value, str) and isinstance(operand, str)) or (
        isinstance(value, int | float) and not isinstance(value, bool) and not isinstance(operand, str)
    )
    if name in meta:
        holding = [accepts({name: {operator: operand}}, meta) for operator in ("$lt", "$eq", "$gt")]
        assert holding.count(True) == comparable


@given(metas, names, json_values)
def test_containing_is_a_member_that_is_equal(meta: dict[str, Any], name: str, operand: Any) -> None:
    found = accepts({name: {"$contains": operand}}, meta)
    assert found == accepts({name: {"$elemMatch": {"$eq": operand}}}, meta)
    if name in meta:
        members = meta[name] if isinstance(meta[name], list) else []
        assert found == any(accepts({"member": operand}, {"member": member}) for member in members)


anything = st.recursive(
    json_values | st.sampled_from(["$eq", "$in", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$eq",
                    "$ne",
                    "$in",
                    "$gt",
                    "$not",
                    "$and",
                    "$or",
                    "$elemMatch",
                    "$contains",
                    "$exists",
                    "$x",
                    "$$a",
                    "a",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(anything, metas)
def test_whatever_is_given_is_a_filter_or_refused(where: Any, meta: dict[str, Any]) -> None:
    try:
        made = Filter.of(where)
    except QueryError:
        return
    assert Filter.of(made.to_json()).accepts(meta) == made.accepts(meta)
