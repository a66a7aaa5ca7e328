"""Copies as people make them: 35 transformations of a picture, by which it is measured what is found.

They are here and not beside what measures because they need Pillow, which this package alone imports.
"""

from shards.pictures.copies.transformations import TRANSFORMATIONS, Transformation, reduced

__all__ = ["TRANSFORMATIONS", "Transformation", "reduced"]
