"""Callers, as far as fairness goes: who counts as one, and who sends the request that is at work."""

from __future__ import annotations

from contextvars import ContextVar
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from lookalike.web.http.access import ANONYMOUS, Caller

CALLER: ContextVar[str] = ContextVar("caller", default="")
"""The caller of the request that this task answers. Set where the request is admitted."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell networks apart: whoever has one address has all of its network (RFC 4291)."""


def caller_name(caller: Caller, scope: Scope) -> str:
    """Return the name under which this caller takes turns: that of the token or, without one, the peer's address."""
    return f"peer {peer(scope)}" if caller.name == ANONYMOUS else f"token {caller.name}"


def peer(scope: Scope) -> str:
    """Return the address that the request came from, of IPv6 its network; `unknown` where the server knows none."""
    client = scope.get("client")
    host = str(client[0]) if client else "unknown"
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, IPV6_PREFIX), strict=False))
