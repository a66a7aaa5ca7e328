"""A service that gives nothing up: its limits of time are those of a test that hangs."""

from __future__ import annotations

from dataclasses import replace

from lookalike.web import WebSettings
from tests.patience import PATIENCE


def unhurried(settings: WebSettings | None = None) -> WebSettings:
    """Return these settings, or the usual ones, with limits of time that are met only by what hangs."""
    return replace(
        settings or WebSettings(),
        url_seconds=PATIENCE,
        body_seconds=PATIENCE,
        picture_seconds=PATIENCE,
        duplicates_seconds=PATIENCE,
        ready_seconds=PATIENCE,
    )
