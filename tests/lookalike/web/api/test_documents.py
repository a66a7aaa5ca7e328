"""Documents as they are sent."""

from __future__ import annotations

import json

from lookalike.web.api.documents import respond


def test_text_is_sent_as_it_is() -> None:
    assert respond({"key": "é"}).body == '{"key":"é"}'.encode()


def test_half_of_a_surrogate_pair_in_an_index_is_no_mistake_of_ours() -> None:
    assert json.loads(bytes(respond({"meta": {"title": "\ud800"}}).body)) == {"meta": {"title": "\ud800"}}
