"""The web service: the HTTP API, the dialects of IQDB and Match, and a page for people.

>>> from lookalike import Index
>>> from lookalike.web import WebSettings, create_app
>>> app = create_app(Index.create("memory://"), WebSettings())
"""

from lookalike.web.app import create_app
from lookalike.web.settings import WebSettings

__all__ = ["WebSettings", "create_app"]
