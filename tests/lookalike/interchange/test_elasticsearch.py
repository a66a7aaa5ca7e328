"""An Elasticsearch that runs: all its documents come over, page by page, and what it refuses is said."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from lookalike.interchange.documents import DocumentsDump, live
from lookalike.interchange.documents.live import ElasticsearchIndex
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.sources import Source
from shards.errors import DumpUnreadable
from tests.lookalike.interchange.reading import INTEROP, Read, gathered, read

DATA = INTEROP / "image-match"


class StandIn:
    """As much of Elasticsearch as an import asks: counting, the first page of a scroll, the next ones, and its end."""

    def __init__(self, name: str = "elasticdump") -> None:
        with gzip.open(DATA / f"{name}.jsonl.gz") as file:
            self.hits = [json.loads(line) for line in file]
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[Any] = []
        self.scrolls: set[str] = set()
        self.status = 200
        self.failed = 0
        self.breaks_at: int | None = None
        self.total: Any = {"value": len(self.hits), "relation": "eq"}
        self._at = 0

    def answer(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        self.asked.append((method, path, body))
        if self.status != 200:
            return self.status, json.dumps({"error": {"reason": "as it is"}, "status": self.status}).encode()
        if path == "/images/_count":
            return 200, json.dumps({"count": len(self.hits), "_shards": {"total": 1}}).encode()
        if method == "DELETE":
            self.scrolls -= set(body["scroll_id"])
            return 200, b'{"succeeded":true}'
        if path.startswith("/images/_search?scroll="):
            self._at = 0
            self.size = body["size"]
        elif path != "/_search/scroll" or body["scroll_id"] not in self.scrolls:
            return 404, b'{"error":"no such index [images]"}'
        page = self.hits[self._at : self._at + self.size]
        self._at += len(page)
        scroll = f"page {self._at}"
        self.scrolls = {scroll}
        made = {
            "_scroll_id": scroll,
            "took": 1,
            "_shards": {"total": 5, "failed": self.failed},
            "hits": {"total": self.total, "max_score": None, "hits": page},
        }
        text = json.dumps(made).encode()
        return 200, text[:1000] if self.breaks_at is not None and self._at >= self.breaks_at else text


@contextmanager
def served(stand_in: StandIn) -> Iterator[str]:
    """Serve on 127.0.0.1; the address of the index."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            stand_in.headers.append(self.headers)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, text = stand_in.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - names that the server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/images"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reading_of(address: str, **options: Any) -> Read:
    return gathered(ElasticsearchIndex.open(address, DumpOptions(**options)))


@pytest.mark.parametrize("name", ["elasticdump", "elasticdump-nested"])
def test_what_comes_from_a_server_is_what_its_dump_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAGE", 10)
    monkeypatch.setattr(live, "TOGETHER", 3)
    stand_in = StandIn(name)
    with served(stand_in) as address:
        found = reading_of(address)
    dumped = read(DocumentsDump, DATA / f"{name}.jsonl.gz")
    assert (found.keys, found.texts, found.meta) == (dumped.keys, dumped.texts, dumped.meta)
    assert found.exit_code == 0
    first = next(body for method, _, body in stand_in.asked if method == "POST")
    assert first["_source"] == {"excludes": ["simple_word_*", "*.simple_word_*"]}
    assert len(stand_in.asked) == 1 + 6 + 1
    assert not stand_in.scrolls, "the server keeps no place for an import that is over"


def test_ids_can_be_keys_and_older_servers_count_in_a_number() -> None:
    stand_in = StandIn("duplicates")
    stand_in.total = 8
    with served(stand_in) as address:
        assert len(set(reading_of(address, key="_id").keys)) == 8


def test_user_and_password_are_sent_and_never_shown() -> None:
    stand_in = StandIn()
    with served(stand_in) as address:
        whole = address.replace("http://", "http://me:secr%40t@")
        found = Source(whole, DumpOptions())
        assert "secr" not in found.name
        assert found.content() is None
        assert len(gathered(found.open()).keys) == 43
        stand_in.status = 401
        with pytest.raises(DumpUnreadable, match="user and password") as told:
            found.open()
        assert "secr" not in str(told.value)
    assert {headers["Authorization"] for headers in stand_in.headers} == {"Basic bWU6c2VjckB0"}


def test_a_page_that_breaks_off_leaves_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAGE", 10)
    stand_in = StandIn()
    stand_in.breaks_at = 20
    with served(stand_in) as address:
        found = reading_of(address)
    assert (len(found.keys), found.exit_code) == (10, 1)
    assert any("after 10 documents" in told for told in found.said)
    assert "10 of 43: the response holds fewer than it says" in found.said


def test_shards_that_did_not_answer_are_told_of() -> None:
    stand_in = StandIn()
    stand_in.failed = 2
    with served(stand_in) as address:
        found = reading_of(address)
    assert found.exit_code == 1
    assert "2 shards of the index did not answer" in found.said


@pytest.mark.parametrize(("status", "words"), [(404, "no such index"), (500, "it answers 500: as it is")])
def test_what_a_server_refuses_is_said(status: int, words: str) -> None:
    stand_in = StandIn()
    stand_in.status = status
    with served(stand_in) as address, pytest.raises(DumpUnreadable, match=words):
        reading_of(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1", "name the index"),
        ("http://127.0.0.1:1/a/b", "name the index"),
        ("http://127.0.0.1:1/_all", "name the index"),
        ("http://127.0.0.1:x/images", "no address"),
        ("http://127.0.0.1:1/images", "127.0.0.1:1/images"),
    ],
)
def test_addresses_that_lead_nowhere_are_refused(address: str, words: str) -> None:
    with pytest.raises(DumpUnreadable, match=words):
        reading_of(address)


def test_an_address_is_no_source_of_another_kind() -> None:
    with pytest.raises(DumpUnreadable, match="an address of Elasticsearch, not of iqdb"):
        Source("http://127.0.0.1:1/images", DumpOptions(), "iqdb")
    with pytest.raises(DumpUnreadable, match="--null"):
        ElasticsearchIndex.open("http://127.0.0.1:1/images", DumpOptions(null="x"))
