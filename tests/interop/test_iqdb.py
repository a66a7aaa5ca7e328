"""An index that was imported from IQDB answers as IQDB's signatures say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lookalike import Index, Signature
from tests.lookalike.cli.running import run

HERE = Path(__file__).parent / "iqdb"
EXPECTED = json.loads((HERE / "iqdb.expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    where = tmp_path_factory.mktemp("imported") / "posts.index"
    assert run("import", where, HERE / "iqdb.sqlite").exit_code == 0
    return Index.open(str(where))


def test_every_post_has_the_hash_that_iqdb_prints(index: Index) -> None:
    assert index.signatures(EXPECTED["images"], "haar") == EXPECTED["images"]
    assert index.count() == len(EXPECTED["images"])


def test_pictures_are_read_as_iqdb_reads_them(index: Index) -> None:
    assert (index.settings.families, index.settings.pictures.exif, index.settings.pictures.alpha) == (
        ("haar",),
        "ignore",
        "drop",
    )


@pytest.mark.parametrize("query", EXPECTED["queries"], ids=lambda query: Path(query["file"]).stem)
def test_the_best_posts_have_their_scores(index: Index, query: dict[str, object]) -> None:
    hits = index.search(Signature(str(query["hash"])), limit=10).hits
    best: list[tuple[int, float]] = query["lookalike_best"]  # type: ignore[assignment]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in best], abs=0.01)
    assert hits[0].key == str(best[0][0])


def test_what_is_exported_for_iqdb_comes_back_the_same(index: Index, tmp_path: Path) -> None:
    assert (
        run("export", index.url.removeprefix("file://"), "--to", "iqdb", "-o", tmp_path / "back.sqlite").exit_code == 0
    )
    assert run("import", tmp_path / "again.index", tmp_path / "back.sqlite").exit_code == 0
    again = Index.open(str(tmp_path / "again.index"))
    assert again.signatures(EXPECTED["images"], "haar") == EXPECTED["images"]
