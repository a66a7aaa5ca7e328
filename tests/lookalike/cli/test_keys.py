"""`lookalike create`, `list`, `show` and `remove`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lookalike import Index, Record
from tests.lookalike.cli.drawing import draw, index_of, png
from tests.lookalike.cli.running import lines, run


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "b.png", "2019/c.png"])
    made = index_of(tmp_path / "index", tmp_path / "photos", ("dhash",))
    made.add("odd\n\x1b[31m.png", png(9), {"album": "Rome"})
    return made


def test_an_index_is_made_as_told(tmp_path: Path) -> None:
    options = ["--family", "haar,phash16", "--family", "pdq", "--shards", 4, "--segment-rows", 5000]
    options += ["--exif", "ignore", "--alpha", "drop", "--depth", "scale"]
    options += ["--max-bytes", "2MiB", "--max-pixels", 1_000_000]
    result = run("create", tmp_path / "index", *options)
    assert result.exit_code == 0
    families = ["haar", "phash16", "pdq"]
    assert lines(result.stdout) == [{"index": str(tmp_path / "index"), "families": families, "shards": 4}]
    settings = Index.open(str(tmp_path / "index")).settings
    assert (list(settings.families), settings.shards, settings.segment_rows) == (families, 4, 5000)
    pictures = settings.pictures
    assert (pictures.exif, pictures.alpha, pictures.depth) == ("ignore", "drop", "scale")
    assert (pictures.max_bytes, pictures.max_pixels) == (2 << 20, 10**6)


def test_an_index_is_not_made_twice(index: Index) -> None:
    result = run("create", "index")
    assert result.exit_code == 2
    assert "is an index already" in result.stderr


def test_keys_are_listed_one_a_line(index: Index) -> None:
    result = run("list", "index", "--text")
    assert sorted(result.stdout.splitlines()) == ["2019/c.png", "a.png", "b.png", "odd\\n\\x1b[31m.png"]


def test_a_listing_may_be_of_some_metadata_alone(index: Index) -> None:
    for condition in ("album=Rome", '{"album": {"$exists": true}}'):
        assert run("list", "index", "--where", condition, "--text").stdout == "odd\\n\\x1b[31m.png\n"
    assert run("list", "index", "--where", "album=Rome", "--where", "album=Paris", "--text").stdout == ""


def test_a_listing_for_programs_has_all_but_the_signatures(index: Index) -> None:
    (found,) = lines(run("list", "index", "--prefix", "odd").stdout)
    stored = index.get("odd\n\x1b[31m.png").image
    assert found.pop("added").endswith("Z")
    assert found == {
        "key": "odd\n\x1b[31m.png",
        "width": 24,
        "height": 24,
        "sha256": stored.sha256,
        "meta": {"album": "Rome"},
        "source": {},
    }


def test_an_image_whose_bytes_are_unknown_has_no_digest(index: Index) -> None:
    rows = {family.name: np.zeros(1, family.dtype)[0] for family in index.families}
    index.write([Record("imported", index.next_order(), rows=rows)])
    (found,) = lines(run("list", "index", "--prefix", "imported").stdout)
    assert found["sha256"] is None
    (shown,) = lines(run("show", "index", "imported").stdout)
    assert shown["sha256"] is None
    assert "unknown" in run("show", "index", "imported", "--text").stdout
    hits = lines(run("search", "index", "--key", "imported", "-n", 9).stdout)
    assert {hit["key"]: hit["sha256"] for hit in hits}["imported"] is None


def test_a_listing_can_be_read_in_parts(index: Index) -> None:
    first = [image["key"] for image in lines(run("list", "index", "--limit", 3).stdout)]
    rest = [image["key"] for image in lines(run("list", "index", "--after", first[-1]).stdout)]
    assert (len(first), len(rest)) == (3, 1)
    assert len({*first, *rest}) == 4


def test_a_long_listing_tells_size_time_and_file(index: Index, tmp_path: Path) -> None:
    (line,) = run("list", "index", "--long", "--prefix", "a", "--text").stdout.splitlines()
    assert line.split()[2:] == ["24", "×", "24", "a.png", str(tmp_path / "photos/a.png")]


def test_one_image_is_shown_with_its_signatures(index: Index) -> None:
    stored = index.get("a.png")
    (found,) = lines(run("show", "index", "a.png").stdout)
    assert found["signatures"] == dict(stored.signatures)
    assert found["source"] == dict(stored.image.source)
    text = run("show", "index", "a.png", "--text").stdout
    assert f"dhash   {stored.signatures['dhash']}\n" in text
    result = run("show", "index", "nothing.png")
    assert result.exit_code == 2
    assert "no image 'nothing.png'" in result.stderr


def test_images_are_removed_by_key_and_missing_ones_named(index: Index) -> None:
    result = run("remove", "index", "a.png", "nothing.png", "b.png")
    assert result.exit_code == 1
    assert lines(result.stdout) == [
        {"key": "a.png", "status": "removed"},
        {"key": "nothing.png", "status": "missing"},
        {"key": "b.png", "status": "removed"},
    ]
    assert index.count() == 2
    again = run("remove", "index", "a.png", "--text")
    assert (again.exit_code, again.stdout) == (1, "0 images removed\n")
    assert "'a.png'" in again.stderr


def test_keys_to_remove_come_from_stdin(index: Index) -> None:
    result = run("remove", "index", "-", "-0", stdin=b"odd\n\x1b[31m.png\0a.png\0")
    assert result.exit_code == 0
    assert index.count() == 2
    assert run("remove", "index", "-", stdin=b"b.png\n2019/c.png\n").exit_code == 0
    assert index.count() == 0
