"""The family `crops`: local features, which find a picture that was cropped, framed, turned or put in another."""

from shards.families.crops.family import Crops

__all__ = ["Crops"]
