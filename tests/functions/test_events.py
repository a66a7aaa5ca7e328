"""Events: the end of a call, and the answer to a batch of messages."""

from __future__ import annotations

from typing import Any

from functions.aws.events import ending
from functions.aws.queue import response
from tests.functions.stage import Invocation


def test_the_answer_names_the_messages_that_come_again() -> None:
    assert response({"b", "a"}) == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}
    nothing: set[Any] = set()
    assert response(nothing) == {"batchItemFailures": []}


def test_the_end_of_a_call_is_kept_for_what_is_under_way() -> None:
    assert not ending(Invocation(seconds=15.0), reserve=15.0)()
    assert ending(Invocation(seconds=14.9), reserve=15.0)()
