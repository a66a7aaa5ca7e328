"""The server: how many connections it takes."""

from __future__ import annotations

from lookalike.web.server import CONNECTIONS, max_connections


def test_connections_leave_descriptors_for_everything_else() -> None:
    assert max_connections(1024) == (1024 - 256) / 2
    assert max_connections(256) == 64
    assert max_connections(1 << 20) == max_connections(-1) == CONNECTIONS
