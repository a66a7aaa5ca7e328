"""`lookalike duplicates`: groups, the page, and the list of what could go."""

from __future__ import annotations

import re
import shutil
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lookalike import Index, Record
from lookalike.ingest import roots
from shards.families.hashes.join import plan_join
from shards.pictures.decoding import decode
from tests.lookalike.cli.drawing import cloud, draw, index_of, png
from tests.lookalike.cli.running import lines, run

EVIL = "<img src=x onerror=alert(1)>\"'&.png"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Of one picture three copies, the largest last; of another two; and one alone."""
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    draw(photos, ["alone.png"], first_seed=5)
    for name, seed, side in [
        ("small.png", 1, 24),
        (EVIL, 1, 48),
        ("x/large.png", 1, 96),
        ("p.png", 2, 40),
        ("q.png", 2, 41),
    ]:
        (photos / name).parent.mkdir(exist_ok=True)
        cloud(seed, side).save(photos / name)
    roots.remember(str(tmp_path / "index"), [str(photos)])
    return index_of(tmp_path / "index", photos)


def test_groups_name_the_largest_as_the_one_to_keep(index: Index) -> None:
    result = run("duplicates", "index", "--group", "star")
    assert result.exit_code == 0
    first, second, summary = lines(result.stdout)
    assert (first["keep"]["key"], first["keep"]["width"]) == ("x/large.png", 96)
    assert sorted(copy["key"] for copy in first["copies"]) == [EVIL, "small.png"]
    assert {"score", "distance", "key", "width", "height", "sha256", "added", "meta", "source"} == set(
        first["copies"][0]
    )
    assert (second["keep"]["key"], [copy["key"] for copy in second["copies"]]) == ("q.png", ["p.png"])
    assert summary == {
        "status": "summary",
        "family": "dhash",
        "groups": 2,
        "copies": 3,
        "flat": [],
        "method": {"name": "sorting"},
    }


def test_people_see_each_group_with_what_to_keep(index: Index) -> None:
    text = run("duplicates", "index", "--group", "star", "--text").stdout
    assert "group 1: 3 images" in text
    assert re.search(r"keep +96 × 96 +x/large\.png", text)
    assert "2 groups with 3 copies to dhash" in text


def test_how_alike_is_a_choice(index: Index) -> None:
    assert lines(run("duplicates", "index", "--max-distance", 0, "--family", "dhash").stdout)[-1]["family"] == "dhash"
    assert lines(run("duplicates", "index", "--family", "haar", "--min-score", 100).stdout)[-1]["groups"] < 2
    both = run("duplicates", "index", "--min-score", 90, "--max-distance", 3)
    assert (both.exit_code, "not both" in both.stderr) == (2, True)


def test_groups_may_be_all_that_a_chain_connects(tmp_path: Path) -> None:
    index = Index.create(str(tmp_path / "chain"), families=["dhash"])
    # each is 2 bits from the next one
    for n in range(4):
        row = index.families[0].parse(f"{0x0F0F0F0F00000000 | (1 << 2 * n) - 1:016x}")
        size = 9 if n == 1 else 5
        index.write([Record(f"{n}.png", index.next_order(), width=size, height=size, rows={"dhash": row})])
    stars = lines(run("duplicates", tmp_path / "chain", "--max-distance", 2).stdout)
    assert [[copy["key"] for copy in group["copies"]] for group in stars[:-1]] == [["0.png", "2.png"]]
    chain = lines(run("duplicates", tmp_path / "chain", "--max-distance", 2, "--group", "components").stdout)
    assert [(copy["key"], copy["distance"]) for copy in chain[0]["copies"]] == [
        ("0.png", 2),
        ("2.png", 2),
        ("3.png", 4),
    ]


def test_how_they_were_found_is_said(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.duplicates.find.FEW", 0)
    # so few that comparing them all is cheaper: any plan must do
    monkeypatch.setattr(
        "shards.search.candidate_filters.plan_join", lambda _, bits, radius: plan_join(10**6, bits, radius)
    )
    suggested = run("duplicates", "index", "--family", "haar")
    assert lines(suggested.stdout)[-1]["method"] == {"name": "candidates", "hashes": ["dhash"], "radius": 10}
    told = run("duplicates", "index", "--family", "haar", "--text").stdout.splitlines()[-1]
    assert told == "only pairs within 10 bits of dhash were compared; --exhaustive compares all"
    compared = run("duplicates", "index", "--family", "haar", "--exhaustive")
    assert lines(compared.stdout)[-1]["method"] == {"name": "exhaustive"}


def test_without_dhash_the_first_family_decides(tmp_path: Path, index: Index) -> None:
    index_of(tmp_path / "other", tmp_path / "photos", ("haar",))
    summary = lines(run("duplicates", "other", "--group", "star").stdout)[-1]
    assert (summary["family"], summary["groups"]) == ("haar", 2)


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        attributes = dict(attrs)
        if tag == "img":
            self.images.append(attributes)
        self.links += [str(attributes[name]) for name in ("src", "href") if name in attributes]
        assert not any(name.startswith("on") for name in attributes)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_image_and_needs_nothing_else(index: Index) -> None:
    run("duplicates", "index", "--group", "star", "--html", "page.html")
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert len(page.images) == 5
    assert not page.tags & {"script", "link", "iframe"}
    assert all(link.startswith("data:image/webp;base64,") for link in page.links)
    thumbnails = [decode(b64decode(link.partition(",")[2])) for link in page.links]
    assert [thumbnail.width for thumbnail in thumbnails[:1]] == [96]
    assert "Group 1: 3 images" in page.text
    assert "color-scheme: light dark" in Path("page.html").read_text(encoding="utf-8")


def test_names_on_the_page_are_text_whatever_they_hold(index: Index) -> None:
    run("duplicates", "index", "--group", "star", "--html", "page.html")
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert EVIL in page.text
    assert EVIL in [image["alt"] for image in page.images]


def test_images_whose_files_are_gone_have_no_thumbnail(index: Index, tmp_path: Path) -> None:
    (tmp_path / "photos/small.png").unlink()
    assert run("duplicates", "index", "--group", "star", "--html", "page.html").exit_code == 0
    assert len(Page(Path("page.html").read_text(encoding="utf-8")).images) == 5, "the index keeps a thumbnail of each"
    shutil.rmtree(tmp_path / "index" / index.settings.id / "thumbnails")
    assert run("duplicates", "index", "--group", "star", "--html", "page.html").exit_code == 0
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert len(page.images) == 4
    assert "cannot be read now" in page.text


def test_what_could_go_is_listed_without_what_is_to_keep(index: Index, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    run("duplicates", "index", "--group", "star", "--delete-list", "gone.txt")
    assert sorted(Path("gone.txt").read_text().splitlines()) == sorted(
        str(photos / name) for name in (EVIL, "small.png", "p.png")
    )
    assert (photos / "small.png").exists()


def test_files_that_have_changed_or_have_odd_names_are_not_listed(index: Index, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "p.png").write_bytes(png(77))
    (photos / "small.png").unlink()
    cloud(1, 30).save(photos / "new\nline.png")
    status = (photos / "new\nline.png").stat()
    source = {"path": str(photos / "new\nline.png"), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    index.add("new\nline.png", (photos / "new\nline.png").read_bytes(), source=source)
    index.add("no file.png", png(2, 30))
    result = run("duplicates", "index", "--group", "star", "--delete-list", "gone.txt")
    assert Path("gone.txt").read_text().splitlines() == [str(photos / EVIL)]
    for key, why in [
        ("p.png", "has changed"),
        ("small.png", "No such file"),
        ("no file.png", "does not know its file"),
    ]:
        assert re.search(f"{re.escape(key)}: .*{why}", result.stderr)
    assert "line break" in result.stderr
    run("duplicates", "index", "--group", "star", "--delete-list", "gone.txt", "-0")
    listed = Path("gone.txt").read_bytes().split(b"\0")
    assert str(photos / "new\nline.png").encode() in listed


def test_files_where_nobody_added_any_are_neither_listed_nor_drawn(index: Index, tmp_path: Path) -> None:
    elsewhere = tmp_path / "somebody's"
    elsewhere.mkdir()
    data = png(2, 44)
    (elsewhere / "letter.png").write_bytes(data)
    status = (elsewhere / "letter.png").stat()
    source = {"path": str(elsewhere / "letter.png"), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    index.add("better.png", png(2, 96))
    index.add("letter.png", data, source=source)
    shutil.rmtree(tmp_path / "index" / index.settings.id / "thumbnails")
    result = run("duplicates", "index", "--group", "star", "--delete-list", "gone.txt", "--html", "page.html")
    assert str(elsewhere) not in Path("gone.txt").read_text()
    assert "is in no folder that was added here" in result.stderr
    before = len(Page(Path("page.html").read_text(encoding="utf-8")).images)
    run(
        "duplicates",
        "index",
        "--group",
        "star",
        "--delete-list",
        "gone.txt",
        "--html",
        "page.html",
        "--originals",
        elsewhere,
    )
    assert str(elsewhere / "letter.png") in Path("gone.txt").read_text().splitlines()
    assert len(Page(Path("page.html").read_text(encoding="utf-8")).images) == before + 1


def test_a_file_that_cannot_be_written_is_trouble(index: Index) -> None:
    result = run("duplicates", "index", "--group", "star", "--html", "nowhere/page.html")
    assert result.exit_code == 2
    assert "nowhere/page.html: No such file or directory" in result.stderr
