"""What the tests of the template compare it with."""

from __future__ import annotations

import logging

import pytest

from tests.infra.played import played
from tests.infra.recorded import Stack


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The functions, when all were called in every way that matters."""
    log = logging.getLogger("lookalike")
    before = log.handlers, log.propagate
    try:
        return played()
    finally:
        # the API takes over what the library logs, for ever; other tests want it back
        log.handlers, log.propagate = before
