"""Allowed sources of pictures: URLs that may be fetched, and network addresses that are public.

A service that fetches addresses given by strangers can be made to send requests to hosts that only it can reach: the
machine itself, its network, the credentials that a cloud serves at 169.254.169.254. So a URL is parsed here, once and
strictly, and every address of its host must be public.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import idna

from lookalike.web.http.problems import Problem

Address: TypeAlias = IPv4Address | IPv6Address

MAX_URL = 8_000
"""Characters that every server should accept (RFC 9110, section 4.1)."""

SCHEMES = {"http": 80, "https": 443}

OTHER_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)
"""Ports over 1023 of protocols other than HTTP: the "bad ports" of the WHATWG's Fetch standard."""

NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "192.0.0.0/24",  # IETF protocols; a cloud has its metadata at 192.0.0.192
            "192.88.99.0/24",  # formerly relays of 6to4 (RFC 7526)
            "168.63.129.16/32",  # a public number, but inside Azure the machine's own host
        ),
    )
)
"""Networks that `IPv4Address.is_global` takes for public in some versions of Python."""

UNICAST_6 = IPv6Network("2000::/3")
"""The range of public hosts (RFC 4291, section 2.4); the other seven eighths have special meanings."""

NOT_PUBLIC_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols, such as Teredo, which embeds IPv4 addresses
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which embeds an IPv4 address; obsolete (RFC 7526)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)

NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses whose last 32 bits are an IPv4 address, by which a network with IPv6 alone reaches the rest (RFC 6052)."""

ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Values of the 32 bits before the last 32 that mark those as an IPv4 address (RFC 5214)."""

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_DOTTED = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL."""

    scheme: str
    host: str
    """Lower case, ASCII, without a dot at its end."""
    port: int
    target: str
    """Path and query, percent-encoded."""

    @property
    def address(self) -> Address | None:
        """The host, where it is an address and not a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(url: str) -> Target:
    """Parse this URL. Raises Problem 400 where it is not a URL of the web, 403 where it must not be fetched."""
    if len(url) > MAX_URL:
        raise malformed(f"it has {len(url):,} characters, more than {MAX_URL:,}", url)
    # urlsplit would drop line breaks, and take a backslash for a part of the name where browsers see a slash
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise malformed("it has a blank, a control character or a backslash; percent-encode it", url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise malformed(str(error), url) from error
    if parts.scheme not in SCHEMES:
        raise malformed(f"it begins with {parts.scheme + ':' if parts.scheme else 'no scheme'}", url)
    if "@" in parts.netloc:
        raise malformed("it has a user name or a password; such addresses are not fetched")  # and not repeated
    if "[" in parts.netloc and not _BRACKETS.fullmatch(parts.netloc):
        raise malformed("its brackets do not hold an IPv6 address", url)
    port = SCHEMES[parts.scheme] if port is None else port
    if port not in SCHEMES.values() and (port < 1024 or port in OTHER_PORTS):
        raise refused(f"port {port} is not allowed; 80, 443 and most ports over 1023 are", url)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]{}|^`\"<>")
    return Target(parts.scheme, _host(host, url), port, target)


def _host(host: str, url: str) -> str:
    """Return the name or address in the form that is looked up, checked and sent."""
    if ":" in host:
        try:
            return str(IPv6Address(host))
        except ValueError as error:
            raise malformed(f"{host} is not an IPv6 address", url) from error
    name = host.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").removesuffix(".")
        except idna.IDNAError as error:
            raise malformed(f"its host is not a valid name: {error}", url) from error
    if not name:
        raise malformed("it has no host", url)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1: only one form is accepted
        if not _DOTTED.fullmatch(name):
            raise malformed("its host is a number: write an IPv4 address as four decimal numbers", url)
        try:
            return str(IPv4Address(name))
        except ValueError as error:
            raise malformed(f"{name} is not an IPv4 address", url) from error
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise malformed("its host is not a valid name", url)
    return name


def is_public(address: Address) -> bool:
    """Return whether anybody on the internet can reach this address.

    An IPv4 address inside an IPv6 address counts as the IPv4 address. Source: IANA's special-purpose registries.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.ipv4_mapped is not None or address in NAT64:
            return is_public(inner)
        if (int(address) >> 32) & 0xFFFF_FFFF in ISATAP and not is_public(inner):
            return False
        return address in UNICAST_6 and not any(address in network for network in NOT_PUBLIC_6)
    special = address.is_multicast or address.is_reserved or any(address in network for network in NOT_PUBLIC_4)
    return address.is_global and not special


def malformed(why: str, url: str | None = None) -> Problem:
    """Return the problem of a text that is not a fetchable URL."""
    return Problem(
        400,
        "url-refused",
        "This address is not fetched",
        f"the URL cannot be fetched: {why}",
        url,
        "Give the http:// or https:// address of a picture, or send the picture itself.",
    )


def refused(why: str, url: str | None = None) -> Problem:
    """Return the problem of an address that this service must not fetch."""
    return Problem(
        403,
        "url-refused",
        "This address is not fetched",
        why,
        url,
        "Give a public address, or send the picture itself.",
    )
