"""`python -m tests.lookalike.signatures.babbling FD` is a worker that an attacker has taken over.

It answers with a pickle.
"""

from __future__ import annotations

from contextlib import suppress

from lookalike.signatures.messages import READY
from lookalike.signatures.process import serving_end

if __name__ == "__main__":
    connection = serving_end()
    connection.recv()
    connection.send_bytes(READY)
    connection.recv()
    connection.send(print)
    with suppress(EOFError):
        connection.recv()
