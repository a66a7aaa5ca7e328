"""Tokens in Secrets Manager, which say who may ask. Without any, nobody may."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lookalike.web.http.access import AccessError, Tokens

MISSING = "ResourceNotFoundException"
"""Code of Secrets Manager for a secret that is not there, or was never given a value."""

SOON_SECONDS = 5.0
"""Pause until the secret is read again if it could not be, or nobody has a token: those who deploy write it next."""


class SecretsManager(Protocol):
    """The part of boto3's client of Secrets Manager that is used."""

    def get_secret_value(self, **asked: Any) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class SecretTokens:
    """The tokens of one secret, read again now and then.

    If the secret cannot be read or understood, the tokens that were known go on; before any are known, nobody has one.
    """

    secrets: SecretsManager

    name: str
    """Name or ARN of the secret; empty if there is none."""

    public: bool
    """Everybody may ask, without a token."""

    seconds: float
    """Time between reads: a token that was taken out does not count longer than this."""

    log: Logger
    clock: Callable[[], float] = time.monotonic
    _known: Tokens = field(init=False)
    _next: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._known = self._parse("")

    def current(self) -> Tokens:
        """Return the tokens that count now."""
        if self.name and (self._next is None or self.clock() >= self._next):
            seconds = self.seconds
            try:
                self._known = self._parse(self._text())
            except (AccessError, BotoCoreError, ClientError) as error:
                self.log.warning("the tokens cannot be read", extra={"secret": self.name, "error": str(error)})
                seconds = SOON_SECONDS
            if is_closed(self._known):
                seconds = SOON_SECONDS
            self._next = self.clock() + min(seconds, self.seconds)
        return self._known

    def _text(self) -> str:
        try:
            return str(self.secrets.get_secret_value(SecretId=self.name).get("SecretString", ""))
        except ClientError as error:
            if error.response["Error"].get("Code") != MISSING:
                raise
            return ""

    def _parse(self, text: str) -> Tokens:
        if any(line.partition("#")[0].strip() for line in text.splitlines()):
            return Tokens.parse(text, public_read=self.public)
        return Tokens(anonymous=frozenset({"read"})) if self.public else Tokens()


def is_closed(tokens: Tokens) -> bool:
    """Return whether there is nobody who may do anything."""
    return not tokens.known and not tokens.anonymous
