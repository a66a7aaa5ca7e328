"""`python -m tests.cli.unhurried serve …` is `lookalike serve`, with limits of time that only what hangs meets."""

from __future__ import annotations

from typing import Any

from shards import web
from shards.cli import main
from shards.web import WebSettings, connections, server
from tests.patience import PATIENCE
from tests.web.unhurried import unhurried


def _settings(**chosen: Any) -> WebSettings:
    return unhurried(WebSettings(**chosen))


if __name__ == "__main__":
    # where the command looks for it
    setattr(web, "WebSettings", _settings)  # noqa: B010 - to the type checker it is a class for ever
    server.GRACE_SECONDS = int(PATIENCE)
    connections.Connection.head_seconds = PATIENCE
    main()
