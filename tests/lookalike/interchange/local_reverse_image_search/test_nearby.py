"""All images within so many digits or bits are found, and no other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lookalike import Index
from lookalike.interchange.local_reverse_image_search import nearby
from shards.families.hashes import ImageHash
from shards.table.format.records import Records
from tests.lookalike.interchange.reading import INTEROP

EXPECTED = json.loads((INTEROP / "local-reverse-image-search" / "expected.json").read_text(encoding="utf-8"))


def index_of(family: ImageHash, hashes: dict[str, str]) -> Index:
    index = Index.create("memory://", families=(family.name,), thumbnails=0)
    rows = np.array([family.parse(text) for text in hashes.values()], family.dtype)
    order = np.ones((len(hashes), 2), np.uint64)
    index.write_bulk(Records.build(keys=list(hashes), order=order, rows={family.name: rows}))
    return index


def differing(a: str, b: str) -> int:
    """What the program counts."""
    return sum(x != y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", ["dhash8", "dhash16"])
def test_what_the_program_found_is_found_and_nothing_else(name: str) -> None:
    database = EXPECTED["databases"][name]
    family = ImageHash("dhash", int(name.removeprefix("dhash")))
    index = index_of(family, database["hashes"])
    for search in EXPECTED["searches"]:
        if search["database"] != name:
            continue
        texts = list(dict.fromkeys(asked["query_hex"] for asked in search["bits"].values()))
        queries = np.array([family.parse(text) for text in texts], family.dtype)
        groups = nearby.search(index, family, queries, "digits", search["threshold_in_hex_digits"])
        found = {
            " | ".join(
                path for path, asked in search["bits"].items() if asked["query_hex"] == texts[group.number]
            ): sorted(key for _, key in group.matches)
            for group in groups
            if group.matches
        }
        assert found == search["original_found"]
        for bits in (0, 1, 3, 6, 10):
            for text, group in zip(texts, nearby.search(index, family, queries, "bits", bits), strict=True):
                asked = next(asked for asked in search["bits"].values() if asked["query_hex"] == text)
                assert sorted(key for _, key in group.matches) == asked["within_bits"][str(bits)]


@pytest.mark.parametrize(("size", "seed"), [(8, 1), (5, 2), (6, 3), (16, 4), (9, 5)])
def test_distances_are_those_of_the_digits_whatever_the_size(size: int, seed: int) -> None:
    random, family = np.random.default_rng(seed), ImageHash("dhash", size)
    digits = -(-family.bits // 4)
    base = int(random.integers(1 << 62)) % (1 << family.bits)
    texts = {}
    for n in range(200):
        number = base
        for bit in random.choice(family.bits, random.integers(0, 9), replace=False).tolist():
            number ^= 1 << bit
        texts[f"k{n}"] = f"{number:0{digits}x}"
    index = index_of(family, texts)
    query = texts["k0"]
    for threshold in (0, 1, 3, digits, 10**30):
        (group,) = nearby.search(index, family, np.array([family.parse(query)], family.dtype), "digits", threshold)
        wanted = sorted((differing(query, text), key) for key, text in texts.items())
        assert list(group.matches) == [match for match in wanted if match[0] <= threshold]


@pytest.mark.parametrize("unit", ["digits", "bits"])
@pytest.mark.parametrize("threshold", [0, 1, 2, 5])
@pytest.mark.parametrize("joins", [True, False])
def test_duplicates_are_what_a_search_for_every_image_finds(
    unit: nearby.Unit, threshold: int, joins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if joins:  # which so few hashes are not worth
        monkeypatch.setattr("shards.families.hashes.join.PLAIN_COST", 1.0)
    else:
        monkeypatch.setattr(nearby, "plan_join", lambda *_: None)
    random, family = np.random.default_rng(threshold), ImageHash("dhash")
    bases = random.integers(0, 1 << 63, 20).tolist()
    texts = {}
    for n in range(150):
        number = bases[n % 20]
        for bit in random.choice(64, random.integers(0, 4), replace=False).tolist():
            number ^= 1 << bit
        texts[f"k{n}"] = f"{number:016x}"
    index = index_of(family, texts)
    steps: list[tuple[int, int]] = []
    found = nearby.duplicates(index, family, unit, threshold, lambda done, of: steps.append((done, of)))

    def distance(a: str, b: str) -> int:
        return differing(a, b) if unit == "digits" else (int(a, 16) ^ int(b, 16)).bit_count()

    wanted = []
    for text in sorted(set(texts.values())):
        matches = sorted((distance(text, other), key) for key, other in texts.items())
        matches = [match for match in matches if match[0] <= threshold]
        if len(matches) > 1:
            wanted.append((sorted(key for key, other in texts.items() if other == text), matches))
    assert [(own, list(group.matches)) for own, group in found] == sorted(wanted)
    assert not steps or steps[-1][0] == steps[-1][1]


def test_an_empty_index_has_no_matches() -> None:
    family = ImageHash("dhash")
    index = Index.create("memory://", families=("dhash",))
    query = np.array([family.parse("0" * 16)], family.dtype)
    assert [group.matches for group in nearby.search(index, family, query, "digits", 5)] == [()]
    assert nearby.search(index, family, query[:0], "digits", 5) == []
    assert nearby.duplicates(index, family, "digits", 1, lambda *_: None) == []
