"""Fixtures of the tests of the table."""

from __future__ import annotations

import pytest

from tests.world import FakeWorld


@pytest.fixture
def world() -> FakeWorld:
    """Return a world whose clock a test moves."""
    return FakeWorld()
