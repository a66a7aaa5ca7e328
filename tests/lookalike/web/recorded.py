"""Requests that real clients sent, from `tests/requests`, and the answers that are expected."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lookalike.web.conftest import Client

REQUESTS = Path(__file__).parents[2] / "requests"
PICTURES = Path(__file__).parents[2] / "golden" / "goldberg" / "images"


@dataclass(frozen=True, slots=True)
class Recorded:
    """`raw`: the request's bytes. `status`, `answer`: what is expected."""

    name: str
    raw: bytes = field(repr=False)
    status: int
    answer: Any = field(repr=False)

    def send(self, client: Client) -> None:
        """Send it to an app, and check the answer."""
        head, _, body = self.raw.partition(b"\r\n\r\n")
        line, *headers = head.split(b"\r\n")
        method, target, _ = line.decode().split(" ")
        response = client.request(
            method, target, content=body, headers=[tuple(header.split(b": ", 1)) for header in headers]
        )
        self.check(response.status_code, response.headers["content-type"], response.content)

    def check(self, status: int, media_type: str, body: bytes) -> None:
        assert (status, media_type) == (self.status, "application/json"), f"{self.name}: {body[:500]!r}"
        assert_equal(json.loads(body), self.answer, self.name)


def recorded(dialect: str) -> list[Recorded]:
    """Those of this folder, in order."""
    found = []
    for path in sorted((REQUESTS / dialect).glob("*.http")):
        expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        found.append(Recorded(f"{dialect}/{path.name}", path.read_bytes(), expected["status"], expected["body"]))
    assert found, f"no requests in {dialect}"
    return found


def assert_equal(found: Any, expected: Any, where: str) -> None:
    """Equal JSON, numbers with a fraction to the fourth decimal."""
    if isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-4), where
    elif isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert found.keys() == expected.keys(), where
        for name in expected:
            assert_equal(found[name], expected[name], f"{where} {name}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), where
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_equal(one, other, f"{where} [{i}]")
    else:
        assert found == expected, where
        assert type(found) is type(expected), where
