"""Uploads: an address is good for one picture, for a while, as it was made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import Index
from lookalike.web import WebSettings
from lookalike.web.http.problems import Problem
from lookalike.web.uploads import TOKEN_CHARACTERS, TokenUploads, Upload, UsedUploads
from tests.lookalike.web.conftest import Clock

NOW = 1_800_000_000
INDEX = Index.create("memory://uploads")
SETTINGS = WebSettings(upload_secret=bytes(range(32)))
UPLOAD = Upload("a.png", {"album": "zoo"}, 1000, NOW + 900)


def token_of(upload: Upload, uploads: TokenUploads) -> str:
    return uploads.address(upload, lambda token: token).url


def refused(token: str, uploads: TokenUploads) -> str:
    with pytest.raises(Problem) as caught:
        uploads.opened(token)
    assert caught.value.status == 403
    return caught.value.code


@given(
    key=st.text(min_size=1, max_size=40),
    meta=st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text(max_size=20), max_size=4),
    max_bytes=st.integers(1, 1 << 40),
)
def test_a_token_says_what_it_was_made_for(key: str, meta: dict[str, Any], max_bytes: int) -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Clock(NOW))
    upload = Upload(key, meta, max_bytes, NOW + 1)
    token = token_of(upload, uploads)
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert token.isascii()
    assert uploads.opened(token) == upload


def test_two_addresses_for_the_same_are_not_the_same() -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Clock(NOW))
    one, other = (Upload("a.png", {}, 1000, NOW + 900) for _ in range(2))
    assert token_of(one, uploads) != token_of(other, uploads)


def test_a_permission_is_used_once_and_forgotten_when_it_has_expired() -> None:
    used = UsedUploads(INDEX)
    used.use(UPLOAD, NOW)
    with pytest.raises(Problem, match="sent already") as caught:
        used.use(UPLOAD, NOW)
    assert caught.value.code == "upload-used"
    used.give_back(UPLOAD)
    used.use(UPLOAD, NOW)
    used.use(Upload("b.png", {}, 1000, NOW + 2000), NOW + 1000)
    assert len(used._used) == 1


def test_every_process_with_the_secret_knows_a_token_and_no_other() -> None:
    token = token_of(UPLOAD, TokenUploads(INDEX, SETTINGS, Clock(NOW)))
    assert TokenUploads(INDEX, SETTINGS, Clock(NOW)).opened(token) == UPLOAD
    assert refused(token, TokenUploads(INDEX, WebSettings(upload_secret=bytes(32)), Clock(NOW))) == "upload-unknown"
    assert refused(token, TokenUploads(INDEX, WebSettings(), Clock(NOW))) == "upload-unknown"
    assert TokenUploads(INDEX, WebSettings())._secret != TokenUploads(INDEX, WebSettings())._secret


def test_a_token_is_good_for_one_index_only() -> None:
    token = token_of(UPLOAD, TokenUploads(INDEX, SETTINGS, Clock(NOW)))
    assert refused(token, TokenUploads(Index.create("memory://others"), SETTINGS, Clock(NOW))) == "upload-unknown"


def test_a_token_expires() -> None:
    moment = Clock(NOW)
    uploads = TokenUploads(INDEX, SETTINGS, moment)
    token = token_of(UPLOAD, uploads)
    moment.now = UPLOAD.expires - 0.001
    assert uploads.opened(token) == UPLOAD
    moment.now = UPLOAD.expires
    assert refused(token, uploads) == "upload-expired"


@given(place=st.integers(0, 10_000), by=st.sampled_from(["A", "b", "-", "_", ".", "=", "%", "é", ""]))
def test_a_token_that_was_changed_anywhere_is_none(place: int, by: str) -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Clock(NOW))
    token = token_of(UPLOAD, uploads)
    # the last character of each part has bits that stand for nothing
    place %= token.index(".") - 1
    changed = token[:place] + by + token[place + 1 :]
    if changed != token:
        assert refused(changed, uploads) == "upload-unknown"


@pytest.mark.parametrize("token", ["", ".", "a.b", "....", "é.é", "e30.e30", "\ud800.a"])
def test_what_is_no_token_is_none(token: str) -> None:
    assert refused(token, TokenUploads(INDEX, SETTINGS, Clock(NOW))) == "upload-unknown"


def test_an_address_is_never_longer_than_proxies_take() -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Clock(NOW))
    longest = Upload("\U0001f63a" * 256, {"text": "x" * 3000}, 1 << 40, NOW)
    assert len(token_of(longest, uploads)) <= TOKEN_CHARACTERS
    with pytest.raises(Problem, match="at most") as caught:
        token_of(Upload("a", {"text": "x" * TOKEN_CHARACTERS}, 1, NOW), uploads)
    assert caught.value.status == 422
