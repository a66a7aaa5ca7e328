"""The web service: the v1 API, the dialects of IQDB and Match, and a page for people.

>>> from shards import Index
>>> from shards.web import WebSettings, create_app
>>> app = create_app(Index.create("memory://"), WebSettings())
"""

from shards.web.app import create_app
from shards.web.settings import WebSettings

__all__ = ["WebSettings", "create_app"]
