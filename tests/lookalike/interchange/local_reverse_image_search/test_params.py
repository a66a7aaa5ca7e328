"""Settings of local-reverse-image-search: what they say, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lookalike.interchange.local_reverse_image_search.params import Params, template
from shards.errors import DumpUnreadable
from tests.lookalike.interchange.reading import INTEROP

DATA = INTEROP / "local-reverse-image-search"

GOOD = {
    "db_dir": "/db",
    "img_dirs": ["/a", "/b"],
    "bk_dir": "/db",
    "input_dir": "/in",
    "operation": "search",
    "hash_method": "phash",
    "hash_size": 16,
    "distance_method": "hamming",
    "distance_threshold": 3,
}


def read(tmp_path: Path, **changes: Any) -> Params:
    document = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    (tmp_path / "params.json").write_text(json.dumps(document))
    return Params.read(tmp_path / "params.json")


@pytest.mark.parametrize("file", sorted(DATA.glob("*.params.json")), ids=lambda file: file.name)
def test_settings_of_the_program_itself_are_read(file: Path) -> None:
    document = json.loads(file.read_text())
    params = Params.read(file)
    assert (params.db_dir, list(params.img_dirs), params.input_dir, params.operation) == tuple(
        document[name] for name in ("db_dir", "img_dirs", "input_dir", "operation")
    )
    assert params.family.size == document["hash_size"]
    assert params.unit == "digits"


@pytest.mark.parametrize(
    ("method", "size", "family"),
    [
        ("dhash", 8, "dhash"),
        ("phash", 16, "phash16"),
        ("ahash", 6, "ahash6"),
        ("whash-haar", 4, "whash4"),
        ("whash-db4", 8, "whash_db4"),
    ],
)
def test_method_and_size_are_a_family(tmp_path: Path, method: str, size: int, family: str) -> None:
    assert read(tmp_path, hash_method=method, hash_size=size).family.name == family


def test_what_the_program_has_by_default_may_be_left_out(tmp_path: Path) -> None:
    params = read(tmp_path, hash_method=..., hash_size=..., distance_method=..., distance_threshold=..., bk_dir=...)
    assert (params.family.name, params.unit, params.distance_threshold) == ("dhash", "digits", 0)


def test_bits_can_be_counted_instead_of_digits(tmp_path: Path) -> None:
    assert read(tmp_path, distance_method="bits").unit == "bits"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operation": "serach"}, 'operation is "serach": give one of build, update, search, find_duplicates'),
        ({"operation": ...}, "operation is missing"),
        ({"hash_method": "xhash"}, 'hash_method is "xhash": give one of ahash, phash, dhash, whash-haar, whash-db4'),
        ({"hash_method": ["dhash"]}, 'hash_method is ["dhash"]'),
        ({"hash_size": 1}, "dhash has no size 1"),
        ({"hash_size": 7, "hash_method": "whash-haar"}, "hash_size is 7 and hash_method whash-haar"),
        ({"hash_size": "8"}, 'hash_size is "8": give a whole number'),
        ({"hash_size": True}, "hash_size is true"),
        ({"hash_size": 8.0}, "hash_size is 8.0"),
        ({"distance_method": "euclid"}, 'distance_method is "euclid": give one of hamming, bits'),
        ({"distance_threshold": -1}, "distance_threshold is -1: give a whole number from 0 on"),
        ({"distance_threshold": 1.5}, "distance_threshold is 1.5"),
        ({"img_dirs": "/a"}, 'img_dirs is "/a": give a list of folders'),
        ({"img_dirs": []}, "img_dirs is []"),
        ({"img_dirs": ["/a", 3]}, "img_dirs is"),
        ({"img_dirs": ["/a\0"]}, "img_dirs is"),
        ({"db_dir": ""}, 'db_dir is "": give the path of a folder'),
        ({"db_dir": ...}, "db_dir is missing"),
        ({"distance_treshold": 3}, "no setting 'distance_treshold'; there are db_dir,"),
    ],
)
def test_what_is_wrong_is_said_by_the_name_of_the_setting(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    if changes.get("hash_size") == 1:
        changes = {**changes, "hash_method": "dhash"}
    with pytest.raises(DumpUnreadable) as caught:
        read(tmp_path, **changes)
    assert str(caught.value).startswith(str(tmp_path / "params.json"))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("[]", "is no JSON object with settings"),
        ('{"db_dir": NaN}', "is no JSON"),
        ('{"db_dir": "C:\\Users"}', "a backslash in a path is written twice"),
        ("[" * 100_000, "is no JSON"),
        (" " * (1 << 21), "is larger than settings are"),
    ],
    ids=range(6),
)
def test_what_is_no_settings_is_said(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "params.json").write_text(text)
    with pytest.raises(DumpUnreadable, match=words):
        Params.read(tmp_path / "params.json")


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert Params.read(tmp_path / "params.json").operation == "search"


def test_the_template_says_what_the_program_itself_writes_and_explains_each_setting(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(template(tmp_path))
    document = json.loads((tmp_path / "params.json").read_text())
    settings = {name: value for name, value in document.items() if not name.startswith("//")}
    original = json.loads((DATA / "default.params.json").read_text())
    folder = original["db_dir"]
    assert json.dumps(settings).replace(str(tmp_path), folder) == json.dumps(original)
    assert {f"// {name}" for name in settings} <= set(document)
    assert Params.read(tmp_path / "params.json").family.name == "dhash"
