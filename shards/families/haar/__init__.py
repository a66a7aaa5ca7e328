"""Haar wavelet signatures, compatible with IQDB."""

from shards.families.haar.family import Haar

__all__ = ["Haar"]
