"""Numbers, sizes, times and names as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.cli.command import name_value, names_of, size
from lookalike.cli.output import human


@pytest.mark.parametrize(("n", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1536, "1.5 kB"), (2 * 10**12, "2.0 TB")])
def test_sizes_are_in_units_of_a_thousand(n: int, text: str) -> None:
    assert human.size(n) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (75.2, "1 min 15 s"), (7300, "2 h 1 min")],
)
def test_durations_grow_coarser(seconds: float, text: str) -> None:
    assert human.duration(seconds) == text


def test_one_is_singular() -> None:
    assert [human.count(n, "image") for n in (0, 1, 1234)] == ["0 images", "1 image", "1,234 images"]
    assert human.count(2, "copy", "copies") == "2 copies"


def test_only_the_same_scores_100() -> None:
    assert [human.score(value) for value in (100.0, 99.9999, 12.345)] == ["100.00", "99.99", "12.35"]


def test_distances_in_bits_have_no_fraction() -> None:
    assert [human.distance(value) for value in (3.0, 0.25, None)] == ["3", "0.2500", ""]


def test_times_for_programs_are_utc() -> None:
    assert human.moment_utc(1_795_234_925_232_309_397) == "2026-11-21T04:22:05.232Z"


def test_control_characters_cannot_command_the_terminal() -> None:
    assert human.shown("a\n\x1b[31mb ü 🐱") == "a\\n\\x1b[31mb ü 🐱"


@given(st.text(st.characters()))
def test_any_name_is_shown_on_one_line_that_can_be_printed(name: str) -> None:
    assert human.shown(name).isprintable()


@pytest.mark.parametrize(
    ("text", "n"),
    [("123", 123), ("50MB", 50_000_000), ("48MiB", 48 << 20), ("1.5k", 1500), ("2 gib", 2 << 30), ("7b", 7)],
)
def test_sizes_are_read_as_people_write_them(text: str, n: int) -> None:
    assert size(text) == n


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("year=2026", ("year", 2026)),
        ("album=Rome", ("album", "Rome")),
        ('album="7"', ("album", "7")),
        ("a=b=c", ("a", "b=c")),
        ("tags=[1, 2]", ("tags", [1, 2])),
        ("x=NaN", ("x", "NaN")),
        ("empty=", ("empty", "")),
    ],
)
def test_metadata_is_json_where_it_can_be(text: str, pair: tuple[str, object]) -> None:
    assert name_value(text) == pair


def test_names_come_one_by_one_or_with_commas() -> None:
    assert names_of(["haar, dhash", "phash", "haar"]) == ["haar", "dhash", "phash"]
