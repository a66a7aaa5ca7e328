"""Every command of docs/api.md works as it stands there, against a real server."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from demo.place import PICTURES
from demo.report import POSTCARD
from lookalike import Index
from lookalike.web import create_app
from lookalike.web.dependencies import service_of
from lookalike.web.http import problems
from lookalike.web.http.access import Tokens
from lookalike.web.settings import WebSettings
from tests.lookalike.web.unhurried import unhurried
from tests.patience import PATIENCE

PAGE = Path(__file__).parents[4] / "docs" / "api.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
TOKEN = "a-token-for-the-page"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a new index."""
    settings = unhurried(WebSettings(tokens=Tokens.parse(f"{TOKEN} admin")))
    index = Index.create(str(tmp_path_factory.mktemp("served") / "photos.index"))
    app = create_app(index, settings)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who connects before the server runs waits for it
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
    service_of(app).pool.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files and the server that the page's commands need."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(PICTURES, folder / "photos")
    shutil.copy(POSTCARD, folder / "copy.jpg")
    # the page leaves the header out: curl reads it here
    (folder / ".curlrc").write_text(f'header = "Authorization: Bearer {TOKEN}"\n')
    return folder


def run(server: str, folder: Path, script: str) -> str:
    environment = {
        "SERVER": server,
        "TOKEN": TOKEN,
        "CURL_HOME": str(folder),
        "HOME": str(folder),
        "NO_PROXY": "*",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_s_commands_work_from_top_to_bottom(server: str, folder: Path) -> None:
    said = [run(server, folder, block) for block in BLOCKS]
    assert sum(block.count("curl ") for block in BLOCKS) == TEXT.count("curl ") > 15
    adding = next(out for out in said if '"added"' in out and '"pets/cat.jpg"' in out)
    assert '"key-exists"' in adding
    assert '"added":2' in adding or '"added":1,"replaced":1' in adding
    asking = next(out for out in said if '"took_ms"' in out)
    first = json.JSONDecoder().raw_decode(asking)[0]
    assert first["answers"][0]["hits"]
    assert (folder / "small.webp").read_bytes()[8:12] == b"WEBP"
    left = json.loads(run(server, folder, "curl -sS $SERVER/v1/images"))
    assert sorted(image["key"] for image in left["images"]) == ["pets/cat.jpg", "pets/cat2.jpg", "raccoon.jpg"]


def test_the_page_names_every_code() -> None:
    """Those that a client can get: the words in backquotes in the table of refusals."""
    table = TEXT[TEXT.index("| status | `code` |") :]
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+|validation|conflict|corrupt)`", table))
    web = PAGE.parents[1] / "lookalike" / "web"
    sources = "".join(path.read_text(encoding="utf-8") for path in web.rglob("*.py"))
    said = set(re.findall(r'(?:Problem\(\s*\d{3},|_busy\(|return \d{3},)\s*"([a-z-]+)"', sources))
    said |= {f"picture-{reason.replace('_', '-')}" for reason in problems.PICTURES}
    said |= {code for code, _ in problems.HTTP.values()}
    assert said - named == {"internal"}
