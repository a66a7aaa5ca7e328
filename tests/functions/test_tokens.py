"""Tokens from Secrets Manager: closed without any, and what is taken out counts no more after a while."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws.tokens import MISSING, SOON_SECONDS, SecretTokens, is_closed
from tests.functions.stage import Told

LINE = "0123456789-reader read somebody\n"


class Secret:
    """A secret that is read by a clock of its own."""

    def __init__(self, text: str | None = None, code: str = "") -> None:
        self.text = text
        self.code = code
        self.reads = 0
        self.now = 0.0
        self.told = Told()

    def get_secret_value(self, **asked: Any) -> Any:
        assert asked == {"SecretId": "lookalike/tokens"}
        self.reads += 1
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetSecretValue")
        return {} if self.text is None else {"SecretString": self.text}

    def tokens(self, name: str = "lookalike/tokens", *, public: bool = False) -> SecretTokens:
        return SecretTokens(self, name, public=public, seconds=300, log=self.told.telemetry.log, clock=lambda: self.now)


@pytest.mark.parametrize("text", [None, "", "\n\n", "# nobody yet\n"])
def test_without_a_token_nobody_may_do_anything(text: str | None) -> None:
    assert is_closed(Secret(text).tokens().current())


@pytest.mark.parametrize("code", [MISSING, "AccessDeniedException", "ThrottlingException"])
def test_a_secret_that_cannot_be_read_opens_nothing(code: str) -> None:
    secret = Secret(code=code)
    assert is_closed(secret.tokens().current())
    # that there is none yet is how everything begins
    assert bool(secret.told.lines()) == (code != MISSING)


def test_without_a_secret_nothing_is_asked() -> None:
    secret = Secret(LINE)
    assert is_closed(secret.tokens("").current())
    assert secret.reads == 0


def test_public_means_that_everybody_may_ask_and_no_more() -> None:
    tokens = Secret("").tokens(public=True).current()
    assert (tokens.known, tokens.anonymous) == ((), {"read"})
    assert not tokens.is_open
    assert Secret(LINE).tokens(public=True).current().anonymous == {"read"}


def test_a_token_is_known_by_its_scopes() -> None:
    tokens = Secret(LINE).tokens().current()
    caller = tokens.find("0123456789-reader")
    assert caller is not None
    assert (caller.name, caller.scopes) == ("somebody", {"read"})
    assert not tokens.anonymous


def test_a_token_that_is_taken_out_counts_no_more_after_a_while() -> None:
    secret = Secret(LINE + "9876543210-writer write\n")
    tokens = secret.tokens()
    before = tokens.current()
    secret.text = LINE
    secret.now = 299
    assert tokens.current() is before
    secret.now = 300
    assert tokens.current().find("9876543210-writer") is None
    assert secret.reads == 2


@pytest.mark.parametrize(("text", "code"), [("short read\n", ""), (LINE, "ThrottlingException")])
def test_what_was_known_goes_on_where_the_secret_cannot_be_read(text: str, code: str) -> None:
    secret = Secret(LINE)
    tokens = secret.tokens()
    known = tokens.current()
    secret.text, secret.code, secret.now = text, code, 300
    assert tokens.current() == known
    (line,) = secret.told.lines()
    assert (line["message"], line["secret"]) == ("the tokens cannot be read", "lookalike/tokens")


@pytest.mark.parametrize(("text", "code"), [("", ""), (LINE, "ThrottlingException")])
def test_while_nobody_has_a_token_it_looks_again_soon(text: str, code: str) -> None:
    secret = Secret(text, code)
    tokens = secret.tokens()
    assert is_closed(tokens.current())
    secret.text, secret.code = LINE, ""
    secret.now = SOON_SECONDS - 0.1
    assert is_closed(tokens.current())
    assert secret.reads == 1
    secret.now = SOON_SECONDS
    assert not is_closed(tokens.current())


def test_tokens_that_are_wrong_from_the_start_open_nothing() -> None:
    secret = Secret("a-secret-without-a-scope\n")
    assert is_closed(secret.tokens().current())
    (line,) = secret.told.lines()
    assert "line 1 of the tokens" in line["error"]
    assert "a-secret-without" not in line["error"], "a token is never told"
