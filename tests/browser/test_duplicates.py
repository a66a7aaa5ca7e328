"""Duplicates: groups in tiers, marks that stay, and what is done with the files that are marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.reviewed import Reviewed
from tests.browser.visit import Visit

PLACE = "#/duplicates"

NODES = "document.getElementsByTagName('*').length"
FIRST = "album 0/00000-0.jpg"
COPY = "album 0/00000-1.jpg"


def tray(visit: Visit) -> Locator:
    return visit.page.get_by_role("region", name="Marked for removal")


def mark_all(visit: Visit) -> None:
    visit.page.get_by_text("Mark all but the best…").click()
    visit.page.get_by_role("button", name="Mark all but the best", exact=True).click()
    expect(tray(visit)).to_be_visible()


@pytest.fixture
def reviewed(visit: Visit) -> Reviewed:
    reviewed = Reviewed(1000)
    reviewed.serve(visit.page)
    visit.page.add_init_script("localStorage.clear()")
    return reviewed


def test_nothing_is_marked_unless_asked_and_marks_survive_a_reload(visit: Visit, reviewed: Reviewed) -> None:
    visit.open(PLACE)
    expect(visit.page.get_by_role("heading", name="1,000 groups")).to_be_visible()
    expect(visit.card(COPY)).to_contain_text("identical file")
    expect(tray(visit)).to_be_hidden()
    visit.page.get_by_role("button", name=f"Remove {COPY}").click()
    expect(tray(visit)).to_contain_text("1 marked, 50.0 KB")
    visit.page.get_by_role("button", name=f"Keep {FIRST}").click()
    expect(visit.page.get_by_role("button", name=f"Keep {FIRST}")).to_have_attribute("aria-pressed", "true")
    visit.page.reload()
    expect(visit.page.get_by_role("button", name=f"Remove {COPY}")).to_have_attribute("aria-pressed", "true")
    expect(tray(visit)).to_contain_text("1 marked, 50.0 KB")
    visit.page.get_by_role("button", name=f"Remove {COPY}").click()
    expect(tray(visit)).to_be_hidden()
    assert reviewed.marks == {FIRST: "keep"}


def test_what_is_done_covers_all_groups_and_not_those_that_were_seen(visit: Visit, reviewed: Reviewed) -> None:
    reviewed.left = [{"key": "changed.jpg", "reason": "has changed since it was compared"}]
    visit.open(PLACE)
    mark_all(visit)
    copies = sum(len(reviewed.keys(number)) - 1 for number in range(1000))
    expect(tray(visit)).to_contain_text(f"{copies:,} marked")
    tray(visit).get_by_role("button", name="Clean up…").click()
    plan = visit.page.get_by_role("dialog", name="Clean up")
    expect(plan).to_contain_text(f"{copies:,} files")
    expect(plan).to_contain_text("protected (1)")
    plan.get_by_role("button", name=f"Move {copies:,} files to the trash").click()
    job = visit.page.get_by_role("region", name="Cleaning up")
    expect(job).to_contain_text(f"{copies - 1:,} files moved to the trash")
    expect(job).to_contain_text("changed.jpg")
    expect(job).to_contain_text("has changed since it was compared")
    visit.page.reload()
    job.get_by_role("button", name="Undo").click()
    expect(job).to_contain_text("put back")
    assert [path for method, path, _ in reviewed.asked if path.endswith("undo")] == ["jobs/j0/undo"]


@pytest.mark.long
def test_a_server_that_does_not_touch_files_says_why_and_gives_the_list(
    visit: Visit, reviewed: Reviewed, tmp_path: Path
) -> None:
    reviewed.allowed = False
    visit.open(PLACE)
    mark_all(visit)
    expect(tray(visit)).to_contain_text("it was started with --read-only-files")
    expect(tray(visit).get_by_role("button", name="Clean up…")).to_have_count(0)
    with visit.page.expect_download() as downloaded:
        tray(visit).get_by_role("button", name="Download the list").click()
    downloaded.value.save_as(tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().splitlines() == list(reviewed.marks)


@pytest.mark.long
def test_people_choose_and_order_the_rules_of_the_best(visit: Visit, reviewed: Reviewed) -> None:
    visit.open(PLACE)
    visit.page.get_by_text("Mark all but the best…").click()
    visit.page.get_by_role("button", name="Earlier: largest file").click()
    visit.page.get_by_role("button", name="Without: in colour").click()
    visit.page.get_by_label("Add a rule").select_option("oldest")
    visit.page.get_by_label("Prefer images").fill("masters/\n")
    visit.page.get_by_label("Never mark").fill("album 1/\nalbum 2/")
    visit.page.get_by_label("same picture").uncheck()
    visit.page.get_by_role("button", name="Mark all but the best", exact=True).click()
    expect(tray(visit)).to_be_visible()
    rules = next(body["all_but_best"] for _, path, body in reviewed.asked if path == "reviews/r1/marks")
    assert rules == {
        "tiers": ["identical"],
        "keep": ["bytes", "pixels", "path", "oldest"],
        "prefer": ["masters/"],
        "protect": ["album 1/", "album 2/"],
    }
    tray(visit).get_by_role("button", name="Clear marks").click()
    expect(tray(visit)).to_be_hidden()


@pytest.mark.long
def test_tiers_are_shown_on_their_own_and_what_looks_alike_only_on_request(visit: Visit, reviewed: Reviewed) -> None:
    visit.open(PLACE)
    visit.page.get_by_role("button", name="Same picture").click()
    expect(visit.card("album 1/00001-1.jpg")).to_be_visible()
    expect(visit.card(COPY)).to_have_count(0)
    assert "tier=same" in visit.page.url
    visit.page.get_by_role("button", name="Also look for what looks alike").click()
    expect(visit.card(COPY)).to_be_visible()
    asked = [body["tiers"] for method, path, body in reviewed.asked if (method, path) == ("POST", "reviews")]
    assert asked == [["identical", "same"], ["identical", "same", "alike"]]


@pytest.mark.long
def test_a_pair_or_a_group_is_decided_to_be_no_duplicates(visit: Visit, reviewed: Reviewed) -> None:
    visit.open(PLACE)
    group = visit.page.get_by_role("region", name="Group of album 1/00001-0.jpg")
    group.get_by_role("button", name="Not a duplicate").first.click()
    expect(group.get_by_role("button", name="Take it back")).to_have_count(1)
    assert reviewed.decided == {("album 1/00001-0.jpg", "album 1/00001-1.jpg")}
    group.get_by_role("button", name="These are not duplicates").click()
    expect(group.get_by_role("button", name="Not duplicates. Take it back")).to_be_visible()
    assert len(reviewed.decided) == 3
    group.get_by_role("button", name="Not duplicates. Take it back").click()
    expect(group.get_by_role("button", name="These are not duplicates")).to_be_visible()
    assert not reviewed.decided


def test_the_keyboard_goes_through_groups_and_marks(visit: Visit, reviewed: Reviewed) -> None:
    visit.expected.append("404")  # the index knows none of these keys
    visit.open(PLACE)
    expect(visit.card(FIRST)).to_be_visible()
    keys = visit.page.keyboard
    focused = "document.activeElement.closest('li.card')?.dataset.key"
    for key, wanted in (
        ("j", FIRST),
        ("ArrowRight", COPY),
        ("j", "album 1/00001-0.jpg"),
        ("ArrowDown", "album 2/00002-0.jpg"),
        ("ArrowUp", "album 1/00001-0.jpg"),
        ("ArrowRight", "album 1/00001-1.jpg"),
    ):
        keys.press(key)
        visit.page.wait_for_function(f"{focused} === {wanted!r}")
    keys.press("r")
    expect(tray(visit)).to_contain_text("1 marked")
    keys.press("Enter")
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    expect(dialog).to_contain_text("00001-1.jpg")
    expect(dialog.get_by_role("button", name="Remove album 1/00001-1.jpg")).to_have_attribute("aria-pressed", "true")
    keys.press("k")
    expect(dialog.get_by_role("button", name="Keep album 1/00001-1.jpg")).to_have_attribute("aria-pressed", "true")
    keys.press("Shift+R")
    expect(dialog.get_by_role("button", name="Remove album 1/00001-0.jpg")).to_have_attribute("aria-pressed", "true")
    keys.press("ArrowDown")
    expect(dialog).to_contain_text("00002-1.jpg")
    expect(dialog.locator(".differs")).not_to_have_count(0)
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tray(visit)).to_contain_text("1 marked")


@pytest.mark.long
def test_twenty_thousand_groups_take_no_more_of_the_document_than_twenty(visit: Visit, reviewed: Reviewed) -> None:
    reviewed.groups = 20_000
    visit.open(PLACE)
    expect(visit.card(FIRST)).to_be_visible()
    height = int(visit.page.evaluate("document.documentElement.scrollHeight"))
    for share in (0.1, 0.5, 0.501, 0.502, 0.9, 1.0, 0.0):
        visit.page.evaluate(f"scrollTo(0, {height * share})")
        expect(visit.page.locator(".slot:empty")).to_have_count(0)
        assert int(visit.page.evaluate(NODES)) < 2000
    expect(visit.card(FIRST)).to_be_visible()


@pytest.mark.parametrize("look", [{"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}])
def test_a_phone_marks_and_cleans_up(visit: Visit, reviewed: Reviewed) -> None:
    visit.open(PLACE)
    mark_all(visit)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    tray(visit).get_by_role("button", name="Clean up…").click()
    plan = visit.page.get_by_role("dialog", name="Clean up")
    plan.get_by_role("button", name="to the trash").click()
    expect(visit.page.get_by_role("region", name="Cleaning up")).to_contain_text("moved to the trash")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
