"""The forms in which databases and programs write hashes. Here because a command's help names them without numpy."""

from __future__ import annotations

from typing import Literal, TypeAlias

HashForm: TypeAlias = Literal["hex", "signed", "unsigned", "bits", "imagehash3"]
"""How hashes are written: hex digits as ImageHash 4 does, 64-bit integers with or without a sign, binary digits, or hex
digits as ImageHash below version 4 did."""
