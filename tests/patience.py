"""How long a test waits for what is certain to come."""

from __future__ import annotations

PATIENCE = 600.0
"""Seconds after which a test that hangs is ended. It is no expectation: whatever a test waits for comes at once on an
idle machine, and as late as it likes on a busy one."""
