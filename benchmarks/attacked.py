"""The server that is attacked: `python -m benchmarks.attacked INDEX ORIGINALS`.

It is that of `lookalike serve`, except that it also fetches addresses of this machine, where the slow site is.
"""

from __future__ import annotations

import sys
from contextlib import closing

from lookalike import Index
from lookalike.cli.descriptors import raise_limit
from lookalike.signatures.async_pool import AsyncProcessPool
from lookalike.web import WebSettings, create_app
from lookalike.web.http.users import Users
from lookalike.web.remote.fetching import Fetcher
from lookalike.web.server import listen, run, url_of


def main(url: str, originals: str) -> None:
    raise_limit()
    index = Index.open(url)
    index.trust_originals(originals)
    settings = WebSettings()
    with (
        listen("127.0.0.1", 0) as listening,
        closing(AsyncProcessPool.shared(index.settings, settings.picture_seconds)) as pool,
    ):
        fetcher = Fetcher(settings, is_allowed=lambda _: True)
        app = create_app(index, settings, pool=pool, fetcher=fetcher)
        address = url_of(listening)

        def started() -> bool:
            print(address, flush=True)
            return True

        run(app, listening, started=started, root_path="", access_log=False, users=Users.of_this_system())


if __name__ == "__main__":
    main(*sys.argv[1:])
