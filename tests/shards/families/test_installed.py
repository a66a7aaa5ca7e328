"""Families that come with other packages, as an installer would leave them: a module and a dist-info folder."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from lookalike import Index
from shards import families
from shards.errors import QueryError
from shards.families import installed
from shards.testing import FamilyTests
from shards.testing.samples import scene

PAGE = (Path(__file__).parents[3] / "docs" / "families.md").read_text(encoding="utf-8")
BRIGHTNESS = re.findall("```python\n(# brightness.py\n.*?)```", PAGE, re.DOTALL)[0]
"""The family of the page that says how to write one."""


def png(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene(seed).rgb).save(file, "PNG")
    return file.getvalue()


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return `install(package, code, entry_points)`, whose families there are until the test ends."""
    families.family.cache_clear()
    installed.declared.cache_clear()
    before = set(sys.modules)

    def put(package: str, code: str, **entry_points: str) -> None:
        site = tmp_path / package
        dist_info = site / f"{package}-1.0.dist-info"
        dist_info.mkdir(parents=True)
        (site / f"{package}.py").write_text(code)
        (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
        (dist_info / "entry_points.txt").write_text(f"[lookalike.families]\n{lines}")
        monkeypatch.syspath_prepend(site)

    yield put
    families.family.cache_clear()
    installed.declared.cache_clear()
    for module in set(sys.modules) - before:
        if module.startswith("colours"):
            del sys.modules[module]


def test_an_index_is_made_searched_and_opened_with_a_family_of_another_package(
    install: Install, tmp_path: Path
) -> None:
    install("colours", BRIGHTNESS, brightness="colours:Brightness")
    index = Index.create(str(tmp_path / "index"), families=["brightness", "dhash"])
    index.add("a.png", png(1))
    index.add("b.png", png(2))
    opened = Index.open(str(tmp_path / "index"))

    assert [family.name for family in opened.families] == ["brightness", "dhash"]
    hits = opened.search(png(1), family="brightness").hits
    assert hits[0].key == "a.png"
    assert hits[0].score == 100
    assert hits[0].distance is None
    assert opened.duplicates(family="brightness", min_score=0).method.is_exact


class TestBrightness(FamilyTests):
    """The tests of the package itself."""

    @pytest.fixture
    def family(self, install: Install) -> families.Family:
        install("colours", BRIGHTNESS, brightness="colours:Brightness")
        return families.family("brightness")


def test_it_is_listed_after_the_built_in_ones(install: Install) -> None:
    install("colours", BRIGHTNESS, brightness="colours:Brightness")

    assert families.names()[-2:] == ["crops", "brightness"]


def test_an_unknown_name_is_told_what_there_is(install: Install) -> None:
    install("colours", BRIGHTNESS, brightness="colours:Brightness")

    with pytest.raises(
        QueryError, match=r"no family is called 'sharpness'; there are haar, .*pdq, crops, brightness, and"
    ):
        families.family("sharpness")


def test_a_built_in_name_cannot_be_taken(install: Install) -> None:
    install("colours", BRIGHTNESS, dhash="colours:Brightness", phash16="colours:Brightness")

    assert families.family("dhash").unit == "bits"
    assert families.family("phash16").unit == "bits"


def test_two_packages_with_one_name_are_refused_by_name(install: Install) -> None:
    install("colours", BRIGHTNESS, brightness="colours:Brightness")
    install("colours_too", BRIGHTNESS, brightness="colours_too:Brightness")

    with pytest.raises(QueryError, match=r"(?=.*colours:Brightness \(colours\))(?=.*colours_too:Brightness)"):
        families.family("brightness")


@pytest.mark.parametrize(
    ("code", "value", "problem"),
    [
        (BRIGHTNESS, "colours:Missing", "cannot be loaded: AttributeError"),
        ("import does_not_exist", "colours:Brightness", "cannot be loaded: ModuleNotFoundError.*does_not_exist"),
        ("raise ValueError('old numpy')", "colours:Brightness", "cannot be loaded: ValueError: old numpy"),
        (BRIGHTNESS.replace("\n    def score", "\n    def rank"), "colours:Brightness", "TypeError.*score"),
        ("Brightness = dict", "colours:Brightness", "is dict, which does not derive from"),
        (BRIGHTNESS.replace('"brightness"', '"light"'), "colours:Brightness", "calls itself 'light'"),
    ],
    ids=["no such name", "a missing dependency", "a broken module", "an unfinished class", "no family", "other name"],
)
def test_what_cannot_be_used_says_which_package_and_why(install: Install, code: str, value: str, problem: str) -> None:
    install("colours", code, brightness=value)

    with pytest.raises(QueryError, match=rf"'brightness' of {value} \(colours\).*{problem}"):
        families.family("brightness")


def test_a_name_that_cannot_stand_in_a_column_is_refused(install: Install) -> None:
    install("colours", BRIGHTNESS.replace('"brightness"', '"a.b"'), **{"a.b": "colours:Brightness"})

    with pytest.raises(QueryError, match="lower-case letters"):
        families.family("a.b")


def test_built_in_families_look_up_nothing() -> None:
    code = (
        "import sys; from shards.families import family; "
        "[family(name) for name in ('haar', 'goldberg', 'dhash', 'phash16', 'pdq')]; print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"importlib.metadata", "shards.families.installed"} & set(run.stdout.split())
