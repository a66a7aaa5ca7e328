"""Tokens: parsing them, finding their callers, and checking scopes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from lookalike.web.dependencies import needs, provide
from lookalike.web.http.access import (
    MIN_TOKEN,
    SCOPES,
    AccessError,
    Caller,
    Tokens,
    authenticate,
    is_loopback,
    refuse_unsafe_bind,
)
from lookalike.web.http.problems import Problem, of, response

READER, WRITER, ADMIN = "reader-reader-reader", "writer-writer-writer", "YWRtaW4tYWRtaW4tYWRtaW4="
CLEANER = "cleaner-cleaner-cleaner"

FILE = f"""
# tokens of the gallery
{READER} read the web site   # asks only
{WRITER}\twrite
{ADMIN} read,admin  Ada
"""

token = st.text("abcXYZ019-._~+/", min_size=MIN_TOKEN, max_size=60)


def app_with(tokens: Tokens) -> FastAPI:
    """An app with one path for each scope; it answers with who asks."""
    app = FastAPI()
    provide(app, SimpleNamespace(settings=SimpleNamespace(tokens=tokens)))  # type: ignore[arg-type] # what `needs` reads
    app.add_exception_handler(Problem, lambda _, error: response(of(error)))

    @app.get("/read")
    async def read(caller: Annotated[Caller, needs("read")]) -> dict[str, Any]:
        return shown(caller)

    @app.get("/write")
    async def write(caller: Annotated[Caller, needs("write")]) -> dict[str, Any]:
        return shown(caller)

    @app.get("/admin")
    async def admin(caller: Annotated[Caller, needs("admin")]) -> dict[str, Any]:
        return shown(caller)

    @app.get("/files")
    async def files(caller: Annotated[Caller, needs("files")]) -> dict[str, Any]:
        return shown(caller)

    return app


def shown(caller: Caller) -> dict[str, Any]:
    return {"name": caller.name, "scopes": sorted(caller.scopes)}


def ask(tokens: Tokens, path: str, authorization: str | None = None) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app_with(tokens))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path, headers={"Authorization": authorization} if authorization else {})

    return asyncio.run(send())


def test_a_line_is_a_token_its_scopes_and_a_name() -> None:
    tokens = Tokens.parse(FILE)
    assert tokens.find(READER) == Caller("the web site", frozenset({"read"}))
    assert tokens.find(WRITER) == Caller("token-2", frozenset({"read", "write"}))
    assert tokens.find(ADMIN) == Caller("Ada", frozenset({"read", "write", "admin"}))
    assert not tokens.is_open


@given(token, token)
def test_only_the_token_itself_is_found(known: str, other: str) -> None:
    tokens = Tokens.parse(f"{known} read")
    assert tokens.find(known) is not None
    assert (tokens.find(other) is not None) == (other == known)
    assert tokens.find(known[:-1]) is None
    assert tokens.find(known + "a") is None


def test_every_token_is_compared_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("lookalike.web.http.access.hmac.compare_digest", lambda a, b: compared.append(a) or a == b)
    tokens = Tokens.parse(FILE)
    for presented in (READER, ADMIN, "something-that-is-none"):
        compared.clear()
        tokens.find(presented)
        assert len(compared) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no token"),
        ("# nobody\n", "there is no token"),
        ("short read", "line 1 of the tokens: the token has 5 characters, it needs 16"),
        (
            f"{READER} read\n{WRITER}",
            "line 2 of the tokens: after the token comes its scope, read, write, admin or files",
        ),
        (f"{READER} reed", "line 1 of the tokens: after the token"),
        (f"{READER} read,,write", "line 1 of the tokens: after the token"),
        (f"{READER}! read", "letters, digits"),
        (f"{READER}ä read", "letters, digits"),
        (f"{READER} read\n{READER} write", "line 2 of the tokens: this token is there already"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_its_token_is_not(text: str, says: str) -> None:
    with pytest.raises(AccessError) as caught:
        Tokens.parse(text)
    assert says in str(caught.value)
    for part in text.split():
        assert part in SCOPES or part == "#" or part not in str(caught.value)


def test_tokens_are_not_shown() -> None:
    tokens = Tokens.parse(FILE)
    assert READER not in repr(tokens)
    assert "reader" not in repr(tokens)
    assert b"reader" not in repr(tokens).encode()


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (READER, {"read"}),
        (WRITER, {"read", "write"}),
        (ADMIN, {"read", "write", "admin"}),
        (CLEANER, {"read", "write", "files"}),
    ],
)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_includes_the_lesser_ones(held: str, may: set[str], scope: str) -> None:
    answer = ask(Tokens.parse(f"{FILE}\n{CLEANER} files"), f"/{scope}", f"Bearer {held}")
    if scope in may:
        assert answer.json()["scopes"] == sorted(may)
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
        assert f"needs {scope}" in answer.json()["detail"]
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        assert held not in answer.text


def test_without_a_token_the_answer_says_where_it_goes() -> None:
    answer = ask(Tokens.parse(FILE), "/read")
    assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")
    assert "Authorization: Bearer" in answer.json()["help"]
    assert answer.headers["www-authenticate"] == 'Bearer realm="lookalike"'


@pytest.mark.parametrize(
    "authorization", ["Bearer unknown-unknown-unknown", f"Basic {READER}", READER, "Bearer", f"Bearer{READER}"]
)
def test_a_token_that_is_not_known_is_not_repeated(authorization: str) -> None:
    for tokens in (Tokens.parse(FILE), Tokens.parse(FILE, public_read=True)):
        answer = ask(tokens, "/read", authorization)
        assert (answer.status_code, answer.json()["code"]) == (401, "token-unknown")
        assert "unknown-unknown" not in answer.text
        assert READER not in answer.text
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_the_scheme_may_be_written_as_one_likes() -> None:
    assert ask(Tokens.parse(FILE), "/read", f"bearer  {READER}").status_code == 200


def test_a_token_in_the_address_is_none() -> None:
    assert ask(Tokens.parse(FILE), f"/read?access_token={READER}").status_code == 401


def test_without_tokens_whoever_comes_may_do_everything() -> None:
    assert Tokens.none().is_open
    for scope in SCOPES:
        assert ask(Tokens.none(), f"/{scope}").json() == {"name": "anonymous", "scopes": sorted(SCOPES)}
    assert ask(Tokens.none(), "/admin", "Bearer whatever-is-sent").status_code == 200


def test_with_public_reading_everybody_may_ask_and_the_rest_needs_a_token() -> None:
    for text in (FILE, ""):
        tokens = Tokens.parse(text, public_read=True)
        assert ask(tokens, "/read").json() == {"name": "anonymous", "scopes": ["read"]}
        refused = ask(tokens, "/write")
        assert (refused.status_code, refused.json()["code"]) == (401, "token-missing")
        assert "scope write" in refused.json()["detail"]
    assert ask(Tokens.parse(FILE, public_read=True), "/write", f"Bearer {WRITER}").status_code == 200


def test_the_description_says_that_a_token_is_needed() -> None:
    document = app_with(Tokens.none()).openapi()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/write"]["get"]["security"] == [{"token": []}]


def test_authenticate_takes_no_notice_of_tokens_where_there_are_none() -> None:
    assert authenticate("Bearer whatever-is-sent", Tokens.none()).scopes == frozenset(SCOPES)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1", "LocalHost."])
def test_on_this_machine_alone_no_token_is_needed(host: str) -> None:
    assert is_loopback(host)
    refuse_unsafe_bind(host, Tokens.none())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "pictures.example", "localhost.example"])
def test_a_service_for_others_needs_tokens(host: str) -> None:
    with pytest.raises(AccessError, match="--tokens FILE"):
        refuse_unsafe_bind(host, Tokens.none())
    refuse_unsafe_bind(host, Tokens.parse(FILE))
    refuse_unsafe_bind(host, Tokens.parse("", public_read=True))
