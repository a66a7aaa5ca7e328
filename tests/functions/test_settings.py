"""Settings: what the environment says, and what is wrong with it."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from itertools import pairwise

import pytest

from functions.aws.settings import PARSERS, SettingInvalid, Settings
from shards.families import DEFAULT

INDEX = {"LOOKALIKE_INDEX": "s3://bucket/index"}


def test_only_the_index_is_needed() -> None:
    settings = Settings.from_env(INDEX)
    assert settings == Settings(index="s3://bucket/index")
    assert settings.families == DEFAULT
    assert not settings.public
    assert not settings.tokens_secret


@pytest.mark.parametrize("environ", [{}, {"LOOKALIKE_INDEX": ""}, {"LOOKALIKE_INDEX": "  "}, {"INDEX": "s3://b"}])
def test_without_an_index_it_says_what_to_give(environ: dict[str, str]) -> None:
    with pytest.raises(SettingInvalid, match="LOOKALIKE_INDEX is missing: give the address"):
        Settings.from_env(environ)


def test_the_bucket_of_the_pictures_is_needed_where_it_is_used() -> None:
    with pytest.raises(SettingInvalid, match="LOOKALIKE_IMAGES is missing"):
        Settings.from_env(INDEX).images_bucket()
    assert Settings.from_env({**INDEX, "LOOKALIKE_IMAGES": "pictures"}).images_bucket() == "pictures"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("families", "haar, phash,", ("haar", "phash")),
        ("shards", " 64 ", 64),
        ("hold", "2.5", 2.5),
        ("public", "true", True),
        ("public", "False", False),
        ("cors_origins", "https://a.example,https://b.example", ("https://a.example", "https://b.example")),
        ("thumbnails", "0", 0),
        ("cache", "", ""),
    ],
)
def test_a_knob_is_read_from_its_variable(name: str, text: str, value: object) -> None:
    assert getattr(Settings.from_env({**INDEX, f"LOOKALIKE_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("shards", "many", "a whole number"),
        ("shards", "1.5", "a whole number"),
        ("shards", "-1", "a whole number"),
        ("hold", "nan", "a number"),
        ("hold", "inf", "a number"),
        ("hold", "soon", "a number"),
        ("public", "yes", "true or false"),
        ("urls", "1", "true or false"),
    ],
)
def test_a_value_that_cannot_be_understood_is_named(name: str, text: str, wanted: str) -> None:
    variable = f"LOOKALIKE_{name.upper()}"
    with pytest.raises(SettingInvalid, match=f"{variable} is '{text}': it has to be {wanted}"):
        Settings.from_env({**INDEX, variable: text})


def test_every_knob_can_be_read_and_is_explained() -> None:
    for field in fields(Settings):
        assert str(field.type) in PARSERS, field.name
    (settings,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(settings, ast.ClassDef)
    for statement, after in pairwise(settings.body):
        if isinstance(statement, ast.AnnAssign):
            is_explained = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            assert is_explained, ast.unparse(statement)
