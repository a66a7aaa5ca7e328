"""The crowd of open connections: who gets in, and who goes for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from lookalike.web.http.crowd import Crowd, Room, peer_of


@dataclass(eq=False)
class Visitor:
    """A connection that has kept the service waiting for so many seconds; `None`: the service works on its request."""

    peer: str
    waited: float | None = 1.0
    is_cut: bool = field(default=False, init=False)

    def patience(self) -> float | None:
        return self.waited

    def cut(self) -> None:
        self.is_cut = True


def visitors(crowd: Crowd, peer: str, *waited: float | None) -> list[Visitor]:
    """Let so many connections of a peer in."""
    entered = [Visitor(peer, seconds) for seconds in waited]
    assert [crowd.enter(visitor) for visitor in entered] == [Room.YES] * len(entered)
    return entered


def test_where_there_is_room_nobody_goes() -> None:
    crowd = Crowd(most=4, by_peer=2)
    entered = [*visitors(crowd, "a", 9, 9), *visitors(crowd, "b", 9, 9)]
    assert not any(visitor.is_cut for visitor in entered)
    assert len(crowd) == 4


def test_a_peer_with_too_many_gives_up_the_one_that_waits_longest() -> None:
    crowd = Crowd(most=10, by_peer=3)
    other = visitors(crowd, "b", 99)
    old = visitors(crowd, "a", 1, 7, 3)
    visitors(crowd, "a", 0)
    assert [visitor.is_cut for visitor in old + other] == [False, True, False, False]
    assert len(crowd) == 4


def test_what_the_service_works_on_is_not_cut() -> None:
    crowd = Crowd(most=10, by_peer=2)
    working = visitors(crowd, "a", None, None)
    assert crowd.enter(Visitor("a")) is Room.HEALTH
    assert not any(visitor.is_cut for visitor in working)
    assert crowd.enter(Visitor("b")) is Room.YES


def test_a_full_house_makes_the_peer_with_the_most_give_up_one() -> None:
    crowd = Crowd(most=4, by_peer=4)
    few = visitors(crowd, "few", 99)
    many = visitors(crowd, "many", 2, 1, 3)
    visitors(crowd, "new", 0)
    assert [visitor.is_cut for visitor in few + many] == [False, False, False, True]
    assert len(crowd) == 4


def test_a_house_full_of_work_has_a_few_more_seats_for_who_asks_for_its_health() -> None:
    crowd = Crowd(most=2, by_peer=2, reserve=1)
    visitors(crowd, "a", None, None)
    asking = Visitor("b")
    assert [crowd.enter(asking), crowd.enter(Visitor("c"))] == [Room.HEALTH, Room.NO]
    crowd.leave(asking)
    assert crowd.enter(Visitor("c")) is Room.HEALTH


def test_a_seat_that_was_left_is_free() -> None:
    crowd = Crowd(most=1, by_peer=1)
    [first] = visitors(crowd, "a", None)
    crowd.leave(first)
    crowd.leave(first)
    assert len(crowd) == 0
    visitors(crowd, "a", None)


@pytest.mark.parametrize(
    ("client", "peer"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("::ffff:192.0.2.1", 5), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (None, ""),
    ],
)
def test_a_peer_is_an_address_or_a_network_of_ipv6(client: tuple[str, int] | None, peer: str) -> None:
    assert peer_of(client) == peer
