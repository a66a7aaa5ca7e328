"""Links of a template: of the web alone, below the place that it names, whatever metadata holds."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import Image, QueryError
from lookalike.links import LinkTemplate

WIKIPEDIA = "https://en.wikipedia.org/wiki/{url}"


def image(key: str = "k", **meta: Any) -> Image:
    return Image(key, 1, 1, "0" * 64, 0, meta, {})


def link(template: str, key: str = "k", **meta: Any) -> str | None:
    return LinkTemplate.of(template).link(image(key, **meta))


@pytest.mark.parametrize(
    ("template", "meta", "made"),
    [
        (WIKIPEDIA, {"url": "Rome"}, "https://en.wikipedia.org/wiki/Rome"),
        (WIKIPEDIA, {"url": "AT&T 100%?"}, "https://en.wikipedia.org/wiki/AT%26T%20100%25%3F"),
        (WIKIPEDIA, {"url": "Zürich"}, "https://en.wikipedia.org/wiki/Z%C3%BCrich"),
        (WIKIPEDIA, {"url": "AC/DC"}, "https://en.wikipedia.org/wiki/AC/DC"),
        (WIKIPEDIA, {"url": "a\"'<b>\n"}, "https://en.wikipedia.org/wiki/a%22%27%3Cb%3E%0A"),
        ("https://x.org/{key}?n={n}#{user.name}", {"n": 3, "user": {"name": "A B"}}, "https://x.org/k?n=3#A%20B"),
        ("http://localhost:8000/{key}", {"n": 1}, "http://localhost:8000/k"),
        ("https://x.org/{key}/{key}", {}, "https://x.org/k/k"),
        ("{url}", {"url": "https://x.org/a?b=c"}, "https://x.org/a?b=c"),
        ("{url}", {"url": "HTTP://x.org"}, "HTTP://x.org"),
    ],
)
def test_fields_are_filled_in_percent_encoded(template: str, meta: dict[str, Any], made: str) -> None:
    assert link(template, **meta) == made


def test_the_key_of_an_image_is_no_field_of_its_metadata() -> None:
    assert LinkTemplate.of("https://x.org/{key}").link(Image("k", 1, 1, "", 0, {"key": "m"}, {})) == "https://x.org/k"


@pytest.mark.parametrize(
    ("template", "meta"),
    [
        (WIKIPEDIA, {}),
        (WIKIPEDIA, {"url": None}),
        (WIKIPEDIA, {"url": ""}),
        (WIKIPEDIA, {"url": True}),
        (WIKIPEDIA, {"url": ["a"]}),
        (WIKIPEDIA, {"url": ".."}),
        (WIKIPEDIA, {"url": "../w/index.php"}),
        (WIKIPEDIA, {"url": "a/./b"}),
        (WIKIPEDIA, {"url": "\ud800"}),
        (WIKIPEDIA, {"url": 10**5000}),
        (WIKIPEDIA, {"url": "x" * 100_000}),
        ("https://x.org/{a}{b}", {"a": ".", "b": "."}),
        ("{url}", {"url": "javascript:alert(1)"}),
        ("{url}", {"url": " https://x.org"}),
        ("{url}", {"url": "https://"}),
        ("{url}", {"url": "https://[x"}),
        ("{url}", {"url": "//x.org"}),
        ("{url}", {"url": "https://x.org/\u0000"}),
        ("{url}", {"url": "https:\\\\x.org"}),
        ("{url}", {"url": 3}),
    ],
)
def test_an_image_without_a_fitting_field_has_no_link(template: str, meta: dict[str, Any]) -> None:
    assert link(template, **meta) is None


@pytest.mark.parametrize(
    "template",
    ["", "x", "javascript:alert('{url}')", "{url}/x", "ftp://x.org/{url}", "https://{url}/", "https://x.{url}.org/a",
     "https://x.org{url}", "https://x.org/", "https://x.org/{url", "https://x.org/{}", "https://x.org/{{url}}",
     "https:///{url}", " https://x.org/{url}", "https://x.org/a b{url}", "data:text/html,{url}"],
)  # fmt: skip
def test_a_template_of_anything_else_is_refused(template: str) -> None:
    with pytest.raises(QueryError, match="link"):
        LinkTemplate.of(template)


@given(st.text(), st.text())
def test_whatever_metadata_holds_a_link_leads_below_the_template(key: str, url: str) -> None:
    made = link("https://x.org/wiki/{url}/{key}?a={url}#b", key=key, url=url)
    if made is not None:
        parts = urlsplit(made)
        assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "x.org", "b")
        assert unquote(parts.path) == f"/wiki/{url}/{key}"
        assert made.isascii()
        assert made.isprintable()
    whole = link("{url}", url=url)
    assert whole is None or whole.lower().startswith(("http://", "https://"))
