"""`lookalike serve` as a real process: what it prints, whom it answers, and how it ends."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Timer

import httpx
import pytest

from lookalike import Index
from lookalike.cli.commands.serve import read_private
from lookalike.cli.refused import RefusedError
from tests.lookalike.cli.drawing import png
from tests.lookalike.cli.running import run, start
from tests.lookalike.cli.serving import Server, serving
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[3]
SEED = 20_270_115
KILLS, ADDED_EACH = 3, 50
TOKENS = "0123456789-reader read\n0123456789-writer write  # of the importer\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of one picture."""
    path = tmp_path / "photos.index"
    Index.create(str(path), families=("dhash", "phash")).add("0.png", png(0))
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_answers_and_ends_in_order(index: Path, number: signal.Signals) -> None:
    with serving(index) as server:
        assert server.said == {"status": "serving", "url": f"{server.url}/", "index": str(index), "images": 1}
        assert server.ask("GET", "/healthz").json() == {"status": "ok"}
        added = server.ask("PUT", "/v1/images/a/1.png", content=png(1))
        assert (added.status_code, added.json()["key"]) == (201, "a/1.png")
        (answer,) = server.ask("POST", "/v1/search", files={"file": png(1)}).json()["answers"]
        assert answer["hits"][0]["key"] == "a/1.png"
        asked = "/v1/search?key=a/1.png&family=dhash&min_score=0"
        found = server.ask("GET", asked, headers={"Accept": "application/x-ndjson"}).text.splitlines()
        assert ["key" in line for line in found] == [True, True, False]
        assert server.ask("GET", "/").headers["content-type"] == "text/html; charset=utf-8"
        assert server.ended(number) == (0, "")
    assert Index.open(str(index)).verify().is_clean


def test_people_are_told_the_address_and_how_to_stop_it(index: Path) -> None:
    process = start("serve", index, "--port", 0, "--text", cwd=ROOT)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    process.terminate()
    process.communicate()
    assert line.startswith("http://127.0.0.1:")
    assert line.endswith(f"/  1 image in {index}  (Ctrl-C stops)\n")


def test_the_index_is_made_where_there_is_none(tmp_path: Path) -> None:
    with serving(tmp_path / "new.index") as server:
        assert server.said["images"] == 0
        assert server.ask("GET", "/readyz").status_code == 200
        code, said = server.ended()
    assert code == 0
    assert said.startswith(f"lookalike: there was no index at {tmp_path / 'new.index'}: made a new one, which is empty")
    assert "--must-exist refuses that" in said


def test_no_index_is_made_where_it_must_exist(tmp_path: Path) -> None:
    result = run("serve", tmp_path / "nwe.index", "--port", 0, "--must-exist")
    assert result.exit_code == 2
    assert "nwe.index" in result.stderr
    assert "is not an index" in result.stderr
    assert not (tmp_path / "nwe.index").exists()


def test_the_page_opens_where_it_is_asked_for(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    os.mkfifo(opened)
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    # also for writing, so that it is open before the browser is
    pipe = os.open(opened, os.O_RDWR)
    try:
        with serving(index, "--open") as server:
            assert select.select([pipe], [], [], PATIENCE)[0]
            assert os.read(pipe, 100).decode() == f"{server.url}/\n"
    finally:
        os.close(pipe)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--tokens FILE"),
        (["--tokens", "missing.txt"], "missing.txt: No such file"),
        (["--host", "no.such.host.invalid", "--public-read"], "cannot listen there"),
        (["--cors", "example.org"], "not an origin"),
        (["--cors", "https://example.org/page"], "not an origin"),
        (["--port", "70000"], "70000"),
        (["--max-body", "much"], "not a size"),
        (["--link", "javascript:{url}"], "no template of addresses"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_made(tmp_path: Path, options: Sequence[str], said: str) -> None:
    result = run("serve", tmp_path / "new.index", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "new.index").exists()


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run("serve", tmp_path / "new.index", "--port", port)
    assert result.exit_code == 2
    assert result.stderr == (
        f"lookalike: 127.0.0.1 port {port}: something listens there already; choose another with --port\n"
    )


def test_a_short_upload_secret_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_UPLOAD_SECRET", "secret")
    result = run("serve", index)
    assert result.exit_code == 2
    assert "LOOKALIKE_UPLOAD_SECRET has 6 characters" in result.stderr


@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_tokens_that_every_user_of_this_machine_can_read_are_refused(mode: int) -> None:
    with TemporaryDirectory(dir="/tmp") as place:
        tokens = Path(place) / "my tokens"
        tokens.write_text(TOKENS)
        tokens.chmod(mode)
        assert read_private(tokens) == TOKENS, "nobody else gets into the folder"
        Path(place).chmod(0o755)
        with pytest.raises(RefusedError, match=r"chmod o= '.*my tokens'"):
            read_private(tokens)
        tokens.chmod(0o640)
        assert read_private(tokens) == TOKENS


def test_tokens_come_from_a_file_and_from_the_environment(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokens").write_text(TOKENS)
    monkeypatch.setenv("LOOKALIKE_TOKENS", "0123456789-admin admin")
    with serving(index, "--tokens", tmp_path / "tokens", "--host", "0.0.0.0") as server:
        assert server.url.startswith("http://127.0.0.1:")

        def status(method: str, path: str, name: str | None) -> int:
            headers = {"Authorization": f"Bearer 0123456789-{name}"} if name else {}
            return server.ask(method, path, headers=headers, content=png(1)).status_code

        may = {
            name: [status("GET", "/v1/stats", name), status("PUT", "/v1/images/a", name)]
            for name in ("reader", "writer")
        }
        assert may == {"reader": [200, 403], "writer": [200, 201]}
        assert status("GET", "/v1/stats", None) == 401
        assert [status("GET", "/metrics", name) for name in ("writer", "admin")] == [403, 200]
        code, stderr = server.ended()
    assert (code, stderr) == (0, "")


def test_options_reach_the_service(index: Path) -> None:
    options = ["--public-read", "--no-urls", "--no-page", "--max-body", "1KB", "--cors", "https://example.org"]
    with serving(index, *options, "--access-log") as server:
        limits = server.ask("GET", "/v1/stats").json()["limits"]
        assert (limits["urls"], limits["body"]) == (False, 1000)
        assert server.ask("GET", "/").status_code == 404
        assert server.ask("POST", "/v1/search", content=bytes(1001)).status_code == 413
        assert server.ask("DELETE", "/v1/images/0.png").json()["code"] in ("token-missing", "scope-missing")
        asked = server.ask("GET", "/v1/stats", headers={"Origin": "https://example.org"})
        assert asked.headers["access-control-allow-origin"] == "https://example.org"
        code, said = server.ended()
    assert code == 0
    assert '"GET /v1/stats HTTP/1.1" 200' in said


def test_behind_a_proxy_addresses_begin_with_its_path(index: Path) -> None:
    with serving(index, "--root-path", "/pictures/") as server:
        offer = server.ask("POST", "/v1/uploads", json={"key": "a/1.png"}).json()
        assert offer["url"].startswith("/pictures/v1/uploads/")
        # the proxy takes the path off again
        path = offer["url"].removeprefix("/pictures")
        assert server.ask("PUT", path, content=png(1)).json()["key"] == "a/1.png"
        assert server.ask("GET", "/v1/images/a/1.png").status_code == 200


def test_fresh_images_are_folded_meanwhile(index: Path) -> None:
    with serving(index) as server, server.client() as client:
        for n in range(20):
            assert client.put(f"/v1/images/{n}.png", content=png(n)).status_code < 300
        # a look a second: 20 log objects are folded by the next one or the one after
        for _ in range(100_000):
            stats = client.get("/v1/stats").json()
            if stats["tail"] == 0:
                break
        assert (stats["tail"], stats["images"]) == (0, 20)
        assert server.ended()[0] == 0
    assert Index.open(str(index)).verify().is_clean


class HalfSent:
    """A picture on its way: the server waits for the rest of it."""

    def __init__(self, server: Server, key: str, picture: bytes) -> None:
        self._rest = picture
        self._connection = socket.create_connection(server.address, timeout=PATIENCE)
        head = [f"PUT /v1/images/{key} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(picture)}"]
        self._connection.sendall("\r\n".join([*head, "Expect: 100-continue", "", ""]).encode())
        assert self._connection.recv(1000).startswith(b"HTTP/1.1 100")

    def __enter__(self) -> HalfSent:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def finish(self) -> bytes:
        """Send the rest; the answer."""
        self._connection.sendall(self._rest)
        with self._connection.makefile("rb") as answer:
            return answer.read()


def wait_until_closed(address: tuple[str, int]) -> None:
    """Until nobody listens there any more."""
    while True:
        try:
            socket.create_connection(address, timeout=PATIENCE).close()
        except ConnectionError:
            return


def test_what_is_under_way_is_finished_and_nothing_new_is_taken(index: Path) -> None:
    with serving(index) as server, HalfSent(server, "late.png", png(5)) as request:
        server.process.terminate()
        wait_until_closed(server.address)
        assert request.finish().startswith(b"HTTP/1.1 201")
        _, stderr = server.process.communicate(timeout=PATIENCE)
        assert (server.process.returncode, stderr) == (0, b"")
    assert Index.open(str(index)).get("late.png").image.key == "late.png"


def test_a_second_ctrl_c_does_not_wait(index: Path) -> None:
    with serving(index) as server, HalfSent(server, "late.png", png(5)):
        server.process.send_signal(signal.SIGINT)
        wait_until_closed(server.address)
        code, said = server.ended(signal.SIGINT)
    assert code == 130
    assert "interrupted; the index is whole" in said


@pytest.mark.long
def test_whatever_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    moments = random.Random(SEED)
    address = tmp_path / "photos.index"
    Index.create(str(address), families=("dhash",))
    numbers = count()
    safe: list[str] = []
    killed = 0
    for _ in range(KILLS):
        stop_at = len(safe) + ADDED_EACH
        with serving(address, "--jobs", 2) as server:
            timer, is_started = Timer(moments.uniform(0, 0.05), server.process.kill), Lock()

            def may_end(stop_at: int = stop_at) -> bool:
                """Return whether enough were added and, by the second server, which finds many, some were folded."""
                return len(safe) >= stop_at and (stop_at == ADDED_EACH or Index.open(str(address)).stats().version > 0)

            def add_until_killed(
                server: Server = server,
                timer: Timer = timer,
                is_started: Lock = is_started,
                may_end: Callable[[], bool] = may_end,
            ) -> None:
                with server.client() as client:
                    while True:
                        n = next(numbers)
                        try:
                            response = client.put(f"/v1/images/{n}.png", content=png(n))
                        except httpx.TransportError:
                            return
                        if response.status_code == 429:
                            continue  # more waits to be folded than may: it was not added
                        assert response.status_code == 201, response.text
                        safe.append(f"{n}.png")
                        if may_end() and is_started.acquire(blocking=False):
                            timer.start()

            with ThreadPoolExecutor(4) as threads:
                for done in [threads.submit(add_until_killed) for _ in range(4)]:
                    done.result()
            # the signing processes have the server's stderr: it is at its end only when the last of them has gone
            _, stderr = server.process.communicate(timeout=PATIENCE)
            killed += server.process.returncode == -signal.SIGKILL
            assert stderr == b""
        index = Index.open(str(address))
        assert index.verify().problems == ()
        assert {image.key for image in index.list()} >= set(safe)
    assert killed == KILLS
    assert len(safe) >= KILLS * ADDED_EACH
    assert index.stats().version > 0
