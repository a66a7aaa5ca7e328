"""Who counts as one caller."""

from __future__ import annotations

from typing import Any

import pytest

from lookalike.web.http.access import ANONYMOUS, Caller
from lookalike.web.http.callers import caller_name


def scope(client: tuple[str, int] | None) -> dict[str, Any]:
    return {"type": "http", "client": client}


def test_a_token_is_a_caller_wherever_it_comes_from() -> None:
    caller = Caller("robot", frozenset({"read"}))
    assert caller_name(caller, scope(("192.0.2.1", 5))) == caller_name(caller, scope(("192.0.2.2", 6))) == "token robot"


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (("192.0.2.1", 5), "peer 192.0.2.1"),
        (("::ffff:192.0.2.1", 5), "peer 192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "peer 2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 7), "peer 2001:db8:1:2::/64"),
        (("fe80::1%eth0", 7), "peer fe80::/64"),
        (("testclient", 7), "peer testclient"),
        (None, "peer unknown"),
    ],
)
def test_without_a_token_the_network_of_the_peer_is_one(client: tuple[str, int] | None, expected: str) -> None:
    assert caller_name(Caller(ANONYMOUS, frozenset()), scope(client)) == expected
