"""The users at the other end of connections on this machine, where the system tells: Linux does, in /proc/net/tcp.

A service without tokens lets whoever reaches it add and delete images. On a machine that several people use, each of
them reaches its loopback address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""All connections of this machine, one a line, with the user of each end (proc_net_tcp of Linux)."""

ROOT = 0

ESTABLISHED = b"01"
"""The state of a connection whose both ends are open. The kernel forgets the user of a socket that was closed, and
writes root's number instead."""

STATE, UID = 2, 6
"""Columns of a line, counted from the address of its own end."""


class Users:
    """The users who may use a service without tokens: whoever runs it, and root.

    `read` returns the text of the tables; an empty one where this system has none, and then everybody may.
    """

    def __init__(self, read: Callable[[], bytes] | None = None, own: int | None = None) -> None:
        self._read = read or _tables
        self._allowed = {ROOT, os.geteuid() if own is None else own}

    def may_enter(self, client: tuple[str, int] | None, server: tuple[str, int | None] | None) -> bool:
        """Return whether the user of this client may use the service; True where the system does not tell.

        A client of another machine may not: the tables do not have it. One that has closed its end by now may not
        either, since its user is no longer known.
        """
        text = self._read()
        if not text or client is None or server is None or server[1] is None:
            return True
        for theirs, ours in zip(_written(*client), _written(server[0], server[1]), strict=True):
            at = text.find(b": " + theirs + b" " + ours + b" ")
            if at >= 0:
                columns = text[at + 2 : at + 250].split(maxsplit=UID + 1)
                return self._allows(columns[STATE], int(columns[UID]))
        return False

    def _allows(self, state: bytes, uid: int) -> bool:
        return uid in self._allowed and (uid != ROOT or state == ESTABLISHED)


def _tables() -> bytes:
    """Return the text of all tables."""
    texts = []
    for table in TABLES:
        try:
            texts.append(table.read_bytes())
        except OSError:
            continue
    return b"\n".join(texts)


def _written(address: str, port: int) -> tuple[bytes, bytes]:
    """Return an address as the tables for IPv4 and for IPv6 write it: words of 32 bits in the machine's byte order."""
    host = ip_address(address.partition("%")[0])
    if isinstance(host, IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + host.packed) if isinstance(host, IPv4Address) else host
    return b"%s:%04X" % (_hex(host.packed), port), b"%s:%04X" % (_hex(mapped.packed), port)


def _hex(packed: bytes) -> bytes:
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return b"".join(b"%08X" % int.from_bytes(word, sys.byteorder) for word in words)
