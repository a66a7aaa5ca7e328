"""The users at the other end of connections on this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lookalike.web.http.users import Users

CLIENT, SERVER = ("127.0.0.1", 45678), ("127.0.0.1", 5588)

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = b"   1: %s %s %s 00000000:00000000 00:00000000 00000000  %4d        0 4242 1 0000000000000000 20 4 30 10 -1\n"
THEIRS, OURS = b"0100007F:B26E", b"0100007F:15D4"
MAPPED = b"0000000000000000FFFF0000"


def table(uid: int, state: bytes = b"01", theirs: bytes = THEIRS, ours: bytes = OURS) -> bytes:
    """The lines of a connection: the server's end, which is always ours, and the client's."""
    return HEAD + LINE % (ours, theirs, b"01", 1000) + LINE % (theirs, ours, state, uid)


def may_enter(text: bytes, own: int = 1000) -> bool:
    return Users(lambda: text, own).may_enter(CLIENT, SERVER)


def test_who_runs_the_service_and_root_may_use_it_and_others_may_not() -> None:
    assert may_enter(table(uid=1000))
    assert may_enter(table(uid=0))
    assert not may_enter(table(uid=1001))
    assert not may_enter(table(uid=1000), own=0)


def test_a_socket_that_was_closed_looks_like_roots_and_is_not_believed() -> None:
    assert not may_enter(table(uid=0, state=b"06"))
    assert may_enter(table(uid=1000, state=b"05"))
    assert not may_enter(HEAD)


def test_a_connection_of_ipv4_through_a_socket_of_ipv6() -> None:
    mapped = table(1001, theirs=MAPPED + THEIRS, ours=MAPPED + OURS)
    assert not may_enter(mapped)
    assert may_enter(table(1000, theirs=MAPPED + THEIRS, ours=MAPPED + OURS))


def test_a_system_that_does_not_tell_lets_everybody_in() -> None:
    assert may_enter(b"")
    assert Users(lambda: table(1), 1000).may_enter(None, SERVER)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux alone has this table")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_real_connection_of_this_process(family: socket.AddressFamily, host: str) -> None:
    try:
        listening = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening, socket.create_connection(listening.getsockname()[:2]) as client:
        served, address = listening.accept()
        with served:
            ours = served.getsockname()[:2]
            assert Users().may_enter(address[:2], ours)
            if os.geteuid() != 0:
                assert not Users(own=os.geteuid() + 1).may_enter(address[:2], ours)
            client.close()
            assert not Users().may_enter(address[:2], ours)
