"""The users at the other end of connections on this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lookalike.web.http.users import ESTABLISHED, End, Look, Users, asked, found, read

CLIENT, SERVER = ("127.0.0.1", 45678), ("127.0.0.1", 5588)

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = b"   1: %s %s %s 00000000:00000000 00:00000000 00000000  %4d        0 4242 1 0000000000000000 20 4 30 10 -1\n"
THEIRS, OURS = b"0100007F:B26E", b"0100007F:15D4"
MAPPED = b"0000000000000000FFFF0000"


def may_enter(end: End | None, own: int = 1000) -> bool:
    return Users(lambda *_: end, own).may_enter(CLIENT, SERVER)


def test_who_runs_the_service_and_root_may_use_it_and_others_may_not() -> None:
    assert may_enter(End(ESTABLISHED, 1000))
    assert may_enter(End(ESTABLISHED, 0))
    assert not may_enter(End(ESTABLISHED, 1001))
    assert not may_enter(End(ESTABLISHED, 1000), own=0)


def test_a_socket_that_was_closed_looks_like_roots_and_is_not_believed() -> None:
    assert not may_enter(End(6, 0))
    assert may_enter(End(5, 1000))
    assert not may_enter(None)


def test_a_system_that_does_not_tell_lets_everybody_in() -> None:
    assert Users(None).may_enter(CLIENT, SERVER)
    assert Users(lambda *_: None).may_enter(None, SERVER)


@pytest.mark.parametrize("prefix", [b"", MAPPED])
def test_the_tables_have_both_ends_of_a_connection(prefix: bytes) -> None:
    theirs, ours = prefix + THEIRS, prefix + OURS
    text = HEAD + LINE % (ours, theirs, b"01", 1000) + LINE % (theirs, ours, b"06", 1001)
    assert found(text, CLIENT, SERVER) == End(6, 1001)
    assert found(HEAD + LINE % (ours, theirs, b"01", 1000), CLIENT, SERVER) is None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux alone tells")
@pytest.mark.parametrize("look", [asked, read])
@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::ffff:127.0.0.1")],
)
def test_a_real_connection_of_this_process(look: Look, family: socket.AddressFamily, host: str) -> None:
    if Users.of_this_system()._look is read and look is asked:
        pytest.skip("this kernel does not answer")
    try:
        listening = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening, socket.create_connection(listening.getsockname()[:2]) as client:
        served, address = listening.accept()
        with served:
            theirs, ours = address[:2], served.getsockname()[:2]
            assert look(theirs, ours) == End(ESTABLISHED, os.geteuid())
            client.close()
            assert not Users(look).may_enter(theirs, ours)
