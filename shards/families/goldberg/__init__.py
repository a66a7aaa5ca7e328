"""Goldberg signatures, compatible with image-match and Match."""

from shards.families.goldberg.family import Goldberg
from shards.families.goldberg.planes import pack, unpack
from shards.families.goldberg.words import words

__all__ = ["Goldberg", "pack", "unpack", "words"]
