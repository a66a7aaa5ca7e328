"""The pictures themselves: the file that was added, and its small copy."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path
from urllib.parse import urljoin

import anyio
import numpy as np
import pytest
from anyio.from_thread import BlockingPortal
from PIL import Image
from starlette.types import Message

from lookalike import Index, PictureError, Record
from lookalike.web.api.content import PIECE
from shards.families import family
from tests.lookalike.web.conftest import CAT, FAMILIES, RACCOON, Client, add, problem
from tests.shards.table.synthetic import make_store
from tests.world import FakeWorld

ROWS = {name: np.zeros(1, family(name).dtype)[0] for name in FAMILIES}

DIGEST = sha256(CAT).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "cat.jpg"
    file.write_bytes(CAT)
    return file


@pytest.fixture
def index(index: Index, file: Path) -> Index:
    add(index, "cat", CAT, path=file)
    return index


def test_the_file_is_read_from_where_it_was_added(client: Client) -> None:
    response = client.get("/v1/images/cat/content")
    assert (response.status_code, response.content) == (200, CAT)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["etag"] == f'"{DIGEST}"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-disposition"] == "inline"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("part", ["content", "thumbnail"])
def test_under_its_own_digest_a_picture_may_be_kept_for_ever(client: Client, part: str) -> None:
    kept = client.get(f"/v1/images/cat/{part}?v={DIGEST}")
    assert kept.headers["cache-control"] == "private, max-age=31536000, immutable"
    other = client.get(f"/v1/images/cat/{part}?v={'0' * 64}")
    assert (other.status_code, other.headers["cache-control"]) == (200, "private, no-cache")


@pytest.mark.parametrize("part", ["content", "thumbnail"])
@pytest.mark.parametrize("known", [f'"{DIGEST}"', f'W/"{DIGEST}"', f'"x", "{DIGEST}"', "*"])
def test_a_picture_that_the_client_has_is_not_sent_again(client: Client, part: str, known: str) -> None:
    response = client.get(f"/v1/images/cat/{part}", headers={"If-None-Match": known})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == f'"{DIGEST}"'
    assert client.get(f"/v1/images/cat/{part}", headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_file_that_is_changed_or_gone_is_not_the_picture_any_more(client: Client, file: Path) -> None:
    file.write_bytes(RACCOON)
    changed = client.get("/v1/images/cat/content")
    assert (changed.status_code, problem(changed)["code"]) == (404, "not-found")
    assert str(file) not in changed.text
    file.unlink()
    assert client.get("/v1/images/cat/content").status_code == 404
    assert client.get("/v1/images/cat/thumbnail").status_code == 200


@pytest.mark.parametrize("key", ["cat", "zoo/a%2Fb/sent", "%2Fcontent"])
def test_instead_of_an_original_that_is_not_available_a_client_may_be_led_to_the_thumbnail(
    client: Client, file: Path, key: str
) -> None:
    path = f"/v1/images/{key}/content?fallback=thumbnail"
    if key == "cat":
        assert client.get(path).content == CAT
        file.unlink()
    else:
        client.put(f"/v1/images/{key.replace('/', '%2F')}", content=CAT)
    led = client.get(path)
    assert (led.status_code, led.headers["cache-control"]) == (307, "no-store")
    assert "etag" not in led.headers, "that of the original, which it is not"
    there = urljoin(path, led.headers["location"])
    assert there == f"/v1/images/{key}/thumbnail?v={DIGEST}"
    small = client.get(there)
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    assert "immutable" in small.headers["cache-control"]


def test_an_original_that_this_machine_was_not_told_of_is_not_available(
    client: Client, index: Index, tmp_path: Path
) -> None:
    path = tmp_path / "raccoon.jpg"
    path.write_bytes(RACCOON)
    index.add("foreign", RACCOON, source={"path": str(path)})
    assert client.get("/v1/images/foreign/content").status_code == 404
    assert client.get("/v1/images/foreign/content?fallback=thumbnail").status_code == 307
    index.trust_originals(path)
    assert client.get("/v1/images/foreign/content?fallback=thumbnail").content == RACCOON


def test_no_other_fallback_is_known(client: Client) -> None:
    assert client.get("/v1/images/cat/content?fallback=nothing").status_code == 422


def test_a_large_file_is_sent_piece_by_piece_as_the_client_takes_them(
    index: Index, fresh: Client, tmp_path: Path, portal: BlockingPortal
) -> None:
    large = CAT + bytes(8 << 20)
    path = tmp_path / "large.jpg"
    path.write_bytes(large)
    index.write([Record("large", (1, 1), source={"path": str(path)}, rows=ROWS, sha256=sha256(large).digest())])
    index.trust_originals(path)
    assert fresh.get("/v1/images/large/content").content == large
    head = fresh.request("HEAD", "/v1/images/large/content")
    assert (head.headers["content-length"], head.content) == (str(len(large)), b"")

    async def scene() -> list[int]:
        """What is held while the client takes nothing but the beginning."""
        taken: list[Message] = []
        held: list[int] = []
        asked: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if not asked:
                await anyio.sleep_forever()
            return asked.pop()

        async def send(message: Message) -> None:
            taken.append(message)
            if len(taken) == 5:
                held.append(fresh.service.limiter.held)
                raise ConnectionResetError

        path = "/v1/images/large/content"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
        }
        with pytest.raises((ConnectionResetError, ExceptionGroup)):
            await fresh.app(scope, receive, send)
        return held

    [held] = portal.call(scene)
    assert 0 < held <= 2 * PIECE


def test_a_file_that_changes_while_it_is_sent_is_not_sent_to_its_end(file: Path, index: Index) -> None:
    image = index.get("cat").image
    original = index.open_content(image)
    assert original is not None
    with original:
        assert original.read(100) == CAT[:100]
        with file.open("r+b") as changed:
            changed.write(b"x")
        os.utime(file, ns=(1, 1))
        with pytest.raises(PictureError, match="changes while"):
            original.read(100)


def test_a_picture_that_was_sent_here_has_a_thumbnail_and_no_file(client: Client) -> None:
    client.put("/v1/images/sent", content=CAT)
    assert client.get("/v1/images/sent/content").status_code == 404
    small = client.get("/v1/images/sent/thumbnail")
    assert small.headers["content-type"] == "image/webp"
    assert max(Image.open(io.BytesIO(small.content)).size) == 256


class TestOfAnIndexWithoutThumbnails:
    @pytest.fixture
    def index(self, world: FakeWorld, file: Path) -> Index:
        index = Index.create(make_store(world), thumbnails=0, effects=world)
        index.add("cat", CAT, source={"path": str(file)})
        index.trust_originals(file)
        index.add("sent", RACCOON)
        return index

    def test_a_thumbnail_is_drawn_from_the_file(self, client: Client) -> None:
        small = client.get("/v1/images/cat/thumbnail")
        assert small.headers["content-type"] == "image/webp"
        assert max(Image.open(io.BytesIO(small.content)).size) == 256

    def test_there_is_none_where_there_is_no_file(self, client: Client) -> None:
        assert problem(client.get("/v1/images/sent/thumbnail"))["code"] == "not-found"


@pytest.mark.parametrize("part", ["content", "thumbnail"])
def test_of_an_image_whose_bytes_are_unknown_there_is_no_picture_that_could_be_known(
    client: Client, index: Index, file: Path, part: str
) -> None:
    index.write([Record("imported", (1, 1), source={"path": str(file)}, rows=ROWS)])
    assert client.get("/v1/images/imported").json()["sha256"] is None
    for headers in ({}, {"if-none-match": '""'}, {"if-none-match": "*"}):
        assert client.get(f"/v1/images/imported/{part}?v=", headers=headers).status_code == 404
    redirect = client.get("/v1/images/imported/content?fallback=thumbnail", follow_redirects=False)
    assert redirect.headers["location"] == "thumbnail"


@pytest.mark.parametrize("part", ["content", "thumbnail"])
def test_an_unknown_key_has_no_picture(client: Client, part: str) -> None:
    assert problem(client.get(f"/v1/images/nobody/{part}"))["code"] == "key-not-found"


@pytest.mark.parametrize("part", ["content", "thumbnail"])
def test_a_pipe_that_an_index_names_is_not_waited_for(client: Client, index: Index, tmp_path: Path, part: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for n, path in enumerate(("/dev/zero", tmp_path / "pipe")):
        index.write([Record(f"{n}", (1, n), source={"path": str(path)}, rows=ROWS, sha256=bytes([n]) * 32)])
        assert client.get(f"/v1/images/{n}/{part}").status_code == 404
        index.trust_originals(tmp_path, "/dev")
        assert client.get(f"/v1/images/{n}/{part}").status_code == 404


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(CAT)).convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "sent_as"),
    [
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("MPO", "image/jpeg"),
        ("PPM", None),
        ("PCX", None),
        ("TGA", None),
    ],
)
def test_only_what_browsers_show_as_pictures_is_shown_in_one(
    client: Client, index: Index, tmp_path: Path, kind: str, sent_as: str | None
) -> None:
    data = encoded(kind)
    path = tmp_path / "picture"
    path.write_bytes(data)
    index.add("picture", data, source={"path": str(path)})
    index.trust_originals(tmp_path)
    response = client.get("/v1/images/picture/content")
    assert response.content == data
    assert response.headers["content-type"] == (sent_as or "application/octet-stream")
    assert response.headers["content-disposition"] == ("inline" if sent_as else "attachment")
