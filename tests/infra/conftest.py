"""What the tests of the template compare it with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.infra.played import played
from tests.infra.recorded import Stack


@contextmanager
def _kept_log() -> Iterator[None]:
    """The API takes over what the library logs, for ever; other tests want it back."""
    log = logging.getLogger("lookalike")
    before = log.handlers, log.propagate
    try:
        yield
    finally:
        log.handlers, log.propagate = before


@pytest.fixture
def library_log() -> Iterator[None]:
    with _kept_log():
        yield


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The functions, when all were called in every way that matters."""
    with _kept_log():
        return played()
