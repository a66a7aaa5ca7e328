"""Perceptual hashes: a picture in 64 or a few hundred bits, compared by how many of them differ."""

from __future__ import annotations

from shards.families.hashes.imagehash import KINDS, ImageHash
from shards.families.hashes.pdq import Pdq

__all__ = ["KINDS", "ImageHash", "Pdq"]
