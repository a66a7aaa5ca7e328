"""`/v1/duplicates/reviews`: tiers, marks, decisions and what is done with files, over HTTP."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike import Index
from lookalike.web import WebSettings
from tests.lookalike.duplicates.in_this_process import Here, PixelsHere
from tests.lookalike.web.conftest import CAT, RACCOON, Client, add, problem

REVIEWS = "/v1/duplicates/reviews"


def half(data: bytes) -> bytes:
    file = io.BytesIO()
    image = Image.open(io.BytesIO(data))
    image.resize((image.width // 2, image.height // 2)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(files_reason=None)


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("lookalike.index.Pixels", PixelsHere)
    monkeypatch.setattr("lookalike.duplicates.restoring.Pool", Here)


@pytest.fixture
def folder(index: Index, tmp_path: Path) -> Path:
    """A folder with a cat, twice, and smaller, and a raccoon, all in the index."""
    pictures = {"masters/cat.jpg": CAT, "cat.jpg": CAT, "small.png": half(CAT), "raccoon.jpg": RACCOON}
    for key, data in pictures.items():
        path = tmp_path / "pictures" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (0, 0))
        add(index, key, data, path=path)
    return tmp_path / "pictures"


def settled(client: Client, path: str) -> Any:
    """Return the document there once it is no longer running."""
    while (document := client.get(path).json())["state"] == "running":
        pass
    assert document["state"] == "done", document
    return document


def reviewed(client: Client, **asked: Any) -> Any:
    response = client.post(REVIEWS, json=asked)
    assert response.status_code in (200, 202), response.text
    return settled(client, f"{REVIEWS}/{response.json()['id']}")


@pytest.mark.usefixtures("folder")
def test_a_review_tells_identical_files_from_the_same_picture(client: Client) -> None:
    review = reviewed(client)
    assert [(each["tier"], each["copies"]) for each in review["tiers"]] == [("identical", 1), ("same", 1)]
    assert (review["groups"], review["copies"], review["images"], review["unconfirmed"]) == (1, 2, 4, 0)
    assert review["files"]["allowed"]
    (group,) = client.get(f"{REVIEWS}/{review['id']}/groups").json()["groups"]
    assert group["tier"] == "same"
    assert [(card["key"], card["tier"], card["confirmed"]) for card in group["images"]] == [
        ("cat.jpg", None, None),
        ("masters/cat.jpg", "identical", None),
        ("small.png", "same", True),
    ]
    small = group["images"][-1]
    assert {"pixels", "bytes", "format"} <= set(small["differs"])
    assert small["format"] == "PNG"
    assert small["bytes"] == len(half(CAT))


@pytest.mark.usefixtures("folder")
def test_a_review_is_made_once_for_a_state_of_the_index(client: Client, index: Index) -> None:
    first = reviewed(client)
    again = client.post(REVIEWS, json={})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    add(index, "another", RACCOON)
    assert client.get(f"{REVIEWS}/{first['id']}").json()["is_current"] is False
    assert client.post(REVIEWS).json()["id"] != first["id"]


@pytest.mark.usefixtures("folder")
def test_nothing_is_marked_until_somebody_asks_and_then_all_but_the_best(client: Client) -> None:
    review = reviewed(client)
    assert review["marked"] == {"remove": 0, "keep": 0, "bytes": 0}
    path = f"{REVIEWS}/{review['id']}"
    body = {"all_but_best": {"prefer": ["masters/"]}}
    marked = client.post(f"{path}/marks", json=body).json()
    assert marked["marked"] == 2
    assert client.get(path).json()["marked"]["remove"] == 2
    marks = {
        card["key"]: card["mark"] for card in client.get(f"{path}/groups?marked=true").json()["groups"][0]["images"]
    }
    assert marks == {"masters/cat.jpg": None, "cat.jpg": "remove", "small.png": "remove"}
    assert client.post(f"{path}/marks", json={"clear": True}).json()["unmarked"] == 2
    assert client.get(f"{path}/groups?marked=true").json()["total"] == 0


@pytest.mark.usefixtures("folder")
def test_a_decision_takes_a_pair_out_of_later_reviews(client: Client) -> None:
    review = reviewed(client)
    pairs = [["cat.jpg", "small.png"], ["masters/cat.jpg", "small.png"]]
    assert client.post("/v1/duplicates/decisions", json={"pairs": pairs, "decision": "different"}).json() == {
        "decided": 2
    }
    later = reviewed(client)
    assert later["id"] != review["id"]
    assert [(each["tier"], each["copies"]) for each in later["tiers"]] == [("identical", 1), ("same", 0)]
    lines = client.get("/v1/duplicates/marks").text
    assert [json.loads(line)["pair"] for line in lines.splitlines()] == pairs
    client.post("/v1/duplicates/decisions", json={"pairs": pairs, "decision": None})
    assert reviewed(client)["copies"] == 2
    imported = client.post(
        "/v1/duplicates/marks/import", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert imported.json() == {"marks": 0, "decisions": 2}


def test_marked_files_go_to_a_folder_and_come_back(client: Client, folder: Path, index: Index, tmp_path: Path) -> None:
    path = f"{REVIEWS}/{reviewed(client)['id']}"
    client.post(f"{path}/marks", json={"all_but_best": {"protect": ["masters/"]}})
    gone = tmp_path / "gone"
    plan = client.post(f"{path}/plan", json={"action": "folder", "folder": str(gone)}).json()
    assert (plan["files"], plan["refused"]) == (2, 0)
    assert {step["kept"] for step in plan["steps"]} == {"masters/cat.jpg"}
    assert (folder / "cat.jpg").exists()
    job = settled(
        client, "/v1/duplicates/jobs/" + client.post(f"{path}/apply", json={"plan": plan["plan"]}).json()["id"]
    )
    assert (job["files"], job["left_count"]) == (2, 0), job
    assert not (folder / "cat.jpg").exists()
    assert (gone / "cat.jpg").read_bytes() == CAT
    assert index.has(["cat.jpg", "small.png", "masters/cat.jpg"]) == {"masters/cat.jpg"}
    undone = settled(client, "/v1/duplicates/jobs/" + client.post(f"/v1/duplicates/jobs/{job['id']}/undo").json()["id"])
    assert undone["files"] == 2, undone
    assert (folder / "cat.jpg").read_bytes() == CAT
    assert index.has(["cat.jpg", "small.png"]) == {"cat.jpg", "small.png"}


def test_a_file_that_has_changed_since_is_left_alone_and_named(client: Client, folder: Path) -> None:
    path = f"{REVIEWS}/{reviewed(client)['id']}"
    client.post("/v1/duplicates/marks", json={"marks": [{"key": "small.png", "mark": "remove"}]})
    plan = client.post(f"{path}/plan", json={"action": "delete"}).json()
    (folder / "small.png").write_bytes(RACCOON)
    job = settled(
        client, "/v1/duplicates/jobs/" + client.post(f"{path}/apply", json={"plan": plan["plan"]}).json()["id"]
    )
    assert (job["files"], job["left"]) == (
        0,
        [{"key": "small.png", "reason": "it has changed since it was compared"}],
    )
    assert (folder / "small.png").read_bytes() == RACCOON


@pytest.mark.usefixtures("folder")
def test_a_plan_whose_marks_have_changed_is_not_carried_out(client: Client) -> None:
    path = f"{REVIEWS}/{reviewed(client)['id']}"
    client.post(f"{path}/marks", json={"all_but_best": {}})
    plan = client.post(f"{path}/plan", json={"action": "trash"}).json()
    client.post("/v1/duplicates/marks", json={"marks": [{"key": "small.png", "mark": "keep"}]})
    refused = client.post(f"{path}/apply", json={"plan": plan["plan"]})
    assert problem(refused)["code"] == "plan-outdated"


@pytest.mark.usefixtures("folder")
def test_a_folder_that_is_not_absolute_is_refused(client: Client) -> None:
    path = f"{REVIEWS}/{reviewed(client)['id']}"
    for folder in ("../etc", "gone"):
        refused = client.post(f"{path}/plan", json={"action": "folder", "folder": folder})
        assert (refused.status_code, problem(refused)["detail"].startswith(f"'{folder}' is no absolute")) == (422, True)


@pytest.mark.usefixtures("folder")
def test_a_group_of_which_nothing_would_be_kept_is_refused(client: Client) -> None:
    path = f"{REVIEWS}/{reviewed(client)['id']}"
    keys = ("cat.jpg", "masters/cat.jpg", "small.png")
    client.post("/v1/duplicates/marks", json={"marks": [{"key": key, "mark": "remove"} for key in keys]})
    plan = client.post(f"{path}/plan", json={"action": "trash"}).json()
    assert (plan["files"], plan["refused"]) == (0, 3)


def test_a_review_that_was_forgotten_is_told_apart(client: Client) -> None:
    assert problem(client.get(f"{REVIEWS}/0000"))["code"] == "review-gone"
    assert problem(client.get("/v1/duplicates/jobs/0000"))["code"] == "job-gone"


class TestWhereFilesAreNotTouched:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings()

    @pytest.mark.usefixtures("folder")
    def test_a_plan_may_be_seen_and_not_carried_out(self, client: Client) -> None:
        review = reviewed(client)
        assert review["files"]["allowed"] is False
        path = f"{REVIEWS}/{review['id']}"
        plan = client.post(f"{path}/plan", json={"action": "trash"}).json()
        assert problem(client.post(f"{path}/apply", json={"plan": plan["plan"]}))["code"] == "files-off"
