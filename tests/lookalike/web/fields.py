"""Requests that a dialect's clients could send, sensible or not, for hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from hypothesis import strategies as st

from tests.lookalike.web.conftest import CAT, Client

FIELDS = st.one_of(
    st.integers(),
    st.sampled_from([0, 1, -1, 1 << 31, 1 << 63, 1 << 64, 10**400, "", "0", "2x", "1e999", "nan", "true", "null"]),
    st.text(max_size=20),
)
"""Values of a text field."""

VALUES = FIELDS | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
"""Values of a JSON field."""

FILES = st.sampled_from([b"", b"no picture", CAT[:3000], CAT, b"\xff\xd8\xff", b"GIF89a"])


@dataclass(frozen=True, slots=True)
class Sent:
    method: str
    options: Mapping[str, Any]

    def to(self, client: Client, path: str) -> httpx.Response:
        return client.request(self.method, path, **self.options)


def sent(names: st.SearchStrategy[str]) -> st.SearchStrategy[Sent]:
    """Requests with these fields in the query, in a form of either kind, in JSON; or with any body at all."""
    texts = st.dictionaries(names, FIELDS.map(str).map(_encodable), max_size=4)
    options = st.one_of(
        st.fixed_dictionaries({"params": texts}),
        st.fixed_dictionaries({"data": texts}),
        st.fixed_dictionaries({"params": texts, "data": texts, "files": st.dictionaries(names, FILES, max_size=2)}),
        st.fixed_dictionaries({"json": st.dictionaries(names, VALUES, max_size=4) | VALUES}).filter(_is_json),
        st.fixed_dictionaries(
            {
                "content": st.binary(max_size=40),
                "headers": st.fixed_dictionaries(
                    {
                        "Content-Type": st.sampled_from(
                            [
                                "application/json",
                                "application/x-www-form-urlencoded",
                                "multipart/form-data",
                                "multipart/form-data; boundary=x",
                                "image/jpeg",
                                "",
                            ]
                        )
                    }
                ),
            }
        ),
    )
    return st.builds(Sent, st.sampled_from(["GET", "POST", "DELETE"]), options)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _is_json(options: Mapping[str, Any]) -> bool:
    """httpx sends neither infinities nor lone surrogates."""
    try:
        httpx.Request("POST", "http://localhost", **options)
    except ValueError:
        return False
    return True
