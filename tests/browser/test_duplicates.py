"""Duplicates: groups, marks, and the list they make."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.visit import Visit


def test_the_best_of_each_group_is_kept_and_the_list_has_the_others(visit: Visit, tmp_path: Path) -> None:
    visit.open("#/duplicates")
    groups = visit.page.get_by_role("region", name="Group of")
    expect(groups).to_have_count(2)
    tray = visit.page.get_by_role("region", name="Marked for removal")
    expect(tray).to_contain_text("4 images marked for removal")
    heads = {str(group.get_attribute("aria-label")).removeprefix("Group of ") for group in groups.all()}
    with visit.page.expect_download() as downloaded:
        tray.get_by_role("button", name="Download the list").click()
    downloaded.value.save_as(tmp_path / "list.txt")
    listed = (tmp_path / "list.txt").read_text().splitlines()
    assert downloaded.value.suggested_filename == "duplicates.txt"
    assert set(listed) == set(visit.shown()) - heads
    assert len(listed) == 4
    assert visit.service.index.count() == 17


def test_marks_change_the_list(visit: Visit) -> None:
    visit.open("#/duplicates")
    tray = visit.page.get_by_role("region", name="Marked for removal")
    half = visit.page.get_by_role("button", name="Mark copies/half the size/raccoon.jpg for removal")
    expect(half).to_have_attribute("aria-pressed", "true")
    half.click()
    expect(half).to_have_text("Keep")
    expect(tray).to_contain_text("3 images marked")
    tray.get_by_role("button", name="Copy the list of keys").click()
    expect(tray).to_contain_text("Copied")
    copied = str(visit.page.evaluate("navigator.clipboard.readText()")).splitlines()
    assert len(copied) == 3
    assert "copies/half the size/raccoon.jpg" not in copied
    half.click()
    visit.page.get_by_role("button", name="for removal", pressed=False).first.click()
    expect(tray).to_contain_text("1 group would lose every image.")


def test_what_is_marked_is_deleted_once_it_was_confirmed(visit: Visit) -> None:
    visit.open("#/duplicates")
    delete = visit.page.get_by_role("button", name="Delete from the index")
    delete.click()
    question = visit.page.get_by_role("dialog", name="Delete 4 images from the index?")
    visit.page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    assert visit.service.index.count() == 17
    delete.click()
    question.get_by_role("button", name="Delete 4").click()
    expect(visit.page.get_by_role("heading", name="No duplicates")).to_be_visible()
    assert visit.service.index.count() == 13


def test_a_copy_is_compared_with_the_one_that_is_kept(visit: Visit) -> None:
    visit.open("#/duplicates")
    visit.card("copies/half the size/raccoon.jpg").get_by_role("button", name="Compare").click()
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    expect(dialog.locator("figcaption").first).to_contain_text("raccoon.jpg")
    expect(dialog.locator("figure canvas")).to_have_count(2)
    visit.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(visit.page.get_by_role("region", name="Group of")).to_have_count(2)
    assert len(list(visit.asked("/v1/duplicates"))) == 1


def test_family_and_least_score_are_in_the_address(visit: Visit) -> None:
    visit.open("#/duplicates")
    expect(visit.page.get_by_role("heading", name="2 groups")).to_be_visible()
    visit.page.get_by_role("radio", name="dhash").check()
    expect(visit.page.get_by_text("by dhash", exact=False).last).to_be_visible()
    visit.page.get_by_label("Minimum score").fill("100")
    expect(visit.page).to_have_url(visit.service.url + "#/duplicates?family=dhash&min=100")
    visit.page.get_by_label("Groups").select_option("components")
    expect(visit.page).to_have_url(visit.service.url + "#/duplicates?family=dhash&min=100&group=components")
    visit.page.reload()
    expect(visit.page.get_by_label("Minimum score")).to_have_value("100")
