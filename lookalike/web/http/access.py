"""Access: tokens with scopes, which the operator of the service writes into a file.

A token goes into `Authorization: Bearer TOKEN` (RFC 6750) and nowhere else: addresses end up in logs and histories.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Literal, TypeAlias, get_args

from lookalike.web.http.problems import Problem
from shards.errors import LookalikeError

Scope: TypeAlias = Literal["read", "write", "admin", "files"]
"""read: search. write: also add and delete. admin: also see metrics, and where on the server a picture came from.
files: what write may, and move, link and delete the files of duplicates on the server."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

INCLUDED: Mapping[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
    # of its own: who may see the server's numbers need not be allowed to touch its files
    "files": frozenset({"read", "write", "files"}),
}
"""The scopes that each scope includes."""

ALL = frozenset(SCOPES)

MIN_TOKEN = 16
"""Characters. 16 random ones of base64 are 96 bits, which nobody guesses over a network."""

TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""The form of a token (RFC 6750, section 2.1)."""

CHALLENGE = 'Bearer realm="lookalike"'


class AccessError(LookalikeError):
    """An error in the tokens, or a server that would be open to everybody."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request."""

    name: str
    """As in the line of the token."""
    scopes: frozenset[Scope]


ANONYMOUS = "anonymous"
"""The name of a caller without a token."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The known tokens, and the scopes of callers without one."""

    known: tuple[tuple[bytes, Caller], ...] = field(default=(), repr=False)
    """SHA-256 of each token, and its caller."""
    anonymous: frozenset[Scope] = frozenset()
    """Scopes of a caller without a token."""

    @classmethod
    def none(cls) -> Tokens:
        """Return no tokens: whoever reaches the service may do everything. Serve this on loopback only."""
        return cls(anonymous=ALL)

    @classmethod
    def parse(cls, text: str, *, public_read: bool = False) -> Tokens:
        """Parse one token a line, `TOKEN SCOPE[,SCOPE…] [name]`; `#` begins a comment. The default name is `token-N`.

        With `public_read` everybody may search, and the tokens are for the rest. Raises AccessError, which names the
        line and never the token.
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
                raise AccessError(f"{where}: a token has only letters, digits and . _ ~ + / -, and = at its end")
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
        """True where everybody may do everything."""
        return self.anonymous == ALL

    def find(self, presented: str) -> Caller | None:
        """Return the caller of this token, or `None`. Takes as long for a wrong token as for a right one."""
        digest = sha256(presented.encode("utf-8", "replace")).digest()
        owner = None
        for known, caller in self.known:
            if hmac.compare_digest(digest, known):
                owner = caller
        return owner


def _scopes(names: str, where: str) -> frozenset[Scope]:
    scopes: set[Scope] = set()
    for name in names.split(","):
        scope = next((known for known in SCOPES if known == name), None)
        if scope is None:
            # not shown: an unknown scope may be half of a token with a blank in it
            raise AccessError(f"{where}: after the token comes its scope, {_OR}, or several with commas between them")
        scopes |= INCLUDED[scope]
    return frozenset(scopes)


_OR = f"{', '.join(SCOPES[:-1])} or {SCOPES[-1]}"


def authenticate(authorization: str | None, tokens: Tokens) -> Caller:
    """Return the caller that sends this header. Raises Problem 401 for a missing or unknown token.

    An unknown token is refused even where none is needed: its sender should know that it does not count.
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
            "this service does not know the token" if scheme.lower() == "bearer" else "it is not a bearer token",
            help="The header is 'Authorization: Bearer TOKEN'. Ask whoever runs this service for a token.",
            headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'},
        )
    return caller


def require(scope: Scope, caller: Caller) -> None:
    """Raise Problem 401 or 403 unless this caller has the scope."""
    if scope in caller.scopes:
        return
    if caller.name == ANONYMOUS:
        raise Problem(
            401,
            "token-missing",
            "A token is needed",
            f"this needs a token with the scope {scope}",
            help="Send the header 'Authorization: Bearer TOKEN', with a token from whoever runs this service.",
            headers={"WWW-Authenticate": f'{CHALLENGE}, scope="{scope}"'},
        )
    scopes = ", ".join(known for known in SCOPES if known in caller.scopes)
    raise Problem(
        403,
        "scope-missing",
        "The token does not allow that",
        f"the token {caller.name!r} has the scopes {scopes}; this needs {scope}",
        help=f"Use a token with the scope {scope}.",
        headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
    )


def is_loopback(host: str) -> bool:
    """Return whether a name or address means this machine: localhost, *.localhost (RFC 6761), 127.0.0.0/8, ::1."""
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
