"""All that is fuzzed, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from tests.torture.fuzzing.target import Target

TARGETS: Mapping[str, tuple[str, str]] = {
    "pictures": ("pictures", "TARGET"),
    "texts": ("texts", "TARGET"),
    "documents": ("objects", "DOCUMENTS"),
    "logs": ("objects", "LOGS"),
    "segments": ("objects", "SEGMENTS"),
    "dead": ("objects", "DEAD"),
    "thumbnails": ("objects", "THUMBNAILS"),
    "events": ("events", "TARGET"),
    "requests": ("requests", "TARGET"),
}
"""The module of each, and its name there."""


def target(name: str) -> Target:
    """Import a target: only now, so that the engine sees which way its code goes."""
    module, attribute = TARGETS[name]
    found: Target = getattr(import_module(f"tests.torture.fuzzing.{module}"), attribute)
    return found
