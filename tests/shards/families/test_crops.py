"""The contract of a family, by crops."""

from __future__ import annotations

import pytest

from shards.families.crops import Crops
from shards.testing import FamilyTests


class TestCrops(FamilyTests):
    @pytest.fixture
    def family(self) -> Crops:
        return Crops()
