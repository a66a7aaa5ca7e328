"""Addresses of servers, as users give them and as messages may show them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

HTTP = ("http://", "https://")


def without_password(url: str) -> str:
    """Return the address of a server as messages may show it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host, query=""))
