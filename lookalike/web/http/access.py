"""Who asks, and what they may do: tokens with scopes, from a file that whoever runs the service writes.

A token goes into `Authorization: Bearer TOKEN` (RFC 6750) and nowhere else: addresses end up in logs and histories.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Any, Literal, TypeAlias, get_args

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lookalike.web.http.problems import Problem
from shards.errors import LookalikeError

Scope: TypeAlias = Literal["read", "write", "admin"]
"""read: ask. write: add and delete too. admin: also see the metrics, and where on the server a picture came from."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each includes those before it."""

ALL = frozenset(SCOPES)

MIN_TOKEN = 16
"""Characters: 16 random ones of base64 are 96 bits, which nobody guesses over a network."""

TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What may stand after `Bearer` (RFC 6750, section 2.1)."""

CHALLENGE = 'Bearer realm="lookalike"'


class AccessError(LookalikeError):
    """Tokens that cannot be read, or a server that would be open to everybody."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `name`: from the line of the token."""

    name: str
    scopes: frozenset[Scope]


ANONYMOUS = "anonymous"
"""The name of a caller without a token."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Which tokens there are, as their SHA-256, and what may be done without one (`anonymous`)."""

    known: tuple[tuple[bytes, Caller], ...] = field(default=(), repr=False)
    anonymous: frozenset[Scope] = frozenset()

    @classmethod
    def none(cls) -> Tokens:
        """No tokens: whoever reaches the service may do everything. Serve this on loopback only."""
        return cls(anonymous=ALL)

    @classmethod
    def parse(cls, text: str, *, public_read: bool = False) -> Tokens:
        """One token a line, `TOKEN SCOPE[,SCOPE…] [name]`; `#` begins a comment. Without a name it is `token-N`.

        `public_read`: everybody may ask, the tokens are for the rest. Raises AccessError, which names the line and
        never the token.
        """
        known: dict[bytes, Caller] = {}
        for number, line in enumerate(text.splitlines(), 1):
            parts = line.partition("#")[0].split(maxsplit=2)
            if not parts:
                continue
            token, names = parts[0], parts[1] if len(parts) > 1 else ""
            where = f"line {number} of the tokens"
            if len(token) < MIN_TOKEN:
                raise AccessError(
                    f"{where}: the token has {len(token)} characters, it needs {MIN_TOKEN} or more; "
                    "'openssl rand -base64 24' makes one"
                )
            if not TOKEN.fullmatch(token):
                raise AccessError(f"{where}: a token has letters, digits and . _ ~ + / - only, and = at its end")
            digest = sha256(token.encode()).digest()
            if digest in known:
                raise AccessError(f"{where}: this token is there already; give its scopes in one line, as read,write")
            name = parts[2].strip() if len(parts) > 2 else f"token-{len(known) + 1}"
            known[digest] = Caller(name, _scopes(names, where))
        if not known and not public_read:
            raise AccessError(f"there is no token: write at least one line 'TOKEN SCOPE', with {_OR} as scope")
        return cls(tuple(known.items()), frozenset({"read"}) if public_read else frozenset())

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything."""
        return self.anonymous == ALL

    def find(self, presented: str) -> Caller | None:
        """Whose token this is. It takes as long for a wrong one as for any right one."""
        digest = sha256(presented.encode("utf-8", "replace")).digest()
        found = None
        for known, caller in self.known:
            if hmac.compare_digest(digest, known):
                found = caller
        return found


def _scopes(names: str, where: str) -> frozenset[Scope]:
    found: set[Scope] = set()
    for name in names.split(","):
        if name not in SCOPES:
            # a scope that is none may be half of a token with a blank in it: it is not shown
            raise AccessError(f"{where}: after the token comes its scope, {_OR}, or several with commas between them")
        found.update(SCOPES[: SCOPES.index(name) + 1])
    return frozenset(found)


_OR = f"{', '.join(SCOPES[:-1])} or {SCOPES[-1]}"


def authenticate(authorization: str | None, tokens: Tokens) -> Caller:
    """Who sends this header. Raises Problem 401 where a token is needed and missing, or is unknown.

    An unknown token is refused even where none is needed: whoever sends one wants to know that it does not count.
    """
    if not tokens.known:
        return Caller(ANONYMOUS, tokens.anonymous)
    if authorization is None:
        if tokens.anonymous:
            return Caller(ANONYMOUS, tokens.anonymous)
        raise Problem(
            401,
            "token-missing",
            "A token is needed",
            "the request has no token",
            help="Send the header 'Authorization: Bearer TOKEN', with a token from whoever runs this service.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    scheme, _, presented = authorization.partition(" ")
    caller = tokens.find(presented.strip()) if scheme.lower() == "bearer" else None
    if caller is None:
        raise Problem(
            401,
            "token-unknown",
            "The token is not valid",
            "this service knows no such token" if scheme.lower() == "bearer" else "that is no bearer token",
            help="The header is 'Authorization: Bearer TOKEN'. Ask whoever runs this service for a token.",
            headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'},
        )
    return caller


_bearer = HTTPBearer(
    scheme_name="token", description="A token of this service; without tokens, none.", auto_error=False
)


@cache
def needs(scope: Scope) -> Any:
    """What a handler annotates its Caller with: `caller: Annotated[Caller, needs("read")]`.

    A caller without that scope never gets to the handler, and is answered 401 or 403.
    """

    async def check(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
        caller = authenticate(request.headers.get("authorization"), request.app.state.service.settings.tokens)
        if scope in caller.scopes:
            return caller
        if caller.name == ANONYMOUS:
            raise Problem(
                401,
                "token-missing",
                "A token is needed",
                f"this needs a token with the scope {scope}",
                help="Send the header 'Authorization: Bearer TOKEN', with a token from whoever runs this service.",
                headers={"WWW-Authenticate": f'{CHALLENGE}, scope="{scope}"'},
            )
        may = ", ".join(one for one in SCOPES if one in caller.scopes)
        raise Problem(
            403,
            "scope-missing",
            "The token may not do that",
            f"the token {caller.name!r} may {may}; this needs {scope}",
            help=f"Use a token with the scope {scope}.",
            headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
        )

    return Depends(check)


def is_loopback(host: str) -> bool:
    """Whether this name or address means the machine itself: localhost, *.localhost (RFC 6761), 127.0.0.0/8, ::1."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def refuse_unsafe_bind(host: str, tokens: Tokens) -> None:
    """Raise AccessError where everybody on the network could change and delete images."""
    if tokens.is_open and not is_loopback(host):
        raise AccessError(
            f"without tokens whoever reaches {host!r} could add and delete images: "
            "give --tokens FILE, or listen on 127.0.0.1 only"
        )
