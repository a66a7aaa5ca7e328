"""Test classes for whoever writes a family or a store: `from shards.testing import FamilyTests, StoreTests`.

Needs pytest and hypothesis. Nothing else of `shards` imports this package, and functions are deployed without it.
"""

from __future__ import annotations

import pytest

# assertions here are to be as talkative as those of the tests that inherit them
pytest.register_assert_rewrite("shards.testing.families", "shards.testing.stores")

from shards.testing.families import FamilyTests  # noqa: E402 - only what is imported afterwards is rewritten
from shards.testing.stores import StoreTests  # noqa: E402

__all__ = ["FamilyTests", "StoreTests"]
