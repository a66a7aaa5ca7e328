"""local-reverse-image-search: its database as a source, and its settings as something to run."""

from lookalike.interchange.local_reverse_image_search.lris import Lris

__all__ = ["Lris"]
