"""Perceptual hashes: pictures as 64 or a few hundred bits, compared by the number of bits that differ."""

from __future__ import annotations

from shards.families.hashes.imagehash import KINDS, ImageHash
from shards.families.hashes.pdq import Pdq

__all__ = ["KINDS", "ImageHash", "Pdq"]
