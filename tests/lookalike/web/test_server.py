"""The server: how many connections it takes, and what it says."""

from __future__ import annotations

import logging

from lookalike.web.server import CONNECTIONS, RARELY_SECONDS, Rarely, max_connections


def test_connections_leave_descriptors_for_everything_else() -> None:
    assert max_connections(1024) == (1024 - 256) / 2
    assert max_connections(256) == 64
    assert max_connections(1 << 20) == max_connections(-1) == CONNECTIONS


def test_a_line_is_not_repeated_all_the_time() -> None:
    now = [100.0]
    rarely = Rarely(lambda: now[0])
    line, other = (logging.makeLogRecord({"msg": text}) for text in ("invalid", "another"))
    assert [rarely.filter(line), rarely.filter(line), rarely.filter(other)] == [True, False, True]
    now[0] += RARELY_SECONDS
    assert rarely.filter(line)
