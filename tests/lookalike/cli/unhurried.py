"""`python -m tests.lookalike.cli.unhurried serve …` is `lookalike serve` with limits that only what hangs meets."""

from __future__ import annotations

from typing import Any

from lookalike import web
from lookalike.cli import main
from lookalike.web import WebSettings, server
from lookalike.web.http import connections
from tests.lookalike.web.unhurried import unhurried
from tests.patience import PATIENCE


def _settings(**chosen: Any) -> WebSettings:
    return unhurried(WebSettings(**chosen))


if __name__ == "__main__":
    # where the command looks for it
    setattr(web, "WebSettings", _settings)  # noqa: B010 - to the type checker it is a class for ever
    server.GRACE_SECONDS = int(PATIENCE)
    connections.Connection.head_seconds = PATIENCE
    main()
