"""SignatureES over an index: what scripts that were written for Elasticsearch see."""

from __future__ import annotations

import gzip
import inspect
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike.image_match as package
from lookalike import Index, IndexNotFound, QueryError, Record, SignatureError
from lookalike.image_match import (
    SignatureDatabaseBase,
    SignatureES,
    SignatureMongo,
    elasticsearch_driver,
    mongodb_driver,
)
from lookalike.image_match.elasticsearch_driver import path_of
from lookalike.image_match.signature_database_base import make_record
from lookalike.interchange.dump import ORIGINALS
from shards.families.goldberg import Goldberg, pack, unpack

PICTURES = Path(__file__).parents[3] / "demo" / "pictures"
CAT, COFFEE = str(PICTURES / "cat.jpg"), str(PICTURES / "coffee.jpg")
GOLDEN = Path(__file__).parents[2] / "golden" / "goldberg"
ORIGINAL: dict[str, Any] = json.loads(gzip.decompress((GOLDEN / "parameters.json.gz").read_bytes()))["distances"]


@pytest.fixture
def ses() -> SignatureES:
    return SignatureES("memory://")


class TestTheIndex:
    def test_is_made_where_there_is_none_as_the_originals_read_pictures(self, tmp_path: Path) -> None:
        SignatureES(str(tmp_path / "photos.index")).add_image(CAT)
        index = Index.open(str(tmp_path / "photos.index"))
        assert (index.count(), [one.name for one in index.families]) == (1, ["goldberg"])
        assert index.settings.pictures == ORIGINALS
        assert index.settings.thumbnails == 0

    def test_that_is_there_is_opened_by_path_or_as_it_is(self, tmp_path: Path) -> None:
        SignatureES(tmp_path / "photos.index").add_image(CAT)
        for given in (str(tmp_path / "photos.index"), Index.open(str(tmp_path / "photos.index"))):
            assert len(SignatureES(given).search_image(CAT)) == 1

    def test_is_known_by_the_names_of_its_families(self, monkeypatch: pytest.MonkeyPatch) -> None:
        index = Index.create("memory://", families=["goldberg"])
        monkeypatch.setattr(elasticsearch_driver, "FAMILY", Goldberg())
        assert SignatureES(index).es is index

    def test_that_somebody_else_makes_meanwhile_is_opened(self, monkeypatch: pytest.MonkeyPatch) -> None:
        others = Index.create("memory://made-meanwhile", families=["goldberg"])
        others.add("cat", Path(CAT).read_bytes())
        first = iter([True])
        opened = Index.open

        def open_index(where: str) -> Index:
            if next(first, False):
                raise IndexNotFound("not yet")
            return opened(where)

        monkeypatch.setattr(Index, "open", open_index)
        assert SignatureES("memory://made-meanwhile").es.count() == 1

    def test_without_its_family_is_refused(self) -> None:
        with pytest.raises(QueryError, match="no signatures of goldberg"):
            SignatureES(Index.create("memory://", families=["dhash"]))

    def test_is_not_a_client_of_elasticsearch(self) -> None:
        with pytest.raises(QueryError, match="is given object: give an index or its address"):
            SignatureES(object())  # type: ignore[arg-type]

    def test_of_more_families_gets_signatures_of_each(self) -> None:
        index = Index.create("memory://")
        index.add("zoo/cat.jpg", Path(CAT).read_bytes(), {"album": "zoo"})
        ses = SignatureES(index)
        (hit,) = ses.search_image(CAT)
        assert (hit["id"], hit["path"], hit["metadata"]) == ("zoo/cat.jpg", "zoo/cat.jpg", {"album": "zoo"})
        with Image.open(CAT) as image:
            pixels = np.asarray(image.convert("RGB"))
        ses.add_image(CAT, metadata={"n": 1})
        ses.add_image("bytes", img=Path(CAT).read_bytes(), bytestream=True)
        ses.add_image("pixels", img=pixels)
        ses.add_image("floats", img=pixels / 255.0)
        ses.add_image("grey", img=ses.gis.read(CAT))
        assert sorted(hit["path"] for hit in ses.search_image(CAT) if hit["dist"] == 0.0) == sorted(
            [CAT, "bytes", "floats", "grey", "pixels", "zoo/cat.jpg"]
        )
        for family in ("haar", "dhash", "pdq"):
            found = {path_of(hit.key) for hit in index.search(Path(CAT), family=family, min_score=99).hits}
            # other families weigh colours in other ways than the grey of this one
            assert found - {"grey"} == {CAT, "bytes", "floats", "pixels", "zoo/cat.jpg"}
        assert {(image.width, image.height) for image in index.list()} == {pixels.shape[1::-1]}

    def test_of_more_families_takes_no_record_of_one(self) -> None:
        ses = SignatureES(Index.create("memory://", families=["dhash", "goldberg"]))
        with pytest.raises(QueryError, match=r"dhash, goldberg, and .* call add_image"):
            ses.insert_single_record(make_record(CAT, ses.gis, 16, 63))

    def test_that_was_imported_by_ids_has_paths_in_its_metadata(self) -> None:
        ses = SignatureES("memory://", path_field="path")
        record = make_record(CAT, ses.gis, 16, 63)
        (row,) = pack(np.array([record["signature"]]))
        for key, meta in (
            ("id1", {"path": "a", "n": 1}),
            ("id2", {"path": "a"}),
            ("id3", {"path": "b", "metadata": "x"}),
        ):
            ses.es.write([Record(key, ses.es.next_order(), meta=meta, rows={"goldberg": row})])
        ses.add_image("a", img=CAT, metadata={"path": "of the user"})
        found = {(hit["path"], str(hit["metadata"])) for hit in ses.search_image(CAT)}
        assert found == {("a", "{'n': 1}"), ("a", "None"), ("b", "x"), ("a", "{'path': 'of the user'}")}
        ses.delete_duplicates("a")
        assert sorted(hit["id"] for hit in ses.search_image(CAT)) == ["id1", "id3"]

    def test_says_how_questions_are_read(self, tmp_path: Path) -> None:
        """In an index that turns pictures by their EXIF orientation, a question is turned, too."""
        with Image.open(CAT) as image:
            exif = image.getexif()
            exif[0x0112] = 6
            image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
        turning = Index.create("memory://", families=["goldberg"])
        turning.add("cat", (tmp_path / "turned.jpg").read_bytes())
        assert SignatureES(turning).search_image(str(tmp_path / "turned.jpg"))[0]["dist"] == 0.0
        assert SignatureES("memory://").gis.pictures.exif == "ignore"

    def test_is_folded_as_it_grows(self, ses: SignatureES, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(elasticsearch_driver, "LOOK_EVERY", 10)
        record = make_record(CAT, ses.gis, 16, 63)
        for _ in range(100):
            ses.insert_single_record(dict(record))
        assert ses.es.count() == 100
        assert ses.es.pressure()[0] < 80


class TestParameters:
    def test_have_image_matchs_names_and_defaults(self) -> None:
        found = {name: one.default for name, one in inspect.signature(SignatureES).parameters.items()}
        nothing = inspect.Parameter.empty
        assert list(found.items())[:5] == [
            ("es", nothing), ("index", "images"), ("doc_type", "image"), ("timeout", "10s"), ("size", 100),
        ]  # fmt: skip

    def test_are_attributes(self) -> None:
        ses = SignatureES("memory://", "x", "photo", "5s", 7, 10, 20, distance_cutoff=0.3)
        assert (ses.index, ses.doc_type, ses.timeout, ses.size) == ("x", "photo", "5s", 7)
        assert (ses.k, ses.N, ses.n_grid, ses.crop_percentile, ses.distance_cutoff) == (10, 20, 9, (5, 95), 0.3)

    @pytest.mark.parametrize("other", [{"n_grid": 7}, {"crop_percentile": (1, 99)}, {"P": 5}, {"n_levels": 3}])
    def test_of_other_signatures_are_refused(self, other: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(QueryError, match="an index keeps the standard signature only"):
            SignatureES(str(tmp_path / "photos.index"), **other)
        assert list(tmp_path.iterdir()) == []

    def test_that_name_the_standard_signature_are_not(self) -> None:
        assert SignatureES("memory://", n_grid=9, crop_percentile=(5, 95), n_levels=2, P=None).size == 100


class TestAdding:
    def test_the_same_path_twice_makes_two_records(self, ses: SignatureES) -> None:
        assert ses.add_image(CAT) is None
        ses.add_image(CAT, refresh_after=True)
        hits = ses.search_image(CAT)
        assert [hit["path"] for hit in hits] == [CAT, CAT]
        assert len({hit["id"] for hit in hits}) == 2

    def test_the_same_path_twice_replaces_where_one_is_wanted(self) -> None:
        ses = SignatureES("memory://", one_per_path=True)
        ses.add_image("a", img=CAT, metadata={"n": 1})
        ses.add_image("a", img=COFFEE, metadata={"n": 2})
        assert ses.search_image(CAT) == []
        (hit,) = ses.search_image(COFFEE)
        assert (hit["id"], hit["path"], hit["metadata"]) == ("a", "a", {"n": 2})

    def test_may_take_another_file_or_bytes(self, ses: SignatureES) -> None:
        ses.add_image("by name", img=CAT)
        ses.add_image("by bytes", img=Path(CAT).read_bytes(), bytestream=True)
        assert sorted(hit["path"] for hit in ses.search_image(CAT)) == ["by bytes", "by name"]
        assert len(ses.search_image(Path(CAT).read_bytes(), bytestream=True)) == 2

    def test_notes_the_time_in_the_callers_record(self, ses: SignatureES) -> None:
        record = make_record(CAT, ses.gis, 16, 63)
        ses.insert_single_record(record, refresh_after=True)
        assert isinstance(record["timestamp"], datetime)

    def test_keeps_metadata_as_json_has_it(self, ses: SignatureES) -> None:
        ses.add_image(CAT, metadata={"some_info": {"test": "ok!"}, "at": datetime(2020, 1, 2), "tags": ("a",)})  # noqa: DTZ001
        (hit,) = ses.search_image(CAT)
        assert hit["metadata"] == {"some_info": {"test": "ok!"}, "at": "2020-01-02T00:00:00", "tags": ["a"]}

    @pytest.mark.parametrize("metadata", ["text", 7, ["a", "list"], {"metadata": {"a": 1}}])
    def test_keeps_metadata_of_any_kind(self, ses: SignatureES, metadata: Any) -> None:
        ses.add_image(CAT, metadata=metadata)
        assert ses.search_image(CAT)[0]["metadata"] == metadata

    def test_refuses_metadata_that_is_no_json(self, ses: SignatureES) -> None:
        with pytest.raises(QueryError, match="JSON"):
            ses.add_image(CAT, metadata={"a": object()})
        itself: dict[str, Any] = {}
        itself["itself"] = itself
        with pytest.raises(QueryError, match="holds itself"):
            ses.add_image(CAT, metadata=itself)
        assert ses.es.count() == 0

    @pytest.mark.parametrize("families", [["goldberg"], ["goldberg", "dhash"]])
    def test_takes_text_for_a_path(self, families: list[str]) -> None:
        ses = SignatureES(Index.create("memory://", families=families))
        with pytest.raises(QueryError, match="the path of an image is ndarray: give text"):
            ses.add_image(np.zeros((20, 20)))  # type: ignore[arg-type]
        assert ses.es.count() == 0

    def test_takes_no_signature_of_other_parameters(self, ses: SignatureES) -> None:
        with pytest.raises(SignatureError, match="648"):
            ses.insert_single_record({"path": "a", "signature": [0] * 200})


class TestSearching:
    def test_answers_with_image_matchs_fields_and_types(self, ses: SignatureES) -> None:
        ses.add_image(CAT, metadata={"a": 1})
        (hit,) = ses.search_image(CAT)
        assert hit.keys() == {"id", "score", "metadata", "path", "dist"}
        assert isinstance(hit["id"], str)
        assert isinstance(hit["score"], float)
        assert isinstance(hit["dist"], np.float64)
        assert (hit["dist"], hit["path"], hit["metadata"]) == (0.0, CAT, {"a": 1})

    def test_a_picture_without_metadata_has_none(self, ses: SignatureES) -> None:
        ses.add_image(CAT)
        assert ses.search_image(CAT)[0]["metadata"] is None

    def test_distances_are_image_matchs_to_the_last_digit_nearest_first(self, ses: SignatureES) -> None:
        ses.distance_cutoff = 1.1
        signatures = json.loads(gzip.decompress((GOLDEN / "golden.json.gz").read_bytes()))["images"]
        for name in ORIGINAL["names"]:
            ses.insert_single_record({"path": name, "signature": signatures[name]["signature"]})
        for name, distances in zip(ORIGINAL["names"], ORIGINAL["matrix"], strict=True):
            record = {"path": name, "signature": signatures[name]["signature"]}
            hits = list(ses.search_single_record(record))
            assert {hit["path"]: hit["dist"] for hit in hits} == dict(zip(ORIGINAL["names"], distances, strict=True))
            assert [hit["dist"] for hit in hits] == sorted(distances)
            scores = [hit["score"] for hit in hits]
            assert scores == sorted(scores, reverse=True)

    def test_the_cutoff_may_be_assigned_and_is_below(self, ses: SignatureES) -> None:
        ses.add_image(str(PICTURES / "raccoon.jpg"))
        ses.add_image(CAT)
        ses.distance_cutoff = 1.0
        found = ses.search_image(CAT)
        assert [hit["path"] for hit in found] == [CAT, str(PICTURES / "raccoon.jpg")]
        ses.distance_cutoff = float(found[1]["dist"])
        assert len(ses.search_image(CAT)) == 1
        ses.distance_cutoff = float(np.nextafter(found[1]["dist"], 2))
        assert len(ses.search_image(CAT)) == 2
        ses.distance_cutoff = 0.0
        assert ses.search_image(CAT) == []

    def test_takes_path_and_signature_out_of_the_callers_record(self, ses: SignatureES) -> None:
        record = make_record(CAT, ses.gis, 16, 63, metadata={"a": 1})
        found = ses.search_single_record(record)
        assert not isinstance(found, list)
        assert list(found) == []
        assert record.keys() == {f"simple_word_{n}" for n in range(63)}

    def test_finds_at_most_its_size(self) -> None:
        ses = SignatureES("memory://", size=3)
        for _ in range(5):
            ses.add_image(CAT)
        assert len(ses.search_image(CAT)) == 3

    def test_finds_turned_mirrored_and_inverted_pictures_when_told(self, ses: SignatureES, tmp_path: Path) -> None:
        ses.add_image(CAT)
        with Image.open(CAT) as image:
            pixels = np.asarray(image.convert("RGB"))
        Image.fromarray(255 - np.rot90(pixels[:, ::-1])).save(tmp_path / "a.png")
        assert ses.search_image(str(tmp_path / "a.png")) == []
        (hit,) = ses.search_image(str(tmp_path / "a.png"), all_orientations=True)
        assert hit["dist"] < 0.2
        bytestream = (tmp_path / "a.png").read_bytes()
        assert ses.search_image(bytestream, bytestream=True, all_orientations=True) == [hit]

    def test_looks_for_all_orientations_in_one_search(self, ses: SignatureES, monkeypatch: pytest.MonkeyPatch) -> None:
        ses.add_image(CAT)
        searches = []
        ask = ses.es.ask
        monkeypatch.setattr(ses.es, "ask", lambda questions, options: searches.append(1) or ask(questions, options))
        assert len(ses.search_image(CAT, all_orientations=True)) == 1
        assert len(searches) == 1

    def test_calls_what_a_program_put_in_its_place(self) -> None:
        class Own(SignatureES):
            def search_single_record(self, rec: dict[str, Any], pre_filter: Any = None) -> Any:
                return [hit | {"own": True} for hit in super().search_single_record(rec, pre_filter)]

        ses = Own("memory://")
        ses.add_image(CAT)
        assert ses.search_image(CAT, all_orientations=True)[0]["own"]

    def test_a_blank_picture_is_at_distance_1_of_any(self, ses: SignatureES) -> None:
        blank = np.full((50, 50), 0.5)
        ses.add_image("blank", img=blank)
        ses.add_image(CAT)
        assert ses.search_image(blank) == []
        ses.distance_cutoff = 1.1
        assert {hit["path"]: hit["dist"] for hit in ses.search_image(blank)} == {"blank": 1.0, CAT: 1.0}

    def test_filters_before_it_takes_the_nearest(self) -> None:
        ses = SignatureES("memory://", size=2)
        for n in range(6):
            ses.add_image(CAT, metadata={"tenant": "foo" if n < 4 else "bar", "tags": ["a", str(n)]})
        found = ses.search_image(CAT, pre_filter={"term": {"image.metadata.tenant": "bar"}})
        assert [hit["metadata"]["tenant"] for hit in found] == ["bar", "bar"]
        query = {
            "bool": {"must": [{"match": {"metadata.tags": "5"}}], "must_not": [{"term": {"metadata.tenant": "foo"}}]}
        }
        assert [hit["metadata"]["tags"] for hit in ses.search_image(CAT, pre_filter=query)] == [["a", "5"]]
        assert ses.search_image(CAT, pre_filter=[{"term": {"metadata.tenant": "none"}}]) == []
        with pytest.raises(NotImplementedError, match="'range'"):
            ses.search_image(CAT, pre_filter={"range": {"metadata.n": {"gte": 1}}})

    def test_fields_are_named_by_the_type_of_documents(self) -> None:
        ses = SignatureES("memory://", doc_type="photo")
        ses.add_image(CAT, metadata={"a": 1})
        assert len(ses.search_image(CAT, pre_filter={"term": {"photo.metadata.a": 1}})) == 1


class TestDuplicates:
    def test_are_deleted_but_for_the_oldest(self, ses: SignatureES) -> None:
        for n in range(4):
            ses.add_image("a", img=CAT, metadata={"n": n})
        ses.add_image("ab", img=CAT)
        ses.add_image("a\x1fb", img=CAT)
        assert ses.delete_duplicates("a") is None
        left = ses.search_image(CAT)
        assert sorted(hit["path"] for hit in left) == ["a", "a\x1fb", "ab"]
        assert [hit["metadata"] for hit in left if hit["path"] == "a"] == [{"n": 0}]

    def test_of_an_imported_record_are_those_added_later(self, ses: SignatureES) -> None:
        record = make_record(CAT, ses.gis, 16, 63)
        (row,) = pack(np.array([record["signature"]]))
        ses.es.write([Record(CAT, ses.es.next_order(), rows={"goldberg": row})])
        ses.add_image(CAT)
        assert len(ses.search_image(CAT)) == 2
        ses.delete_duplicates(CAT)
        (hit,) = ses.search_image(CAT)
        assert hit["id"] == CAT

    def test_of_a_path_that_is_not_there_are_none(self, ses: SignatureES) -> None:
        ses.delete_duplicates("nowhere")
        assert ses.es.count() == 0


def test_the_stored_signature_is_that_of_the_record(ses: SignatureES) -> None:
    record = make_record(CAT, ses.gis, 16, 63)
    ses.insert_single_record(dict(record))
    (key,) = [image.key for image in ses.es.list()]
    stored = ses.es.signatures([key], "goldberg")[key]
    (family,) = ses.es.families
    assert unpack(np.array([family.parse(stored)], family.dtype))[0].tolist() == record["signature"]


def test_the_package_has_image_matchs_names() -> None:
    assert set(package.__all__) == {
        "CorruptImageError", "ImageSignature", "SignatureDatabaseBase", "SignatureES", "SignatureMongo",
    }  # fmt: skip
    assert issubclass(SignatureES, SignatureDatabaseBase)


def test_mongodb_is_named_as_unsupported() -> None:
    assert mongodb_driver.SignatureMongo is SignatureMongo
    with pytest.raises(NotImplementedError, match=r"mongoexport.*SignatureES"):
        SignatureMongo(object())
