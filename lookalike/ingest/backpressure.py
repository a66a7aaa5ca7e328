"""The one policy of backpressure: how much may wait to be folded, and what happens past that.

Everyone who adds or folds asks `BACKPRESSURE`, about the two numbers that `Index.pressure` returns: log objects, and
bytes in them. A limit is what may still wait; only what is larger is past it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backpressure:
    """Limits on the log objects that no fold has taken into segments yet."""

    max_objects: int = 256
    max_bytes: int = 32 << 20
    """Past either, adding has to wait: every search pays for what is not folded."""

    early: int = 4
    """Past one part in so many of both, a fold is due at once: it is done before anybody has to wait."""

    worth_objects: int = 16
    """Past so many, folding is worth its price: each new log object makes the next search lay the whole tail over the
    segments again, and a fold writes a few objects however many it reads."""

    worth_bytes: int = 4 << 20
    """Or past so many bytes, some 10,000 images: a fold takes a fraction of a second."""

    def must_wait(self, objects: int, size: int) -> bool:
        """Return whether nothing more should be added before there was a fold."""
        return objects > self.max_objects or size > self.max_bytes

    def should_fold_soon(self, objects: int, size: int) -> bool:
        """Return whether a fold should not wait for its schedule."""
        return objects * self.early > self.max_objects or size * self.early > self.max_bytes

    def is_worth_folding(self, objects: int, size: int) -> bool:
        """Return whether whoever has nothing else to do should fold."""
        return objects > self.worth_objects or size > self.worth_bytes


BACKPRESSURE = Backpressure()
