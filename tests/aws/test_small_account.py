"""A new account: ten functions at once, and none that can be reserved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.stack import LocalStackError
from tests.aws.conftest import deployed
from tests.aws.pictures import pictures
from tests.aws.place import Place

NEW = 10


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    chosen = "--param=profile=small-account"
    with deployed(tmp_path_factory.mktemp("small"), "small", chosen, functions_at_once=NEW) as found:
        yield found


@pytest.mark.long
def test_a_small_account_adds_and_answers_within_its_ten_functions(place: Place) -> None:
    expected = pictures("zoo", 40, 300)
    place.put(expected)
    place.wait_until_indexed("zoo/", place.stored("zoo/"))
    for key in sorted(expected)[:5]:
        found = place.ask("GET", "/v1/search", params={"key": key, "limit": 1}).raise_for_status().json()
        assert not found["answers"][0].get("partial")
        assert found["answers"][0]["hits"][0]["key"] == key
    # that no function was refused for want of others is what the fixture looks at: nothing_is_refused


@pytest.mark.long
def test_a_small_account_cannot_have_the_usual_profile_which_reserves_functions(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    refused = r"AWS would not take this deployment: functions reserve 37 of the 10 .* 100 have to be left"
    with (
        pytest.raises(LocalStackError, match=refused),
        deployed(tmp_path_factory.mktemp("usual"), "usual", functions_at_once=NEW),
    ):
        pass
