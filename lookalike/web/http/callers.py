"""Callers, as far as fairness goes: who counts as one, and who sends the request that is at work."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.types import Scope

from lookalike.web.http.access import ANONYMOUS, Caller
from lookalike.web.http.crowd import peer_of

CALLER: ContextVar[str] = ContextVar("caller", default="")
"""The caller of the request that this task answers. Set where the request is admitted."""


def caller_name(caller: Caller, scope: Scope) -> str:
    """Return the name under which this caller takes turns: that of the token or, without one, the peer's address."""
    return f"peer {peer(scope)}" if caller.name == ANONYMOUS else f"token {caller.name}"


def peer(scope: Scope) -> str:
    """Return the address that the request came from, of IPv6 its network; `unknown` where the server knows none."""
    client = scope.get("client")
    return (peer_of((str(client[0]), 0)) if client else "") or "unknown"
