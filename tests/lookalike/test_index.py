"""The front door: what a user of the library asks, and what the answers say."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image

from lookalike import (
    Answer,
    Comparison,
    FormatUnsupported,
    Index,
    IndexExists,
    IndexNotFound,
    Key,
    KeyInvalid,
    KeyNotFound,
    Picture,
    PictureError,
    PictureSettings,
    QueryError,
    SearchOptions,
    Signature,
    SignatureError,
    StorageError,
    compare,
)
from shards.families import family
from shards.pictures.decoding import ORIENTATIONS, decode
from shards.search.cursor import Cursor
from shards.storage import open_store

FAMILIES = ("haar", "goldberg", "dhash", "phash")
PICTURES = Path(__file__).parents[2] / "demo" / "pictures"


def encoded(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture.rgb).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def index() -> Index:
    index = Index.create("memory://", families=FAMILIES)
    for n, path in enumerate(sorted(PICTURES.glob("*.jpg"))):
        index.add(path.stem, path.read_bytes(), {"n": n, "is_even": n % 2 == 0, "tags": ["a", {"b": n}]})
    return index


@pytest.fixture(scope="module")
def cat() -> Picture:
    return decode((PICTURES / "cat.jpg").read_bytes())


def test_a_picture_is_asked_for_as_path_bytes_picture_key_or_signature(index: Index, cat: Picture) -> None:
    path = PICTURES / "cat.jpg"
    questions = [path, str(path), path.read_bytes(), memoryview(path.read_bytes()), cat, Key("cat")]
    text = index.get("cat").signatures["haar"]
    for question in [*questions, Signature(text), Signature(text.removeprefix("iqdb_"))]:
        answer = index.search(question, limit=2)
        assert (answer.family, answer.searched) == ("auto", 12)
        assert (answer.hits[0].key, answer.hits[0].score) == ("cat", 100)
        assert answer.hits[0].image.meta["n"] == 3


@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("name", FAMILIES)
def test_each_orientation_is_found_and_named(index: Index, cat: Picture, name: str, n: int) -> None:
    turned = encoded(cat.orientations()[n])
    hit = index.search(turned, family=name, orientations=True, limit=1).hits[0]
    assert (hit.key, hit.score) == ("cat", 100)
    # the question was turned until it was like the cat: what undoes a rotation by 90 is one by 270
    undone = decode(turned).orientations()[ORIENTATIONS.index(hit.variant)]
    assert np.array_equal(undone.rgb, cat.rgb)


def test_a_negative_is_found_where_the_family_can(index: Index, cat: Picture) -> None:
    negative = Picture(255 - cat.rgb)
    assert index.search(negative, family="goldberg", limit=1).hits[0].score < 55
    hit = index.search(negative, family="goldberg", negatives=True, limit=1).hits[0]
    assert (hit.key, hit.score, hit.variant) == ("cat", 100, "as is, negative")
    with pytest.raises(QueryError, match="goldberg can"):
        index.search(negative, family="dhash", negatives=True)


def test_a_radius_is_a_score_in_the_family_s_own_unit(index: Index) -> None:
    everything = index.search(Key("cat"), family="dhash", limit=100).hits
    near = index.search(Key("cat"), family="dhash", limit=100, max_distance=30).hits
    assert [hit.key for hit in near] == [hit.key for hit in everything if (hit.distance or 0) <= 30]
    assert 1 < len(near) < len(everything)
    with pytest.raises(QueryError, match="min_score instead of max_distance"):
        index.search(Key("cat"), family="haar", max_distance=3)
    with pytest.raises(QueryError, match="not both"):
        index.search(Key("cat"), family="dhash", max_distance=3, min_score=90)


def test_a_filter_looks_on_until_the_limit_is_filled(index: Index) -> None:
    everything = index.search(Key("cat"), limit=12).hits
    for where in ({"is_even": True}, {"n": 7}, {"tags": ["a", {"b": 2}]}, {"is_even": 1}, {"none": None}):
        expected = [hit.key for hit in everything if all(_same(hit.image.meta.get(k), v) for k, v in where.items())]
        for limit in (1, 3, 12):
            assert [hit.key for hit in index.search(Key("cat"), where=where, limit=limit).hits] == expected[:limit]


def _same(stored: object, asked: object) -> bool:
    return stored == asked and isinstance(stored, bool) == isinstance(asked, bool) and stored is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 0}, "limit is 0"),
        ({"limit": True}, "limit is True"),
        ({"limit": 10**9}, "limit is 1000000000"),
        ({"family": "haar", "min_score": 101}, "min_score is 101"),
        ({"family": "haar", "min_score": float("nan")}, "min_score is nan"),
        ({"min_score": 90}, "min_score is one of a single family, and haar, goldberg, dhash, phash are asked"),
        ({"max_distance": 3}, "max_distance is one of a single family"),
        ({"after": Cursor(50.0, "cat")}, "an answer of haar, goldberg, dhash, phash has one page"),
        ({"min_share": 3}, "min_share is 3: it is a share"),
        ({"family": "sift"}, "no family is called 'sift'"),
        ({"family": "pdq"}, "has no signatures of pdq, only of haar, goldberg, dhash, phash"),
        ({"where": {"n": {1, 2}}}, "is not JSON"),
        ({"where": "n=1"}, "is not JSON: give an object"),
        ({"orientations": True}, "give the image"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(index: Index, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        index.search(Key("cat"), **arguments)  # type: ignore[arg-type]


def test_options_can_be_handed_on_and_are_checked_when_they_are_made(index: Index) -> None:
    options = SearchOptions(("dhash",), limit=3, max_distance=30, where={"is_even": False})
    (answer,) = index.ask([Key("cat")], options)
    assert answer == index.search(Key("cat"), family="dhash", limit=3, max_distance=30, where={"is_even": False})
    with pytest.raises(QueryError, match="limit is 0"):
        SearchOptions(limit=0)
    (several,) = index.ask([Key("cat")], SearchOptions(("haar", "dhash")))
    assert isinstance(several, Answer)
    assert several.family == "auto"


def test_what_is_no_picture_key_or_signature_says_so(index: Index, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(PictureError, match=r"text\.jpg"):
        index.search(tmp_path / "text.jpg")
    with pytest.raises(PictureError, match=r"none\.jpg: No such file"):
        index.search(tmp_path / "none.jpg")
    with pytest.raises(KeyNotFound, match="no image 'dog' in memory://"):
        index.search(Key("dog"))
    with pytest.raises(SignatureError):
        index.search(Signature("xyz"))
    with pytest.raises(KeyInvalid, match="has 0 bytes"):
        index.add("", b"")
    with pytest.raises(KeyInvalid, match="1,025 bytes"):
        index.add("ü" * 512 + "x", b"")
    with pytest.raises(PictureError, match="image 'x': 0 bytes"):
        index.add("x", b"")
    assert index.count() == 12


def test_metadata_that_is_no_json_is_refused_and_nothing_is_lost(index: Index) -> None:
    with pytest.raises(QueryError, match="is not JSON"):
        index.add("cat", (PICTURES / "cat.jpg").read_bytes(), {"when": object()})
    assert index.get("cat").image.meta["n"] == 3


def test_what_is_known_of_many_images_is_asked_for_at_once() -> None:
    index = Index.create("memory://", shards=2)
    paths = sorted(PICTURES.glob("*.jpg"))
    for path in paths[:3]:
        index.add(path.stem, path.read_bytes(), source={"path": path.name})
    index.compact()
    for path in paths[2:4]:
        index.add(path.stem, path.read_bytes(), source={"path": path.name, "again": True})
    index.remove([paths[0].stem])
    keys = [path.stem for path in paths]
    known = index.images([*keys, keys[1], "another"])
    assert known == {key: index.get(key).image for key in keys[1:4]}
    assert known[keys[2]].source == {"path": paths[2].name, "again": True}
    assert index.images([]) == {}
    with pytest.raises(KeyInvalid):
        index.images([""])


def test_two_images_are_compared_in_every_family(index: Index) -> None:
    same = index.compare(Key("cat"), PICTURES / "cat.jpg")
    assert same == [
        Comparison("haar", 100, None, True, confidence="certain"),
        Comparison("goldberg", 100, 0, True, confidence="certain"),
        Comparison("dhash", 100, 0, True, confidence="certain"),
        Comparison("phash", 100, 0, True, confidence="certain"),
    ]
    assert not any(one.is_match for one in index.compare(Key("cat"), Key("coffee")))
    alone = compare(PICTURES / "cat.jpg", PICTURES / "coffee.jpg", families=FAMILIES)
    assert alone == index.compare(Key("cat"), Key("coffee"))


def test_a_hash_of_imagehash_is_a_question(index: Index) -> None:
    with Image.open(PICTURES / "cat.jpg") as image:
        cat = imagehash.dhash(image)
    assert index.search(cat, family="dhash").hits[0].key == "cat"
    answer, refusal = index.search_many([cat, imagehash.ImageHash(np.zeros((16, 16), bool))], family="dhash")
    assert isinstance(answer, Answer)
    assert answer.hits[0].score == 100
    assert isinstance(refusal, SignatureError)
    (by_dhash, _) = index.compare(cat, Key("cat"))
    assert (by_dhash.family, by_dhash.distance) == ("dhash", 0)


def test_an_index_keeps_what_it_was_made_with(tmp_path: Path) -> None:
    where = str(tmp_path / "index")
    pictures = PictureSettings(exif="ignore", alpha="drop", max_bytes=50_000)
    Index.create(where, families=["whash_db4", "phash16", "pdq"], shards=3, segment_rows=7, pictures=pictures)
    with pytest.raises(IndexExists, match="is an index already"):
        Index.create(where)
    index = Index.open(where)
    assert index.settings.families == ("whash_db4", "phash16", "pdq")
    assert (index.settings.shards, index.settings.segment_rows, index.settings.pictures) == (3, 7, pictures)
    index.add("cat", (PICTURES / "cat.jpg").read_bytes())
    with pytest.raises(PictureError, match="50,000"):
        index.add("big", bytes(50_001))
    index.compact()
    assert [hit.score for hit in Index.open(where).search(Key("cat"), family="pdq").hits] == [100]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"families": []}, "one or more"),
        ({"families": ["haar", "haar"]}, "each once"),
        ({"families": ["haarr"]}, "no family is called 'haarr'"),
        ({"shards": 0}, "shards is 0"),
        ({"segment_rows": 0}, "segment_rows is 0"),
    ],
)
def test_an_index_that_cannot_be_is_not_made(arguments: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=message):
        Index.create(str(tmp_path / "index"), **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound, match=r"has no index\.json"):
        Index.open(str(tmp_path))
    with pytest.raises(StorageError, match="no kind of store is called 'ftp'"):
        Index.open("ftp://x")


def test_signatures_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://")
    Index.create(store, families=["dhash"])
    monkeypatch.setattr(type(family("dhash")), "version", 2)
    with pytest.raises(FormatUnsupported, match="signatures of dhash version 1, this release computes version 2"):
        Index.open(store)


def test_a_warm_reader_asks_the_store_again_only_when_its_snapshot_is_stale() -> None:
    from tests.world import FakeWorld

    world = FakeWorld()
    store = open_store("memory://")
    writer = Index.create(store, families=["dhash"], effects=world)
    reader = Index.open(store, max_staleness=5, effects=world)
    assert reader.count() == 0
    writer.add("cat", (PICTURES / "cat.jpg").read_bytes())
    assert reader.count() == 0
    world.pass_seconds(6)
    assert reader.count() == 1


def test_duplicates_are_grouped_around_the_largest_and_flat_pictures_stand_apart(cat: Picture) -> None:
    index = Index.create("memory://", families=["dhash", "goldberg"])
    half = Picture(np.ascontiguousarray(cat.rgb[::2, ::2]))
    for key, picture in {"half": half, "cat": cat, "copy": cat}.items():
        index.add(key, encoded(picture))
    for key, level in {"black": 0, "white": 255}.items():
        index.add(key, encoded(Picture(np.full((30, 30, 3), level, np.uint8))))
    index.add("coffee", (PICTURES / "coffee.jpg").read_bytes())
    for name in ("dhash", "goldberg"):
        found = index.duplicates(family=name)
        assert [(group.head.key, [copy.image.key for copy in group.copies]) for group in found.groups] == [
            ("cat", ["copy", "half"])
        ]
        assert [image.key for image in found.flat] == ["black", "white"]


def test_signatures_of_many_keys_are_those_of_each(cat: Picture) -> None:
    index = Index.create("memory://", families=["dhash"])
    for n, picture in enumerate(cat.orientations()[:3]):
        index.add(f"{n}", encoded(picture))
        if n == 1:
            index.compact()
    expected = {key: index.get(key).signatures["dhash"] for key in ("0", "2")}
    assert len(set(expected.values())) == 2
    assert index.signatures(["0", "2", "none"], "dhash") == expected


class TestWrongArguments:
    """What is given wrongly is refused with an error of ours that says what to give."""

    def test_an_image_is_bytes(self) -> None:
        with pytest.raises(QueryError, match="image 'a' is str: give the bytes"):
            Index.create("memory://").add("a", "a.jpg")  # type: ignore[arg-type]

    def test_families_are_a_list(self) -> None:
        with pytest.raises(QueryError, match=r"such as \['haar'\]"):
            Index.create("memory://", families="haar")

    @pytest.mark.parametrize("family", [3, ["haar"]])
    def test_a_family_is_a_name(self, family: Any) -> None:
        with pytest.raises(QueryError, match="give the name of one"):
            Index.create("memory://").search(Key("a"), family=family)

    def test_a_filter_is_an_object(self) -> None:
        with pytest.raises(QueryError, match="give an object of names and values"):
            Index.create("memory://").search(Key("a"), where=[])  # type: ignore[arg-type]

    @pytest.mark.parametrize("distance", [-1, float("nan")])
    def test_a_distance_is_not_negative(self, distance: float) -> None:
        with pytest.raises(QueryError, match=r"max_distance is .*: a distance is 0 or more"):
            Index.create("memory://").search(Key("a"), family="dhash", max_distance=distance)
