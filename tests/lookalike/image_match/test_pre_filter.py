"""Filters in the words of Elasticsearch."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from lookalike import QueryError
from lookalike.image_match.pre_filter import where
from shards.search.filters import Filter

ANN = {"name": "Ann", "age": 30}
BOB = {"name": "Bob", "age": 40}


def accepts(query: Any, metadata: dict[str, Any], doc_type: str = "image") -> bool:
    return Filter.of(where(query, doc_type)).accepts(metadata)


def term(name: str, value: Any) -> dict[str, Any]:
    return {"term": {f"metadata.{name}": value}}


class TestTerm:
    @pytest.mark.parametrize("word", ["term", "match"])
    def test_is_the_value_or_a_member_of_a_list(self, word: str) -> None:
        query = {word: {"metadata.tag": "a"}}
        assert accepts(query, {"tag": "a"})
        assert accepts(query, {"tag": ["b", "a"]})
        assert not accepts(query, {"tag": "b"})
        assert not accepts(query, {"tag": ["b", "c"]})
        assert not accepts(query, {"other": "a"})

    @pytest.mark.parametrize(
        "query",
        [
            {"term": {"metadata.tag": {"value": "a", "boost": 2.0}}},
            {"match": {"metadata.tag": {"query": "a", "operator": "and"}}},
            {"term": {"image.metadata.tag": "a"}},
            {"term": {"metadata.tag.keyword": "a"}},
            {"term": {"image.metadata.tag.keyword": "a"}},
        ],
    )
    def test_may_be_written_in_other_ways(self, query: dict[str, Any]) -> None:
        assert accepts(query, {"tag": "a"})
        assert accepts(query, {"tag": ["a"]})
        assert not accepts(query, {"tag": "b"})

    def test_knows_the_name_of_the_documents(self) -> None:
        assert accepts({"term": {"photo.metadata.tag": "a"}}, {"tag": "a"}, "photo")
        with pytest.raises(NotImplementedError, match=r"'image\.metadata\.tag' is not in the metadata"):
            accepts({"term": {"image.metadata.tag": "a"}}, {"tag": "a"}, "photo")

    def test_leads_into_objects_and_lists_of_them(self) -> None:
        assert accepts(term("some.deep", 1), {"some": {"deep": 1}})
        assert accepts(term("people.name", "Bob"), {"people": [ANN, BOB]})

    def test_takes_numbers_and_booleans_as_json_has_them(self) -> None:
        assert accepts(term("n", 1), {"n": 1.0})
        assert not accepts(term("n", 1), {"n": True})
        assert accepts(term("n", False), {"n": False})

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            (datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05"),  # noqa: DTZ001
            (date(2020, 1, 2), "2020-01-02"),
            (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
            (np.int64(7), 7),
        ],
    )
    def test_takes_what_the_client_of_elasticsearch_takes(self, given: Any, stored: Any) -> None:
        assert accepts(term("x", given), {"x": stored})

    def test_of_metadata_itself_is_of_metadata_that_is_no_object(self) -> None:
        assert accepts({"term": {"metadata": "a"}}, {"metadata": "a"})
        assert accepts({"term": {"image.metadata": "a"}}, {"metadata": ["b", "a"]})
        assert not accepts({"term": {"metadata": "a"}}, {"a": "a"})

    def test_of_a_name_that_looks_like_an_operator_is_of_that_name(self) -> None:
        assert accepts(term("$in", 1), {"$in": 1})


class TestTerms:
    def test_are_one_of_several(self) -> None:
        query = {"terms": {"metadata.tag": ["a", "b"], "boost": 1.0}}
        assert accepts(query, {"tag": "b"})
        assert accepts(query, {"tag": ["c", "a"]})
        assert not accepts(query, {"tag": "c"})
        assert not accepts({"terms": {"metadata.tag": []}}, {"tag": "c"})


class TestExists:
    @pytest.mark.parametrize("value", [0, "", False, "a", [1], [None, 1], {"b": 1}, -5, 1.5])
    def test_accepts_every_value(self, value: Any) -> None:
        assert accepts({"exists": {"field": "metadata.a"}}, {"a": value})

    @pytest.mark.parametrize("meta", [{}, {"b": 1}, {"a": None}, {"a": []}, {"a": [None]}, {"a": {}}])
    def test_refuses_null_and_empty(self, meta: dict[str, Any]) -> None:
        assert not accepts({"exists": {"field": "image.metadata.a"}}, meta)

    def test_needs_one_of_several_values(self) -> None:
        query = {"exists": {"field": "metadata.people.name"}}
        assert accepts(query, {"people": [{"name": None}, ANN]})
        assert not accepts(query, {"people": [{"name": None}]})


class TestBool:
    def test_must_and_filter_all_hold(self) -> None:
        query = {"bool": {"must": [term("a", 1)], "filter": term("b", 2)}}
        assert accepts(query, {"a": 1, "b": 2})
        assert not accepts(query, {"a": 1})
        assert not accepts(query, {"b": 2})

    def test_must_not_holds_for_none(self) -> None:
        query = {"bool": {"must_not": [term("a", 1), term("b", 2)]}}
        assert accepts(query, {"a": 2})
        assert accepts(query, {})
        assert not accepts(query, {"a": [1, 2]})
        assert not accepts(query, {"b": 2})

    def test_should_is_one_of_several_unless_others_must_hold(self) -> None:
        should = [term("a", 1), term("b", 2)]
        assert accepts({"bool": {"should": should}}, {"b": 2})
        assert not accepts({"bool": {"should": should}}, {"c": 2})
        assert not accepts({"bool": {"should": should, "must_not": [term("z", 1)]}}, {"c": 2})
        assert accepts({"bool": {"should": should, "must": [term("c", 2)]}}, {"c": 2})

    def test_should_holds_as_often_as_told(self) -> None:
        clauses = {"should": [term("a", 1), term("b", 2)], "filter": [term("c", 3)]}
        for least, a_and_b, a, neither in ((0, True, True, True), (1, True, True, False), (2, True, False, False)):
            query = {"bool": clauses | {"minimum_should_match": least}}
            assert accepts(query, {"a": 1, "b": 2, "c": 3}) is a_and_b
            assert accepts(query, {"a": 1, "c": 3}) is a
            assert accepts(query, {"c": 3}) is neither
        assert not accepts({"bool": clauses | {"minimum_should_match": 3}}, {"a": 1, "b": 2, "c": 3})

    def test_may_hold_others(self) -> None:
        query = {"bool": {"must": {"bool": {"should": [term("a", 1), term("b", 2)]}}, "must_not": term("c", 3)}}
        assert accepts(query, {"a": 1})
        assert not accepts(query, {"a": 1, "c": 3})

    def test_without_clauses_accepts_all(self) -> None:
        assert accepts({"bool": {}}, {})


ANN_AT_40 = {"bool": {"must": [term("people.name", "Ann"), term("people.age", 40)]}}
ONE_OF_THEM = {"nested": {"path": "metadata.people", "query": ANN_AT_40, "score_mode": "none"}}


class TestNested:
    def test_of_the_metadata_is_about_all_of_it(self) -> None:
        query = {"nested": {"path": "metadata", "query": {"bool": {"must": [term("a", 1), term("b", 2)]}}}}
        assert accepts(query, {"a": 1, "b": 2})
        assert not accepts(query, {"a": 1, "b": 3})

    def test_holds_for_one_member_of_a_list(self) -> None:
        assert accepts(ONE_OF_THEM, {"people": [BOB, {"name": "Ann", "age": 40}]})
        assert not accepts(ONE_OF_THEM, {"people": [ANN, BOB]})
        # without it the fields of several members are mixed, as in Elasticsearch
        assert accepts(ANN_AT_40, {"people": [ANN, BOB]})

    def test_takes_one_object_for_a_list_of_it(self) -> None:
        assert accepts(ONE_OF_THEM, {"people": {"name": "Ann", "age": 40}})
        assert not accepts(ONE_OF_THEM, {"people": ANN})

    def test_needs_a_member_for_what_must_not_be(self) -> None:
        query = {
            "nested": {"path": "image.metadata.people", "query": {"bool": {"must_not": term("people.name", "Ann")}}}
        }
        assert accepts(query, {"people": [ANN, BOB]})
        assert accepts(query, {"people": BOB})
        assert not accepts(query, {"people": [ANN]})
        assert not accepts(query, {"people": ANN})
        assert not accepts(query, {})

    def test_may_lie_in_another(self) -> None:
        pets = {"nested": {"path": "metadata.people.pets", "query": term("people.pets.kind", "cat")}}
        query = {"nested": {"path": "metadata.people", "query": [term("people.name", "Ann"), pets]}}
        assert accepts(query, {"people": [{"name": "Ann", "pets": [{"kind": "cat"}]}, BOB]})
        assert not accepts(query, {"people": [ANN, {"name": "Bob", "pets": [{"kind": "cat"}]}]})

    def test_looks_at_its_members_alone(self) -> None:
        with pytest.raises(NotImplementedError, match=r"'metadata\.tag' is not in the nested query"):
            where({"nested": {"path": "metadata.people", "query": term("tag", "a")}}, "image")


def test_of_a_list_all_hold() -> None:
    query = [term("tenant", "foo"), {"term": {"image.metadata.project": "x"}}]
    assert accepts(query, {"tenant": "foo", "project": "x"})
    assert not accepts(query, {"tenant": "foo", "project": "y"})
    assert accepts([], {})


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"range": {"metadata.year": {"gte": 1990}}}, "'range'"),
        ({"match_all": {}}, "'match_all'"),
        ({"wildcard": {"metadata.a": "b*"}}, "'wildcard'"),
        ([term("a", 1), {"bool": {"must": [{"prefix": {"metadata.a": "b"}}]}}], "'prefix'"),
        ({"term": {"path": "a.jpg"}}, "'path'"),
        ({"exists": {"field": "image.metadata"}}, "'image.metadata' itself"),
        ({"exists": {"field": "timestamp"}}, "'timestamp'"),
        ({"term": {"metadata.a": {"value": "b", "case_insensitive": True}}}, "case_insensitive of term"),
        ({"match": {"metadata.a": {"query": "b", "fuzziness": 1}}}, "fuzziness of match"),
        ({"terms": {"metadata.a": {"index": "i", "id": "1", "path": "p"}}}, "terms of another document"),
        ({"bool": {"should": [term("a", 1)], "minimum_should_match": "75%"}}, "minimum_should_match '75%'"),
        ({"bool": {"should": [term("a", 1)] * 3, "minimum_should_match": 2}}, "minimum_should_match 2 of 3"),
        ({"bool": {"mist": []}}, "mist of bool"),
        ({"nested": {"path": "metadata", "query": {"bool": {}}, "inner_hits": {}}}, "inner_hits of nested"),
    ],
)
def test_what_has_no_equal_is_named(query: Any, name: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"^pre_filter: .*{name}"):
        where(query, "image")


def test_queries_in_one_another_have_an_end() -> None:
    lists: Any = term("a", 1)
    bools: Any = term("a", 1)
    for _ in range(20):
        lists, bools = [lists], {"bool": {"must": bools}}
    assert accepts(lists, {"a": 1})
    assert accepts(bools, {"a": 1})
    for _ in range(5000):
        lists, bools = [lists], {"bool": {"must_not": bools}}
    for query in (lists, bools):
        with pytest.raises(QueryError, match="24 queries lie in one another"):
            where(query, "image")


def test_nested_queries_in_one_another_have_an_end() -> None:
    path = "metadata" + ".a" * 20
    query: Any = {"term": {f"{path}.b": 1}}
    for depth in range(20, 0, -1):
        query = {"nested": {"path": "metadata" + ".a" * depth, "query": query}}
    with pytest.raises(QueryError, match="more than 6 fields deep"):
        where(query, "image")


@pytest.mark.parametrize(
    "query",
    [
        {}, "a", 7, {"term": {}}, {"term": {"metadata.a": 1, "metadata.b": 2}}, {"term": "a"},
        {"term": {"metadata.a": None}},
        {"term": {"metadata.a": [1]}}, {"term": {7: 1}}, {"terms": {"metadata.a": "b"}}, {"terms": []}, {"exists": "a"},
        {"exists": {}}, {"bool": []}, {"nested": {"path": "metadata"}}, {"term": {"metadata.a": {"boost": 1}}},
        {"match": {"metadata.a": {"operator": "or"}}},
        {"term": {"metadata.a": 1}, "terms": {"metadata.a": [1]}},
    ],
)  # fmt: skip
def test_what_is_no_filter_says_so(query: Any) -> None:
    with pytest.raises(QueryError, match=r"^pre_filter: "):
        where(query, "image")
