"""`/healthz`, `/readyz`, `/v1/stats`."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest

import lookalike
from lookalike import Index
from lookalike.web import WebSettings, create_app
from lookalike.web.http.access import Tokens
from shards.errors import StorageError
from tests.lookalike.web.conftest import CAT, RACCOON, Client, problem
from tests.lookalike.web.virtual_time import run_standing
from tests.patience import PATIENCE


def test_a_service_is_alive_whatever_the_store_does(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(self: Index) -> int:
        raise StorageError("s3://secret-bucket: 403 AccessDenied")

    assert client.get("/readyz").json() == {"status": "ok"}
    monkeypatch.setattr(Index, "count", count)
    assert client.get("/healthz").json() == {"status": "ok"}
    refused = client.get("/readyz")
    assert (refused.status_code, problem(refused)["code"]) == (503, "store-failed")
    assert refused.headers["retry-after"]
    assert "secret-bucket" not in refused.text


def test_a_store_that_hangs_is_not_ready(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    async def scene(pass_seconds: Callable[[float], None]) -> httpx.Response:
        def hang(self: Index) -> bool:
            pass_seconds(WebSettings().ready_seconds)
            return let_go.wait(PATIENCE)

        monkeypatch.setattr(Index, "count", hang)
        transport = httpx.ASGITransport(create_app(index))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get("/readyz")
        assert not let_go.is_set()
        let_go.set()
        return answer

    refused = run_standing(scene)
    assert (refused.status_code, problem(refused)["code"]) == (503, "store-failed")


def test_the_numbers_of_an_index_and_what_may_be_asked_of_it(client: Client, index: Index) -> None:
    index.add("a", CAT)
    index.compact()
    index.add("b", RACCOON)
    document = client.get("/v1/stats").json()
    stats = index.stats()
    columns = document.pop("columns")
    by_family = document.pop("bytes_by_family")
    assert document.pop("last_fold").startswith("2027-01-15T08:00:00.")
    assert columns == stats.columns
    assert by_family["goldberg"] == columns["goldberg"]
    assert sum(by_family.values()) < sum(columns.values())
    assert document == {
        "version": lookalike.__version__,
        "index": "memory://",
        "images": 2,
        "shards": 1,
        "segments": 1,
        "wide": 0,
        "dead": 0,
        "tail": 1,
        "tail_images": 1,
        "size": stats.size,
        "manifest_version": 1,
        "thumbnails": 256,
        "families": [
            {"name": "haar", "match_score": 90.4, "unit": None, "negatives": False},
            {"name": "goldberg", "match_score": 75.0, "unit": "distance", "negatives": True},
            {"name": "dhash", "match_score": 96.875, "unit": "bits", "negatives": False},
            {"name": "phash", "match_score": 96.875, "unit": "bits", "negatives": False},
        ],
        "limits": {
            "bytes": 32 << 20,
            "pixels": 100_000_000,
            "body": 64 << 20,
            "upload": 32 << 20,
            "urls": True,
            "batch": 1000,
            "questions": 64,
        },
        "caller": {"name": "anonymous", "scopes": ["admin", "files", "read", "write"]},
    }


def test_an_index_that_was_never_folded_says_so(client: Client) -> None:
    document = client.get("/v1/stats").json()
    assert (document["last_fold"], document["manifest_version"], document["images"]) == (None, 0, 0)


def test_a_resharding_under_way_is_seen(client: Client, index: Index) -> None:
    index.add("a", CAT)
    index.compact()

    class Interrupted(Exception):
        pass

    def interrupt(done: int, of: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        index.reshard(4, interrupt)
    document = client.get("/v1/stats").json()
    assert (document["shards"], document["segments"], document["wide"]) == (4, 1, 1)
    index.reshard(4)
    assert client.get("/v1/stats").json()["wide"] == 0


class TestWithTokens:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(tokens=Tokens.parse("reader-of-images-1 read the page\nadmin-of-images-22 admin boss"))

    def test_where_things_are_on_the_server_is_for_admins(self, client: Client, index: Index) -> None:
        index.add("a", CAT, source={"path": "/home/someone/a.jpg"})
        reader = {"Authorization": "Bearer reader-of-images-1"}
        admin = {"Authorization": "Bearer admin-of-images-22"}
        stats = client.get("/v1/stats", headers=reader).json()
        assert "index" not in stats
        assert stats["caller"] == {"name": "the page", "scopes": ["read"]}
        assert client.get("/v1/stats", headers=admin).json()["index"] == "memory://"
        for method, path, body in (
            ("GET", "/v1/images/a", None),
            ("GET", "/v1/images", None),
            ("POST", "/v1/search", {"key": "a"}),
            ("GET", "/v1/duplicates", None),
        ):
            assert "someone" not in client.request(method, path, json=body, headers=reader).text
        assert client.get("/v1/images/a", headers=admin).json()["source"] == {"path": "/home/someone/a.jpg"}

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/"])
    def test_health_and_the_page_need_no_token(self, client: Client, path: str) -> None:
        assert client.get(path).status_code == 200
