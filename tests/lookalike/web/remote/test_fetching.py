"""Pictures from other sites: what is connected to, what is asked, and what is taken."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from lookalike.web.http.problems import Problem
from lookalike.web.remote import network
from lookalike.web.remote.addresses import Address
from lookalike.web.remote.fetching import REDIRECTS, Fetched, Fetcher
from lookalike.web.remote.turns import AT_ONCE, BY_CALLER, FROM_TARGET
from lookalike.web.settings import WebSettings
from tests.lookalike.web.unhurried import unhurried
from tests.lookalike.web.virtual_time import now, run, settle
from tests.patience import PATIENCE

PUBLIC, OTHER, PRIVATE = "93.184.216.34", "2606:2800:220:1::1", "10.0.0.5"

Pieces = AsyncIterator[bytes]


def page(body: bytes = b"picture", status: str = "200 OK", **headers: str) -> bytes:
    """An answer as it goes over the network."""
    given = {"content_type": "image/jpeg", "content_length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return page(b"", status, location=location)


@dataclass(eq=False)
class Internet(httpcore.AsyncNetworkBackend):
    """Sites by their addresses, and what was done to reach them.

    `sites`: from an address to its answers, by URL path or for every path. `names`: from a name to what successive
    lookups find.
    """

    sites: dict[str, Any] = field(default_factory=dict)
    names: dict[str, list[list[str]]] = field(default_factory=dict)
    connected: list[tuple[str, int]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tls: list[tuple[str | None, ssl.SSLContext]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    connections: set[Connection] = field(default_factory=set)

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self.connections)

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        if host not in self.sites:
            raise httpcore.ConnectError("refused")
        site = self.sites[host]
        if site is None:
            await asyncio.sleep(5)
            raise httpcore.ConnectTimeout
        connection = Connection(self, site)
        self.connections.add(connection)
        return connection

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        self.looked_up.append(host)
        if host not in self.names:
            raise OSError("Name or service not known")
        found = self.names[host]
        return [ip_address(one) for one in (found.pop(0) if len(found) > 1 else found[0])]


class Connection(httpcore.AsyncNetworkStream):
    def __init__(self, internet: Internet, site: Any) -> None:
        self._internet = internet
        self._site = site
        self._request = b""
        self._pieces: AsyncIterator[bytes] | None = None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._request += buffer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._pieces is None:
            request = self._request.decode()
            self._internet.requests.append(request)
            answer = self._site[request.split()[1]] if isinstance(self._site, dict) else self._site
            self._pieces = answer() if callable(answer) else one_by_one([answer])
        return await anext(self._pieces, b"")

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self._internet.tls.append((server_hostname, ssl_context))
        return self

    async def aclose(self) -> None:
        self._internet.connections.discard(self)


async def one_by_one(pieces: Iterable[bytes]) -> Pieces:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def site(answer: Any, **names: list[str]) -> Internet:
    """An internet in which a.example is at a public address and answers so."""
    return Internet(
        {PUBLIC: answer}, {"a.example": [[PUBLIC]]} | {f"{name}.example": [at] for name, at in names.items()}
    )


def fetcher(internet: Internet, **settings: Any) -> Fetcher:
    return Fetcher(WebSettings(**settings), resolve=internet.resolve, network=internet)


def fetch(internet: Internet, url: str = "http://a.example/cat.jpg", **settings: Any) -> Fetched:
    async def scene() -> Fetched:
        try:
            return await fetcher(internet, **settings).fetch(url)
        finally:
            await settle()
            assert internet.open == 0, "a connection was left open"

    return run(scene())


def refusal(internet: Internet, url: str = "http://a.example/cat.jpg", **settings: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        fetch(internet, url, **settings)
    return caught.value


def test_a_picture_is_fetched_as_it_is() -> None:
    internet = site(page(b"\xff\xd8picture", content_type="Image/JPEG; charset=binary"))
    assert fetch(internet) == Fetched(b"\xff\xd8picture", "image/jpeg", "http://a.example/cat.jpg")


def test_a_request_says_who_asks_and_nothing_else() -> None:
    internet = site(page())
    fetch(internet, "http://a.example:8080/cat.jpg?size=l#top")
    assert internet.connected == [(PUBLIC, 8080)]
    head, *lines = internet.requests[0].strip().split("\r\n")
    assert head == "GET /cat.jpg?size=l HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers.pop("User-Agent").startswith("lookalike/")
    assert headers == {
        "Host": "a.example:8080",
        "Accept": "image/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.5:3128")
    internet = site(page())
    fetch(internet)
    assert internet.connected == [(PUBLIC, 80)]


def test_over_tls_the_certificate_has_to_be_that_of_the_name() -> None:
    internet = site(page())
    fetch(internet, "https://a.example/cat.jpg")
    assert internet.connected == [(PUBLIC, 443)]
    [(name, context)] = internet.tls
    assert name == "a.example"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert "Host: a.example\r\n" in internet.requests[0]


def test_switched_off_nothing_is_looked_up() -> None:
    internet = site(page())
    problem = refusal(internet, urls=False)
    assert (problem.status, problem.code) == (403, "url-refused")
    assert internet.looked_up == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://[fd00:ec2::254]/",
        "http://[::ffff:10.0.0.5]/", "http://0.0.0.0:8000/", "http://localhost/", "http://localhost./", "http://inner/",
        "http://both.example/", "http://both6.example/",
    ],
)  # fmt: skip
def test_what_is_not_public_is_never_connected_to(url: str) -> None:
    internet = Internet(
        {PRIVATE: page(), "127.0.0.1": page(), PUBLIC: page()},
        {
            "localhost": [["127.0.0.1", "::1"]],
            "inner": [[PRIVATE]],
            "both.example": [[PUBLIC, PRIVATE]],
            "both6.example": [[OTHER, "::ffff:127.0.0.1"]],
        },
    )
    problem = refusal(internet, url)
    assert (problem.status, problem.code) == (403, "url-refused")
    assert internet.connected == []


def test_a_refusal_does_not_tell_the_address_of_a_name() -> None:
    problem = refusal(Internet({}, {"inner": [[PRIVATE]]}), "http://inner/")
    assert PRIVATE not in str(problem.document())


def test_a_name_that_changes_its_address_gets_what_was_checked() -> None:
    internet = Internet({PUBLIC: page(), PRIVATE: page(b"secret")}, {"a.example": [[PUBLIC], [PRIVATE]]})
    assert fetch(internet).data == b"picture"
    assert internet.connected == [(PUBLIC, 80)]
    assert internet.looked_up == ["a.example"]


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    internet = Internet({PUBLIC: page(), OTHER: None}, {"a.example": [[OTHER, "8.8.8.8", PUBLIC]]})
    assert fetch(internet).data == b"picture"
    assert [address for address, _ in internet.connected] == [OTHER, "8.8.8.8", PUBLIC]


def test_not_all_of_a_thousand_addresses_are_tried() -> None:
    internet = Internet({}, {"a.example": [[f"8.8.{i}.8" for i in range(250)]]})
    problem = refusal(internet)
    assert (problem.status, problem.code) == (502, "url-failed")
    assert len(internet.connected) == 4


def test_a_name_that_is_none_fails() -> None:
    problem = refusal(Internet())
    assert (problem.status, problem.code) == (502, "url-failed")
    assert "no host a.example" in problem.detail
    assert refusal(Internet({}, {"a.example": [[]]})).code == "url-failed"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 Moved"])
def test_a_redirect_is_followed(status: str) -> None:
    internet = site({"/cat.jpg": redirect("../b/dog.png?x=1#y", status), "/b/dog.png?x=1": page(b"dog")})
    assert fetch(internet) == Fetched(b"dog", "image/jpeg", "http://a.example/b/dog.png?x=1")


def test_a_redirect_to_another_site_is_looked_up_and_checked_anew() -> None:
    internet = Internet(
        {PUBLIC: redirect("https://b.example/dog.png"), OTHER: page(b"dog")},
        {"a.example": [[PUBLIC]], "b.example": [[OTHER]]},
    )
    assert fetch(internet).data == b"dog"
    assert internet.connected == [(PUBLIC, 80), (OTHER, 443)]
    assert "Host: b.example\r\n" in internet.requests[1]


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.5/", "http://inner/", "//127.0.0.1/", "http://[::1]/", "http://2130706433/", "file:///etc/passwd",
        "gopher://a.example/", "http://me:secret@a.example/", "http://a.example:25/", "http://[",
    ],
)  # fmt: skip
def test_a_redirect_leads_nowhere_that_may_not_be_asked(location: str) -> None:
    internet = site(redirect(location))
    internet.names["inner"] = [[PRIVATE]]
    problem = refusal(internet)
    assert problem.code in ("url-refused", "url-failed")
    assert internet.connected == [(PUBLIC, 80)]
    assert "secret" not in str(problem.document())


def test_a_redirect_does_not_lead_out_of_tls() -> None:
    problem = refusal(site(redirect("http://a.example/dog.jpg")), "https://a.example/cat.jpg")
    assert (problem.status, problem.code) == (403, "url-refused")
    assert "https to http" in problem.detail


def test_a_circle_of_redirects_ends() -> None:
    internet = site(redirect("/cat.jpg"))
    problem = refusal(internet)
    assert (problem.status, problem.code) == (502, "url-failed")
    assert len(internet.connected) == REDIRECTS + 1


def test_as_many_redirects_as_are_allowed_are_followed() -> None:
    steps: dict[str, bytes] = {f"/{i}": redirect(f"/{i + 1}") for i in range(REDIRECTS)}
    assert fetch(site({**steps, f"/{REDIRECTS}": page(b"at last")}), "http://a.example/0").data == b"at last"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (page(status="404 Not Found"), "404 Not Found"),
        (page(status="500 Oops <script>"), "500 Internal Server Error"),
        (page(status="206 Partial Content"), "206"),
        (page(status="304 Not Modified"), "304"),
        (page(status="799 Mine"), "799"),
        (page(b"", status="302 Found"), "without a Location"),
        (b"", "not valid HTTP"),
        (b"SSH-2.0-OpenSSH_9\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, "not valid HTTP"),
        (page(content_length="8"), "broke off"),
        (page(content_length="x"), "not valid HTTP"),
        (page(b"zz\r\npicture", content_length="", transfer_encoding="chunked"), "not valid HTTP"),
    ],
)
def test_what_is_no_answer_with_a_picture_fails(answer: bytes, says: str) -> None:
    problem = refusal(site(answer))
    assert (problem.status, problem.code) == (502, "url-failed")
    assert says in problem.detail
    assert "script" not in str(problem.document())


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/json", "video/mp4", "image/", "*/*"])
def test_what_says_it_is_no_picture_is_not_read(media_type: str) -> None:
    problem = refusal(site(page(content_type=media_type)))
    assert (problem.status, problem.code) == (415, "url-not-a-picture")


@pytest.mark.parametrize("media_type", ["image/x-new", "application/octet-stream", "binary/octet-stream", ""])
def test_what_says_nothing_is_read(media_type: str) -> None:
    assert fetch(site(page(content_type=media_type))).data == b"picture"


def test_what_was_packed_small_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(1 << 20))
    problem = refusal(site(page(bomb, content_encoding="gzip")))
    assert (problem.status, problem.code) == (502, "url-failed")
    assert fetch(site(page(bomb))).data == bomb


def test_a_length_that_is_too_much_is_believed() -> None:
    problem = refusal(site(page(b"", content_length="8")), url_bytes=7)
    assert (problem.status, problem.code) == (413, "url-too-large")
    assert "7 bytes" in problem.detail


def test_exactly_the_most_is_taken() -> None:
    assert fetch(site(page(b"1234567")), url_bytes=7).data == b"1234567"


def test_what_comes_after_the_length_is_not_part_of_it() -> None:
    assert fetch(site(page(b"picture and more", content_length="7"))).data == b"picture"


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_without_end_ends_at_the_most(is_chunked: bool) -> None:
    sent = 0

    async def endless() -> Pieces:
        nonlocal sent
        yield page(b"", content_length="", transfer_encoding="chunked" if is_chunked else "")
        while True:
            await asyncio.sleep(0)
            sent += 1000
            yield b"3e8\r\n" + b"x" * 1000 + b"\r\n" if is_chunked else b"x" * 1000

    problem = refusal(site(endless), url_bytes=10_000)
    assert (problem.status, problem.code) == (413, "url-too-large")
    assert sent <= 12_000


async def trickle() -> Pieces:
    yield page(b"", content_length="1000000")
    while True:
        await asyncio.sleep(1)
        yield b"x"


async def silence() -> Pieces:
    await asyncio.sleep(1e6)
    yield b""


async def slow_circle() -> Pieces:
    await asyncio.sleep(8)
    yield redirect("/cat.jpg")


async def more_to_come() -> Pieces:
    while True:
        await asyncio.sleep(1)
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n"


@pytest.mark.parametrize("answer", [trickle, silence, slow_circle, more_to_come])
def test_all_of_it_has_to_be_there_in_time(answer: Callable[[], Pieces]) -> None:
    async def scene() -> None:
        internet = site(answer)
        with pytest.raises(Problem) as caught:
            await fetcher(internet, url_seconds=20).fetch("http://a.example/cat.jpg")
        assert (caught.value.status, caught.value.code) == (504, "url-timeout")
        assert now() == pytest.approx(20)
        await settle()
        assert internet.open == 0

    run(scene())


def test_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    async def scene() -> None:
        async def never(host: str, port: int) -> Sequence[Address]:
            await asyncio.sleep(1e6)
            return []

        with pytest.raises(Problem) as caught:
            await Fetcher(WebSettings(url_seconds=3), resolve=never, network=Internet()).fetch("http://a.example/")
        assert caught.value.code == "url-timeout"
        assert now() == pytest.approx(3)

    run(scene())


async def slow() -> Pieces:
    await asyncio.sleep(15)
    yield page()


def test_a_target_is_asked_for_a_few_pictures_at_once() -> None:
    async def scene() -> None:
        internet = site(slow)
        fetching = fetcher(internet, url_seconds=40)
        tasks = [asyncio.create_task(fetching.fetch("http://a.example/cat.jpg")) for _ in range(FROM_TARGET + 1)]
        await asyncio.sleep(1)
        assert internet.open == FROM_TARGET
        assert all(fetched.data == b"picture" for fetched in await asyncio.gather(*tasks))
        assert now() == pytest.approx(30)

    run(scene())


def test_other_targets_are_asked_meanwhile_but_not_too_many() -> None:
    async def scene() -> None:
        names = [f"site{i}" for i in range(AT_ONCE + 1)]
        addresses = {name: f"93.184.216.{i + 40}" for i, name in enumerate(names)}
        internet = Internet(
            dict.fromkeys(addresses.values(), slow), {f"{name}.example": [[at]] for name, at in addresses.items()}
        )
        fetching = fetcher(internet, url_seconds=40)
        tasks = [asyncio.create_task(fetching.fetch(f"http://{name}.example/")) for name in names]
        await asyncio.sleep(1)
        assert internet.open == AT_ONCE
        await asyncio.gather(*tasks)
        assert now() == pytest.approx(30)

    run(scene())


def test_waiting_for_a_turn_is_a_part_of_the_time() -> None:
    async def scene() -> None:
        fetching = fetcher(site(slow), url_seconds=20)
        tasks = [asyncio.create_task(fetching.fetch("http://a.example/cat.jpg")) for _ in range(FROM_TARGET)]
        await settle()
        with pytest.raises(Problem) as caught:
            await fetching.fetch("http://a.example/cat.jpg")
        assert (caught.value.code, now()) == ("url-timeout", pytest.approx(20))
        await asyncio.gather(*tasks)

    run(scene())


def test_a_request_with_little_time_left_gets_no_more() -> None:
    async def scene() -> None:
        for left, at in ((5, 5), (-1, 5)):
            with pytest.raises(Problem) as caught:
                await fetcher(site(slow)).fetch("http://a.example/cat.jpg", seconds=left)
            assert (caught.value.code, now()) == ("url-timeout", pytest.approx(at))

    run(scene())


def test_a_caller_with_too_many_addresses_is_told_so_and_others_are_not() -> None:
    async def scene() -> None:
        fetching = fetcher(site(silence), url_seconds=20)

        async def refused(caller: str) -> str:
            with pytest.raises(Problem) as caught:
                await fetching.fetch("http://a.example/cat.jpg", caller=caller)
            return caught.value.code

        many = [asyncio.create_task(refused("greedy")) for _ in range(BY_CALLER)]
        await settle()
        assert (await refused("greedy"), now()) == ("too-busy", 0)
        assert (await refused("other"), now()) == ("url-timeout", pytest.approx(20))
        assert set(await asyncio.gather(*many)) == {"url-timeout"}
        assert (fetching._turns._of_caller, fetching._turns._targets) == ({}, {})

    run(scene())


def test_a_request_that_is_given_up_closes_its_connection() -> None:
    async def scene() -> None:
        internet = site(silence)
        task = asyncio.create_task(fetcher(internet).fetch("http://a.example/cat.jpg"))
        await settle()
        assert internet.open == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert internet.open == 0

    run(scene())


async def at_a_real_server(answer: bytes, ask: Callable[[int], Awaitable[Fetched]]) -> tuple[Fetched, list[bytes]]:
    """Return the result of fetching from a server of this machine, and the requests that the server got."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        return await ask(server.sockets[0].getsockname()[1]), asked


def test_over_a_real_network_with_the_names_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "CONNECT_SECONDS", PATIENCE)
    fetching = Fetcher(unhurried(), is_allowed=lambda address: address.is_loopback)
    body = bytes(range(256)) * 4000
    found, [request] = asyncio.run(
        at_a_real_server(page(body), lambda port: fetching.fetch(f"http://localhost:{port}/cat.jpg"))
    )
    assert found.data == body
    assert b"Host: localhost:" in request


def test_over_a_real_network_this_machine_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        asyncio.run(at_a_real_server(page(), lambda port: Fetcher(unhurried()).fetch(f"http://localhost:{port}/")))
    assert caught.value.code == "url-refused"
