"""A folder cleaned up from the page: the server's own review, real files, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from lookalike.web import WebSettings
from shards.table.format.records import Record
from tests.browser import service as services
from tests.browser.visit import Visit
from tests.lookalike.duplicates.in_this_process import Here, PixelsHere

CAT = "cat.jpg"
TWIN = "again/cat.jpg"
HALF = "copies/half the size/raccoon.jpg"


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("lookalike.index.Pixels", PixelsHere)
    monkeypatch.setattr("lookalike.duplicates.restoring.Pool", Here)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The demo's pictures in a folder of this test, and the cat twice."""
    folder = tmp_path / "pictures"
    found = {}
    for key, file in services.photographs(tmp_path / "made").items():
        found[key] = folder / key
        found[key].parent.mkdir(parents=True, exist_ok=True)
        found[key].write_bytes(file.read_bytes())
    found[TWIN] = folder / TWIN
    found[TWIN].parent.mkdir()
    found[TWIN].write_bytes(found[CAT].read_bytes())
    return found


@pytest.fixture
def records(files: dict[str, Path]) -> list[Record]:
    return services.signed(files)


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(files_reason=None)


def tray(visit: Visit) -> Locator:
    return visit.page.get_by_role("region", name="Marked for removal")


def planned(visit: Visit, target: Path) -> Locator:
    """The dry run of moving what is marked to a folder."""
    tray(visit).get_by_role("button", name="Clean up…").click()
    plan = visit.page.get_by_role("dialog", name="Clean up")
    plan.get_by_label("Move to a folder").check()
    plan.get_by_label("Folder on the computer").fill(str(target))
    plan.get_by_label("Folder on the computer").press("Tab")
    return plan


def test_marks_survive_a_reload_and_a_picture_that_changed_meanwhile_is_left_alone_and_named(
    visit: Visit, files: dict[str, Path], tmp_path: Path
) -> None:
    visit.page.add_init_script("localStorage.clear()")
    visit.open("#/duplicates")
    expect(visit.card(TWIN)).to_be_visible()
    expect(tray(visit)).to_be_hidden()
    for key in (TWIN, HALF):
        visit.page.get_by_role("button", name=f"Remove {key}").click()
    expect(tray(visit)).to_contain_text("2 marked")
    visit.page.reload()
    expect(tray(visit)).to_contain_text("2 marked")
    marks = visit.service.index.marks().marks
    assert {key: mark for key, (mark, _) in marks.items()} == {TWIN: "remove", HALF: "remove"}

    plan = planned(visit, tmp_path / "gone")
    expect(plan).to_contain_text("2 files")
    content = files[HALF].read_bytes()
    files[HALF].write_bytes(content + b"edited")
    plan.get_by_role("button", name="Move 2 files").click()
    job = visit.page.get_by_role("region", name="Cleaning up")
    expect(job).to_contain_text("1 file moved")
    expect(job).to_contain_text("1 file left alone")
    expect(job).to_contain_text("half the size")
    assert files[HALF].read_bytes() == content + b"edited"
    assert not files[TWIN].exists()
    assert files[CAT].exists()

    job.get_by_role("button", name="Undo").click()
    expect(job).to_contain_text("1 file put back")
    assert files[TWIN].read_bytes() == files[CAT].read_bytes()
