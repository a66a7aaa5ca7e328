"""SignatureES over an index that documents of image-match were imported into: what was found before is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lookalike.image_match import SignatureES
from shards.families.goldberg import unpack
from tests.lookalike.cli.running import run

TESTS = Path(__file__).parents[2]
DOCUMENTS = TESTS / "interop" / "image-match"
EXPECTED: dict[str, Any] = json.loads((DOCUMENTS / "expected.json").read_text())
PICTURES = TESTS / "golden" / "goldberg" / "images"


def imported(folder: Path, name: str, *options: str, **settings: Any) -> SignatureES:
    result = run("import", folder / "photos.index", DOCUMENTS / name, *options)
    assert result.exit_code == 0, result.stderr
    return SignatureES(str(folder / "photos.index"), **settings)


@pytest.fixture(scope="module")
def ses(tmp_path_factory: pytest.TempPathFactory) -> SignatureES:
    return imported(tmp_path_factory.mktemp("imported"), "elasticdump.jsonl.gz")


def signature(ses: SignatureES, path: str) -> list[int]:
    (family,) = ses.es.families
    stored = ses.es.signatures([path], family.name)[path]
    whole: list[int] = unpack(family.parse(stored)[None])[0].tolist()
    return whole


def test_all_that_is_near_is_found_at_the_same_distance(ses: SignatureES) -> None:
    assert len(EXPECTED["near"]) > 30
    for path, near in EXPECTED["near"].items():
        found = ses.search_single_record({"path": path, "signature": signature(ses, path)})
        expected = {name: pytest.approx(distance, abs=1e-11) for distance, name in near}
        assert {hit["path"]: hit["dist"] for hit in found} == expected, path


def test_a_picture_finds_its_document(ses: SignatureES) -> None:
    for path, file in EXPECTED["files"].items():
        if (PICTURES / file).exists() and signature(ses, path) != [0] * 648:
            nearest = ses.search_image(str(PICTURES / file))
            assert path in [hit["path"] for hit in nearest if hit["dist"] < 0.3], path


def test_metadata_is_what_it_was(ses: SignatureES) -> None:
    for path, metadata in EXPECTED["metadata"].items():
        record = {"path": path, "signature": signature(ses, path)}
        found = {hit["path"]: hit["metadata"] for hit in ses.search_single_record(record)}
        if path in found:  # a blank picture is near none
            assert found[path] == metadata, path


def test_metadata_is_filtered_by(ses: SignatureES) -> None:
    ses.distance_cutoff = 1.1
    try:
        for path, metadata in EXPECTED["metadata"].items():
            if not isinstance(metadata, dict):
                continue
            for field, value in metadata.items():
                if not isinstance(value, str | int):
                    continue
                record = {"path": path, "signature": signature(ses, path)}
                found = ses.search_single_record(record, pre_filter={"term": {f"metadata.{field}": value}})
                expected = [one for one, meta in EXPECTED["metadata"].items() if _has(meta, field, value)]
                assert sorted(hit["path"] for hit in found) == sorted(expected)
    finally:
        ses.distance_cutoff = 0.45


def _has(meta: Any, field: str, value: Any) -> bool:
    if not isinstance(meta, dict) or field not in meta:
        return False
    return value == meta[field] or (isinstance(meta[field], list) and value in meta[field])


def test_documents_with_one_path_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    ses = imported(tmp_path, "duplicates.jsonl.gz", "--key", "_id", path_field="path")
    path, documents = EXPECTED["duplicates.jsonl"]["of"], EXPECTED["duplicates.jsonl"]["documents"]
    assert ses.es.count() == documents
    found = ses.search_image(str(PICTURES / EXPECTED["files"][path]))
    of_path = [hit for hit in found if hit["path"] == path]
    assert len({hit["id"] for hit in of_path}) == len(of_path) > 1
    ses.delete_duplicates(path)
    left = ses.search_image(str(PICTURES / EXPECTED["files"][path]))
    assert [hit["path"] for hit in left].count(path) == 1
