"""The page's files: served as they are, under a policy that they themselves keep."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from lookalike.web import WebSettings
from lookalike.web.http.access import Tokens
from lookalike.web.page import static
from tests.lookalike.web.conftest import Client

SITE = static.site()
FILES = sorted(SITE.files)
SCRIPTS = [name for name in FILES if name.endswith(".js")]

HARMFUL = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc"
    r"|\beval\(|new Function|setAttribute\(.style"
)
"""Ways to make markup or code of a text."""

ADDRESS = re.compile(r"https?://\w[\w.-]+")

KNOWN = {"http://www.w3.org"}
"""The name of SVG's namespace, which nothing is loaded from."""


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def text(name: str) -> str:
    return SITE.files[name].body.decode()


def test_the_page_is_served_under_a_strict_policy(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_the_page_is_not_sent_twice(client: Client) -> None:
    first = client.get("/")
    etag = first.headers["etag"]
    assert (first.content, first.headers["cache-control"]) == (SITE.index, "no-cache")
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.get("/", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.request("HEAD", "/").headers["etag"] == etag


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_its_type_and_is_kept(client: Client, name: str) -> None:
    response = client.get(f"/page/{SITE.version}/{name}")
    assert response.status_code == 200
    assert response.content == SITE.files[name].body
    assert response.headers["content-type"] == static.MEDIA_TYPES[f".{name.split('.')[1]}"]
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["none.js", "..%2Fstatic.py", "%2e%2e%2fapp.py", "sub/main.js", "main.js/", ""])
def test_nothing_else_is_served(client: Client, name: str) -> None:
    assert client.get(f"/page/{SITE.version}/{name}").status_code == 404


@pytest.mark.parametrize("version", ["main.js", "0123456789abcdef", ".."])
def test_another_version_s_files_are_not_served_as_this_one_s(client: Client, version: str) -> None:
    refused = client.get(f"/page/{version}/main.js")
    assert (refused.status_code, "immutable" in refused.headers.get("cache-control", "")) == (404, False)


class TestOfABucketWithThePictures:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(picture_origins=("https://pictures.example",))

    def test_the_page_may_put_them_there_and_show_them_and_no_more(self, client: Client) -> None:
        here, there = static.policy(), client.get("/").headers["content-security-policy"]
        assert there.count("https://pictures.example") == 2
        assert there.replace(" https://pictures.example", "") == here
        for directive in ("img-src 'self' blob: data:", "connect-src 'self'"):
            assert f"{directive} https://pictures.example;" in there


class TestWithTokens:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(tokens=Tokens.parse("a-token-of-length-16 read"))

    def test_the_page_needs_none(self, client: Client) -> None:
        assert client.get("/").status_code == 200
        assert client.get(f"/page/{SITE.version}/main.js").status_code == 200
        assert client.get("/v1/stats").status_code == 401


class TestWithoutAPage:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(page=False)

    def test_there_is_only_the_api(self, client: Client) -> None:
        assert client.get("/").status_code == 404
        assert client.get(f"/page/{SITE.version}/main.js").status_code == 404
        assert client.get("/v1/stats").status_code == 200


def test_all_that_is_loaded_is_there() -> None:
    tags = Tags(SITE.index.decode()).tags
    loaded = [attrs.get("src") or attrs.get("href") or "" for tag, attrs in tags if tag in ("script", "link", "img")]
    assert {name.rpartition("/")[0] for name in loaded} == {f"page/{SITE.version}"}
    imported = {name for script in SCRIPTS for name in re.findall(r'from "\./([\w.]+)"', text(script))}
    # and nothing lies there that is not used, and no module is loaded late
    assert {name.rpartition("/")[2] for name in loaded} == set(FILES)
    assert set(SCRIPTS) == imported | {"main.js"}


def test_the_page_keeps_its_own_policy() -> None:
    for tag, attrs in Tags(SITE.index.decode()).tags:
        assert tag != "style"
        assert tag != "script" or attrs["src"]
        assert not [name for name in attrs if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_a_text(name: str) -> None:
    assert not HARMFUL.findall(text(name))


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_site(name: str) -> None:
    assert set(ADDRESS.findall(text(name))) <= KNOWN


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_read_in_one_sitting(name: str) -> None:
    assert len(text(name).splitlines()) <= 250
    assert text(name).startswith("/** ")
