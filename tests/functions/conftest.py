"""Fixtures of all tests of the functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functions.stage import event_loop


@pytest.fixture(autouse=True)
def event_loop_of_mangum() -> Iterator[None]:
    with event_loop():
        yield
