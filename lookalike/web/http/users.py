"""The users at the other end of connections on this machine, where the system tells: Linux does.

A service without tokens lets whoever reaches it add and delete images. On a machine that several people use, each of
them reaches its loopback address.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple, TypeAlias

Address: TypeAlias = tuple[str, int]
"""An IP address and a port."""

ROOT = 0

ESTABLISHED = 1
"""The state of a connection whose both ends are open. The kernel forgets the user of a socket that was closed, and says
root's number instead."""

SECONDS = 1.0
"""Time for the kernel's answer, which it gives at once."""


class End(NamedTuple):
    """One end of a connection."""

    state: int
    uid: int


Look: TypeAlias = Callable[[Address, Address], End | None]
"""A function from the addresses of a client and of a server to the client's end; `None` where there is none."""


class Users:
    """The users who may use a service without tokens: whoever runs it, and root.

    `look`: how the system tells who they are; `None` where it does not, and then everybody may.
    """

    def __init__(self, look: Look | None, own: int | None = None) -> None:
        self._look = look
        self._allowed = {ROOT, os.geteuid() if own is None else own}

    @classmethod
    def of_this_system(cls) -> Users:
        """Return the users as this system tells them."""
        return cls(next((look for look in (asked, read) if _works(look)), None))

    def may_enter(self, client: Address | None, server: tuple[str, int | None] | None) -> bool:
        """Return whether the user of this client may use the service; True where the system does not tell.

        A client of another machine may not: this one does not know it. One that has closed its end by now may not
        either, since its user is no longer known.
        """
        if self._look is None or client is None or server is None or server[1] is None:
            return True
        end = self._look(client, (server[0], server[1]))
        return end is not None and end.uid in self._allowed and (end.uid != ROOT or end.state == ESTABLISHED)


def _works(look: Look) -> bool:
    """Return whether this way of looking finds a connection of our own."""
    with (
        # other systems lack even the names
        suppress(OSError, ValueError, AttributeError),
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as client,
    ):
        return look(client.getsockname(), listening.getsockname()) == (ESTABLISHED, os.geteuid())
    return False


NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
ALL_STATES = 0xFFFF_FFFF
NO_COOKIE = 0xFFFF_FFFF
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_ENDS = struct.Struct("!HH16s16s")
_REST = struct.Struct("=III")
_END = struct.Struct("=BBBB48sIIIII")


def asked(client: Address, server: Address) -> End | None:
    """Ask the kernel for one connection (sock_diag(7)): that takes microseconds, however many there are.

    Raises OSError where it cannot be asked.
    """
    theirs, ours = _plain(client[0]), _plain(server[0])
    family = socket.AF_INET if isinstance(theirs, IPv4Address) else socket.AF_INET6
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, ALL_STATES)
    body += _ENDS.pack(client[1], server[1], theirs.packed, ours.packed) + _REST.pack(0, NO_COOKIE, NO_COOKIE)
    size = _HEADER.size + len(body)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:  # type: ignore[attr-defined, unused-ignore]
        kernel.settimeout(SECONDS)
        kernel.sendto(_HEADER.pack(size, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + body, (0, 0))
        answer = kernel.recv(4096)
    if len(answer) < _HEADER.size + _END.size or _HEADER.unpack_from(answer)[1] != SOCK_DIAG_BY_FAMILY:
        return None
    _, state, *_, uid, _ = _END.unpack_from(answer, _HEADER.size)
    return End(state, uid)


TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""All connections of this machine, one a line, with the user of each end (proc_net_tcp of Linux)."""

STATE, UID = 2, 6
"""Columns of a line, counted from the address of its own end."""


def read(client: Address, server: Address) -> End | None:
    """Look for one connection in the tables of all, where the kernel cannot be asked: that takes milliseconds."""
    return found(b"\n".join(table.read_bytes() for table in TABLES if table.exists()), client, server)


def found(text: bytes, client: Address, server: Address) -> End | None:
    """Return the client's end in the text of the tables."""
    for theirs, ours in zip(_written(*client), _written(*server), strict=True):
        at = text.find(b": " + theirs + b" " + ours + b" ")
        if at >= 0:
            columns = text[at + 2 : at + 250].split(maxsplit=UID + 1)
            return End(int(columns[STATE], 16), int(columns[UID]))
    return None


def _plain(address: str) -> IPv4Address | IPv6Address:
    """Return an address; one of IPv4 inside of IPv6 as that of IPv4."""
    host = ip_address(address.partition("%")[0])
    return host.ipv4_mapped or host if isinstance(host, IPv6Address) else host


def _written(address: str, port: int) -> tuple[bytes, bytes]:
    """Return an address as the tables for IPv4 and for IPv6 write it: words of 32 bits in the machine's byte order."""
    host = _plain(address)
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + host.packed) if isinstance(host, IPv4Address) else host
    return b"%s:%04X" % (_hex(host.packed), port), b"%s:%04X" % (_hex(mapped.packed), port)


def _hex(packed: bytes) -> bytes:
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return b"".join(b"%08X" % int.from_bytes(word, sys.byteorder) for word in words)
