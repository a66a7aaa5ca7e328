"""Paths of requests, as they were before a gateway touched them: decoded once, whoever decodes them.

An HTTP API decodes the path and says so nowhere; a function's own address leaves it as it was sent, in the same event
format. Mangum decodes it in both cases, so a key with a literal `%20` was not found through an HTTP API.

Sources: observed events of both, https://github.com/middleapi/standard-server/pull/93; the events of MiniStack's HTTP
APIs, and of LocalStack's addresses of functions, which are decoded, too. They differ in what becomes of `%25`: decoded
like all else, or left alone.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from functions.aws.events import HttpRequest

FUNCTION_ADDRESS = re.compile(r"\.lambda-url\.[\w-]+\.on\.(aws|amazonwebservices\.com\.cn)$")
"""The end of the host name of a function's own address, in AWS alone: LocalStack decodes the path of its own."""

NOT_OF_A_PERCENT_SIGN = re.compile("%(?!25)")


def path_of(event: HttpRequest) -> str:
    """Return the path that was asked for, decoded once.

    What an HTTP API has decoded is taken as it is. Where all percent signs are in `%25`, it has left those alone, and
    they are decoded here: only keys that have `%25` in their names, and no percent sign besides, are mistaken. Whoever
    has to be sure puts the key into the query (`lookalike.web.http.routing`).
    """
    path = event["rawPath"]
    if FUNCTION_ADDRESS.search(event["requestContext"].get("domainName", "")):
        return unquote(path)
    return path if NOT_OF_A_PERCENT_SIGN.search(path) else path.replace("%25", "%")


def with_path(event: HttpRequest, path: str) -> HttpRequest:
    """Return the event with this path, percent-encoded, where Mangum reads it."""
    context = event["requestContext"]
    return {**event, "rawPath": path, "requestContext": {**context, "http": {**context["http"], "path": path}}}
