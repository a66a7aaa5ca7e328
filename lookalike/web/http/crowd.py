"""The crowd of open connections: how many there may be, how many of one peer, and who goes when there is no room.

A connection costs a descriptor and some memory for as long as its client likes. So a new one never waits for an old
one: where there is no room, a connection that keeps the service waiting is cut instead, the oldest of the peer first,
or of the peer that has the most. What the service works on is not cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Protocol

BY_PEER = 256
"""Connections of one peer: a browser has 6, a proxy with a pool of its own some dozens."""

RESERVE = 16
"""Connections past all others that may ask for the service's health: a service with too many clients is not dead."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell networks apart: whoever has one address has all of its network (RFC 4291)."""

PATIENCE = 5.0
"""Seconds for which a client that has begun to send a body, or to read an answer, is not cut for another."""


class Guest(Protocol):
    """A connection as the crowd sees it."""

    @property
    def peer(self) -> str:
        """The name of its peer, as `peer_of` gives it."""
        ...

    def patience(self) -> float | None:
        """Return the seconds for which it has kept the service waiting, `None` while it must not be cut."""
        ...

    def cut(self) -> None:
        """Close the connection at once."""
        ...


class Room(Enum):
    """How a new connection is taken."""

    YES = "yes"
    HEALTH = "health"
    """Only to ask for the service's health."""
    NO = "no"


class Crowd:
    """The open connections of a server."""

    def __init__(self, most: int, by_peer: int = BY_PEER, reserve: int = RESERVE) -> None:
        self.most = most
        self.by_peer = min(by_peer, most)
        self._reserve = reserve
        self._guests: dict[str, dict[Guest, None]] = {}
        self._reserved: set[Guest] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def enter(self, guest: Guest) -> Room:
        """Take a new connection, and cut another one where that is needed. Call `leave` at its end in any case."""
        of_peer = self._guests.get(guest.peer, {})
        if len(of_peer) >= self.by_peer:
            has_room = self._cut_one(of_peer)
        else:
            has_room = self._count < self.most or self._cut_one(self._largest())
        if not has_room:
            return self._enter_reserve(guest)
        self._guests.setdefault(guest.peer, {})[guest] = None
        self._count += 1
        return Room.YES

    def leave(self, guest: Guest) -> None:
        """Forget a connection; one that is not known does no harm."""
        self._reserved.discard(guest)
        of_peer = self._guests.get(guest.peer, {})
        if guest in of_peer:
            del of_peer[guest]
            self._count -= 1
            if not of_peer:
                del self._guests[guest.peer]

    def _enter_reserve(self, guest: Guest) -> Room:
        if len(self._reserved) >= self._reserve:
            return Room.NO
        self._reserved.add(guest)
        return Room.HEALTH

    def _largest(self) -> Iterable[Guest]:
        """Return the connections of the peer that has the most."""
        return max(self._guests.values(), key=len)

    def _cut_one(self, guests: Iterable[Guest]) -> bool:
        """Cut the connection that has kept the service waiting longest; return whether there was one."""
        waited = {guest: seconds for guest in guests if (seconds := guest.patience()) is not None}
        if not waited:
            return False
        slowest = max(waited, key=lambda guest: waited[guest])
        slowest.cut()
        self.leave(slowest)
        return True


def peer_of(client: tuple[str, int] | None) -> str:
    """Return the name under which the connections of a client's address are counted.

    An IPv6 network is one peer; an IPv4 address inside an IPv6 address counts as the IPv4 address. The name is empty
    where there is no address, as on a socket of Unix.
    """
    if client is None:
        return ""
    try:
        address = ip_address(client[0].partition("%")[0])
    except ValueError:
        return client[0]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, IPV6_PREFIX), strict=False))
    return str(address)
