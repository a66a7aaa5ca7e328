"""Fields of metadata: dots lead into objects and through lists, and a literal name wins."""

from __future__ import annotations

from typing import Any

import pytest

from shards.search.fields import values

META: dict[str, Any] = {
    "album": "Rome",
    "nothing": None,
    "user": {"name": "Ann", "home": {"town": "Bern"}},
    "user.age": 40,
    "people": [{"name": "Ben"}, {"age": 3}, "Cem", {"name": "Dan", "pets": [{"name": "Elsa"}]}],
    "deep": {"a.b": 1, "a": {"b": 2}},
    "x.y": 2,
    "x": {"y": 3, "z": 4},
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("album", ["Rome"]),
        ("nothing", [None]),
        ("missing", []),
        ("album.name", []),
        ("user.name", ["Ann"]),
        ("user.home.town", ["Bern"]),
        ("user.home.country", []),
        ("user.age", [40]),
        ("people.name", ["Ben", "Dan"]),
        ("people.pets.name", ["Elsa"]),
        ("people.pets.age", []),
        ("deep.a.b", [1]),
        ("x.y", [2]),
        ("x.z", [4]),
        ("", []),
        (".", []),
        ("user.", []),
        (".album", []),
    ],
)
def test_a_name_leads_to_its_values(name: str, found: list[Any]) -> None:
    assert list(values(META, name)) == found


def test_lists_in_lists_are_no_way() -> None:
    assert list(values({"a": [[{"b": 1}], {"b": 2}]}, "a.b")) == [2]
