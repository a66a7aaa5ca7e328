"""`lookalike search` and `lookalike compare`: answers for people, for programs, and for `if`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from demo.place import PICTURES
from lookalike import Index
from lookalike.web.remote.fetching import Fetched, Fetcher
from shards.pictures.decoding import ORIENTATIONS
from shards.storage.originals import Roots
from tests.lookalike.cli.drawing import cloud, draw, index_of, png
from tests.lookalike.cli.pools import OWN, SharedPools
from tests.lookalike.cli.running import lines, run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures, their index, and copies of one of them."""
    place = tmp_path_factory.mktemp("search")
    draw(place / "photos", [f"{n}.png" for n in range(5)])
    index = index_of(place / "index", place / "photos", ("haar", "goldberg", "dhash"))
    index.add("tagged.png", png(2), {"album": "Rome", "year": 2026})
    cloud(3).resize((60, 50)).save(place / "larger.jpg")
    cloud(3, 64).transpose(Image.Transpose.ROTATE_90).save(place / "turned.png")
    ImageOps.invert(cloud(3, 64)).save(place / "negative.png")
    return place


@pytest.fixture(scope="module")
def pools() -> Iterator[SharedPools]:
    with SharedPools() as pools:
        yield pools


@pytest.fixture(autouse=True)
def in_place(place: Path, pools: SharedPools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("lookalike.cli.question.computing", pools.computing)


def test_the_best_hit_comes_first_with_all_that_is_known_of_it(place: Path) -> None:
    result = run("search", "index", "photos/3.png", "-n", 2)
    assert result.exit_code == 0
    first, second = lines(result.stdout)
    stored = Index.open("index").get("3.png").image
    assert first == {
        "rank": 1,
        "key": "3.png",
        "path": None,
        "score": 100.0,
        "distance": first["distance"],
        "family": first["family"],
        "false_rate": first["false_rate"],
        "confidence": "certain",
        "is_match": True,
        "reason": None,
        "families": first["families"],
        "width": 24,
        "height": 24,
        "orientation": ORIENTATIONS[0],
        "sha256": stored.sha256,
        "meta": {},
        "source": dict(stored.source),
        "not_asked": [],
        "more_matches": 0,
    }
    # the file itself is no reason not to ask goldberg, too
    assert {each["family"] for each in first["families"]} == {"haar", "goldberg", "dhash"}
    assert first["false_rate"] < 1e-8
    assert second["rank"] == 2
    assert second["score"] < 100


def test_people_get_a_table(place: Path) -> None:
    header, *rows = run("search", "index", "larger.jpg", "--family", "dhash", "--text").stdout.splitlines()
    assert header.split() == ["rank", "score", "distance", "match", "key", "size"]
    assert len(rows) == 7
    assert rows[0].split()[0] == "1"
    assert rows[0].split()[3:] == ["certain", "3.png", "24", "×", "24"]
    assert rows[1].strip() == "── below: no match ──"
    assert {row.split()[3] for row in rows[2:]} == {"no"}


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["-"], png(3)),
        (["--key", "3.png"], None),
        (["photos/3.png", "--family", "dhash", "--max-distance", "0"], None),
        (["photos/3.png", "--family", "haar", "--min-score", "99.9"], None),
        (["photos/3.png", "--family", "auto"], None),
        (["photos/3.png", "--thorough", "--min-share", "0.5"], None),
        (["turned.png", "--family", "goldberg", "--orientations", "-n", "1"], None),
        (["negative.png", "--family", "goldberg", "--negatives", "-n", "1"], None),
    ],
)
def test_there_are_many_ways_to_ask(arguments: list[str], stdin: bytes | None) -> None:
    result = run("search", "index", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    assert lines(result.stdout)[0]["key"] == "3.png"


def test_a_signature_is_a_question_too() -> None:
    text = Index.open("index").get("4.png").signatures["dhash"]
    found = lines(run("search", "index", "--family", "dhash", "--signature", text).stdout)
    assert (found[0]["key"], found[0]["distance"]) == ("4.png", 0)


def test_the_orientation_that_was_found_is_named() -> None:
    result = run("search", "index", "turned.png", "--family", "goldberg", "--orientations", "--text")
    assert result.stdout.splitlines()[0].endswith("orientation")
    found = lines(run("search", "index", "turned.png", "--family", "goldberg", "--orientations").stdout)
    unturned = lines(run("search", "index", "photos/3.png", "--family", "goldberg", "--orientations").stdout)
    assert found[0]["orientation"] != unturned[0]["orientation"]


def test_only_images_with_the_wanted_metadata_are_found() -> None:
    found = lines(run("search", "index", "photos/3.png", "--where", "album=Rome", "--where", "year=2026").stdout)
    assert [hit["key"] for hit in found] == ["tagged.png"]
    assert found[0]["meta"] == {"album": "Rome", "year": 2026}


@pytest.mark.parametrize(
    "conditions",
    [
        ["album=Rome"],
        ["year>=2026", "year<=2026", "year>2025.5", "year<2027"],
        ["album!=Paris", "album>R"],
        ['{"album": {"$in": ["Rome", "Paris"]}}'],
        ['{"$or": [{"year": 1}, {"album": "Rome"}]}', "year=2026"],
    ],
)
def test_conditions_hold_all_together(conditions: list[str]) -> None:
    arguments = [argument for condition in conditions for argument in ("--where", condition)]
    found = lines(run("search", "index", "photos/3.png", *arguments).stdout)
    assert "tagged.png" in [hit["key"] for hit in found]
    assert all(hit["meta"].get("album") == "Rome" for hit in found if "album!=Paris" not in conditions)
    assert lines(run("search", "index", "photos/3.png", *arguments, "--where", "year!=2026").stdout) == []


def dhash_of(key: str) -> int:
    return int(Index.open("index").get(key).signatures["dhash"], 16)


def test_a_hash_may_be_given_as_a_database_shows_it() -> None:
    keys = [f"{n}.png" for n in range(5)]
    asked = {key: dhash_of(key) for key in keys}
    assert any(number >> 63 for number in asked.values()), "one has to be negative"
    for key, number in asked.items():
        signed = number - (1 << 64) if number >> 63 else number
        for arguments in (
            ["--hash", f"{number:016x}"],
            ["--signature", f"{number:016x}"],
            ["--hash", str(signed), "--hash-form", "signed"],
            ["--hash", str(number), "--hash-form", "unsigned"],
            ["--hash", f"{number:064b}", "--hash-form", "bits"],
            *([["--hash", str(signed)]] if signed < 0 else []),
        ):
            found = lines(run("search", "index", "--family", "dhash", *arguments, "--within", 0).stdout)
            assert key in [hit["key"] for hit in found]
            assert {hit["distance"] for hit in found} == {0}


def test_sixteen_decimal_digits_are_hex_unless_told_otherwise() -> None:
    by_hex = run("search", "index", "--family", "dhash", "--hash", "1234567890123456", "-n", 1)
    by_number = run("search", "index", "--family", "dhash", "--hash", "000462d53c8abac0", "-n", 1)
    signed = run("search", "index", "--family", "dhash", "--hash", "1234567890123456", "--hash-form", "signed", "-n", 1)
    assert signed.stdout == by_number.stdout != by_hex.stdout


def test_all_within_a_distance_are_found_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = lines(run("search", "index", "photos/3.png", "--family", "dhash", "-n", 100).stdout)
    radius = sorted(hit["distance"] for hit in everything)[-2]
    expected = [hit for hit in everything if hit["distance"] <= radius]
    assert len(expected) > 2
    for page in (1, 2, 20_000):
        monkeypatch.setattr("lookalike.cli.commands.search.PAGE", page)
        found = run("search", "index", "photos/3.png", "--family", "dhash", "--within", radius)
        assert (found.exit_code, lines(found.stdout)) == (0, expected)
        two = run("search", "index", "photos/3.png", "nothing.png", "--family", "dhash", "--within", radius)
        assert (two.exit_code, [hit["key"] for hit in lines(two.stdout)]) == (2, [hit["key"] for hit in expected])
        assert "nothing.png" in two.stderr
    assert run("search", "index", "negative.png", "--family", "dhash", "--within", 0, "--text").stdout == (
        "nothing like it among 6 images\n"
    )


def test_more_than_one_answer_can_hold_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shards.search.query.MAX_LIMIT", 2)
    monkeypatch.setattr("lookalike.cli.commands.search.PAGE", 2)
    found = lines(run("search", "index", "photos/3.png", "--family", "haar", "-n", 5).stdout)
    assert [hit["rank"] for hit in found] == [1, 2, 3, 4, 5]
    assert len({hit["key"] for hit in found}) == 5
    result = run("search", "index", "photos/3.png", "-n", 5)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "name it with --family" in result.stderr


def test_hits_have_links_where_their_metadata_allows_it() -> None:
    template = "https://en.wikipedia.org/wiki/{album}#{key}"
    found = lines(run("search", "index", "--key", "tagged.png", "--link", template).stdout)
    assert {hit["key"]: hit.get("link") for hit in found if "link" in hit} == {
        "tagged.png": "https://en.wikipedia.org/wiki/Rome#tagged.png"
    }
    assert len(found) == 6
    header, *rows = run("search", "index", "--key", "tagged.png", "--link", template, "--text").stdout.splitlines()
    assert header.split()[-1] == "link"
    assert sum("https://en.wikipedia.org/wiki/Rome#tagged.png" in row for row in rows) == 1


def test_the_url_in_metadata_is_printed(tmp_path: Path) -> None:
    index = Index.create(str(tmp_path / "wiki"), families=["dhash"])
    index.add("17", png(1), {"url": "Zürich\n"})
    index.add("18", png(1), {"url": 3})
    header, first, second = run("search", tmp_path / "wiki", "photos/1.png", "--text").stdout.splitlines()
    assert header.split()[-1] == "url"
    assert first.endswith("  Zürich\\n")
    assert second.endswith("24 × 24")


def test_several_images_have_an_answer_each() -> None:
    result = run("search", "index", "photos/3.png", "larger.jpg", "photos/1.png", "-n", 1)
    assert result.exit_code == 0
    found = [(hit.pop("query"), hit) for hit in lines(result.stdout)]
    assert [(query, hit["key"], hit["rank"]) for query, hit in found] == [
        ("photos/3.png", "3.png", 1),
        ("larger.jpg", "3.png", 1),
        ("photos/1.png", "1.png", 1),
    ]
    for query, hit in found:
        assert [hit] == lines(run("search", "index", query, "-n", 1).stdout)


def test_people_get_a_table_for_each_image_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.cli.commands.search.TOGETHER", 1)
    text = run("search", "index", "photos/3.png", "larger.jpg", "-n", 2, "--text").stdout
    tables = [table.splitlines() for table in text.strip().split("\n\n")]
    assert [table[0] for table in tables] == ["photos/3.png", "larger.jpg"]
    assert [len(table) for table in tables] == [5, 5]


def test_an_image_that_cannot_be_read_does_not_spoil_the_others() -> None:
    result = run("search", "index", "nothing.png", "photos/3.png", "-", "-n", 1, stdin=b"text")
    assert result.exit_code == 2
    assert [hit["query"] for hit in lines(result.stdout)] == ["photos/3.png"]
    first, second = result.stderr.splitlines()
    assert "nothing.png" in first
    assert second.startswith("lookalike: -: ")


def test_of_several_images_one_without_a_hit_is_exit_code_1() -> None:
    arguments = ("search", "index", "photos/3.png", "negative.png", "--family", "dhash", "--max-distance", 0)
    result = run(*arguments)
    assert (result.exit_code, [hit["query"] for hit in lines(result.stdout)]) == (1, ["photos/3.png"])
    assert "nothing like negative.png among 6 images" in run(*arguments, "--text").stdout


def test_nothing_found_is_exit_code_1() -> None:
    result = run("search", "index", "photos/3.png", "--where", "album=Paris")
    assert (result.exit_code, result.stdout) == (1, "")
    result = run("search", "index", "photos/3.png", "--where", "album=Paris", "--text")
    assert (result.exit_code, result.stdout) == (1, "nothing like it among 6 images\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["index", "nothing.png"], "nothing.png"),
        (["nowhere", "photos/3.png"], "is not an index"),
        (["index", "--key", "nothing.png"], "no image 'nothing.png'"),
        (["index", "photos/3.png", "--family", "phash"], "no signatures of phash"),
        (["index", "photos/3.png", "--family", "nonsense"], "nonsense"),
        (["index", "--family", "dhash", "--signature", "xyz"], "xyz"),
        (["index", "photos/3.png", "-n", "0"], "limit"),
        (["index", "photos/3.png", "--family", "haar", "--max-distance", "3"], "haar has no distance"),
        (["index", "photos/3.png", "--max-distance", "3"], "max_distance is one of a single family"),
        (["index", "photos/3.png", "--min-share", "3"], "min_share is 3.0"),
        (["index", "photos/3.png", "--key", "3.png"], "one of IMAGE, --key and --signature"),
        (["index"], "one of IMAGE, --key and --signature"),
        (["index", "photos/3.png", "--hash-form", "signed"], "there is none"),
        (["index", "photos/3.png", "--family", "dhash", "--within", "3", "-n", "5"], "leave out the other limits"),
        (["index", "--family", "dhash", "--hash", "99999999999999999999"], "a number of 64 bits is"),
        (["index", "photos/3.png", "--link", "javascript:{key}"], "no template of addresses"),
        (["index", "-"], "nothing came"),
        (["index", "photos/3.png", "--where", "album"], "'album' is no condition: give NAME=VALUE"),
        (["index", "photos/3.png", "--where", "=Rome"], "'=Rome' is no condition"),
        (["index", "photos/3.png", "--where", "{album: 1}"], "is no filter as JSON"),
        (["index", "photos/3.png", "--where", '{"album": {"$near": 1}}'], "'$near' beside 'album' is no operator"),
        (["index", "photos/3.png", "--where", "year<null"], "only numbers and text have an order"),
    ],
)
def test_a_search_that_fails_says_why_and_is_exit_code_2(arguments: list[str], said: str) -> None:
    result = run("search", *arguments, stdin=b"")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_images_that_look_the_same_compare_with_exit_code_0() -> None:
    result = run("compare", "photos/3.png", "larger.jpg")
    assert result.exit_code == 0
    found = lines(result.stdout)
    assert [one["family"] for one in found] == ["haar", "goldberg", "dhash", "pdq", "crops"]
    assert set(found[2]) == {"family", "score", "distance", "is_match", "reason", "confidence", "overlap"}
    assert (found[0]["is_match"], found[0]["confidence"], found[0]["overlap"]) == (True, "certain", None)


def test_comparing_with_a_part_of_it_says_which_part() -> None:
    with Image.open(PICTURES / "cat.jpg") as whole:
        whole.crop((0, 0, whole.width // 2, whole.height)).save("half.png")
    result = run("compare", "half.png", str(PICTURES / "cat.jpg"), "--family", "crops")
    (found,) = lines(result.stdout)
    assert (result.exit_code, found["is_match"]) == (0, True)
    right = max(x for x, _ in found["overlap"]["stored"])
    assert 0.45 < right < 0.55


def test_images_that_do_not_compare_with_exit_code_1() -> None:
    result = run("compare", "photos/3.png", "photos/4.png", "--text")
    assert result.exit_code == 1
    header, first, *_ = result.stdout.splitlines()
    assert header.split() == ["family", "score", "distance", "match"]
    assert (first.split()[0], first.split()[-1]) == ("haar", "no")


def test_one_family_alone_can_decide() -> None:
    result = run("compare", "photos/3.png", "-", "--family", "pdq", stdin=png(3))
    assert result.exit_code == 0
    assert [one["family"] for one in lines(result.stdout)] == ["pdq"]


def test_an_index_lends_its_families_and_its_images() -> None:
    result = run("compare", "key:3.png", "larger.jpg", "--index", "index")
    assert result.exit_code == 0
    assert [one["family"] for one in lines(result.stdout)] == ["haar", "goldberg", "dhash"]
    assert run("compare", "key:3.png", "key:4.png", "--index", "index", "--family", "dhash").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["photos/3.png", "nothing.png"], "nothing.png"),
        (["photos/3.png", "key:3.png"], "say which with --index"),
        (["photos/3.png", "key:9.png", "--index", "index"], "no image '9.png'"),
        (["photos/3.png", "larger.jpg", "--index", "index", "--family", "phash"], "no signatures of phash"),
        (["photos/3.png", "larger.jpg", "--family", "nonsense"], "nonsense"),
    ],
)
def test_a_comparison_that_fails_is_exit_code_2(arguments: list[str], said: str) -> None:
    result = run("compare", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_an_answer_that_is_not_whole_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Index.open("index").search(Path("photos/3.png"))
    partial = replace(whole, partial=True, missing=("segments/0001/a.npz", "segments/0002/b.npz"))
    monkeypatch.setattr(Index, "ask", lambda self, questions, options: [partial])
    result = run("search", "index", "photos/3.png")
    assert result.exit_code == 2
    assert lines(result.stdout)[0]["key"] == "3.png", "what was found is shown all the same"
    assert "segments/0001/a.npz, segments/0002/b.npz could not be searched" in result.stderr


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = run("search", "index", tmp_path / "pipe")
    assert result.exit_code == 2
    assert "pipe: this is a pipe, a socket or a device, not a file; to read a pipe, give - for stdin" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not say what a process has")
@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "index", "plain.png"),
        pytest.param(("compare", "plain.png", "larger.jpg"), marks=pytest.mark.long),
        pytest.param(("compare", "plain.png", "key:3.png", "--index", "index"), marks=pytest.mark.long),
    ],
)
def test_a_picture_that_needs_more_memory_than_it_may_have_is_refused(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.cli.question.computing", OWN)
    Image.new("1", (8000, 8000)).save("plain.png")
    monkeypatch.setattr("lookalike.signatures.memory.for_pictures", lambda: 32 << 20)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "memory" in result.stderr
    assert "smaller copy" in result.stderr


def test_all_that_is_a_match_beyond_the_limit_is_counted(tmp_path: Path) -> None:
    index = Index.create(str(tmp_path / "many"), families=["haar", "dhash"])
    for n in range(5):
        index.add(f"same/{n}.png", png(7))
    index.add("other.png", png(8))
    text = run("search", tmp_path / "many", "--key", "same/0.png", "-n", 2, "--text").stdout
    assert text.splitlines()[-1] == "and 3 more of score 100.00; -n shows more"
    found = lines(run("search", tmp_path / "many", "--key", "same/0.png", "-n", 2).stdout)
    assert [hit["more_matches"] for hit in found] == [3, 3]
    text = run("search", tmp_path / "many", "--key", "same/0.png", "-n", 6, "--text").stdout
    assert text.splitlines()[-2].strip() == "── below: no match ──"
    assert "other.png" in text.splitlines()[-1]


def test_what_is_counted_beyond_the_limit_stays_within_that_of_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.create(str(tmp_path / "many"), families=["dhash"])
    for n in range(5):
        index.add(f"{n}.png", png(7))
    monkeypatch.setattr("shards.search.query.MAX_LIMIT", 3)
    asked = ("search", tmp_path / "many", "--key", "0.png", "--text")
    assert run(*asked, "-n", 2).stdout.splitlines()[-1] == "and at least 1 more of score 100.00; -n shows more"
    assert run(*asked, "-n", 3).exit_code == 0


def test_without_a_match_all_hits_are_below_the_line() -> None:
    _, line, *rows = run("search", "index", "negative.png", "--family", "dhash", "--text").stdout.splitlines()
    assert line.strip() == "── below: no match ──"
    assert {row.split()[3] for row in rows} == {"no"}


def test_the_exit_code_tells_of_a_match_if_asked() -> None:
    negative = ("search", "index", "negative.png", "--family", "dhash")
    assert run(*negative).exit_code == 0
    assert run(*negative, "--exit-code").exit_code == 1
    assert run("search", "index", "photos/3.png", "--exit-code").exit_code == 0
    assert run("search", "index", "photos/3.png", "negative.png", "--family", "dhash", "--exit-code").exit_code == 1


def test_paths_are_shown_where_this_machine_was_told_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.ingest.roots.known", lambda _: Roots.of([Path("photos").resolve()]))
    path = str(Path("photos/3.png").resolve())
    asked = ("search", "index", "--key", "3.png", "-n", 1)
    assert lines(run(*asked).stdout)[0]["path"] == path
    header, row, *_ = run(*asked, "--text").stdout.splitlines()
    assert (header.split()[4], row.split()[4]) == ("path", path)
    header, row, *_ = run(*asked, "--text", "--keys").stdout.splitlines()
    assert (header.split()[4], row.split()[4]) == ("key", "3.png")


def test_each_picture_of_a_folder_is_a_question() -> None:
    found = lines(run("search", "index", "photos", "-n", 1).stdout)
    assert [(hit["query"], hit["key"]) for hit in found] == [(f"photos/{n}.png", f"{n}.png") for n in range(5)]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    result = run("search", "index", tmp_path)
    assert (result.exit_code, "holds no picture" in result.stderr) == (2, True)


def test_an_address_of_the_web_is_fetched_by_the_rules_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("search", "index", "http://127.0.0.1:8080/a.png")
    assert result.exit_code == 2
    assert "127.0.0.1 is not a public address" in result.stderr

    async def fetch(self: Fetcher, url: str) -> Fetched:
        return Fetched(png(3), "image/png", url)

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    assert lines(run("search", "index", "https://example.org/a.png", "-n", 1).stdout)[0]["key"] == "3.png"


def test_the_clipboard_is_a_question_where_there_is_a_tool_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    result = run("search", "index", "clipboard:")
    assert (result.exit_code, "install one of xclip, wl-paste, pngpaste" in result.stderr) == (2, True)
    tool = tmp_path / "xclip"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    assert "there is no picture on the clipboard" in run("search", "index", "clipboard:").stderr
    picture = Path("photos/3.png").resolve()
    tool.write_text(f'#!/bin/sh\n[ "$4" = image/png ] && exec /bin/cat "{picture}"\nexit 1\n')
    assert lines(run("search", "index", "clipboard:", "-n", 1).stdout)[0]["key"] == "3.png"


def test_a_picture_is_decoded_in_a_confined_process_and_not_in_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("decode", "load_known"):
        monkeypatch.setattr(f"lookalike.signatures.compute.{name}", lambda *_, **__: pytest.fail("decoded here"))
    assert run("search", "index", "photos/3.png").exit_code == 0
    assert run("compare", "photos/3.png", "larger.jpg").exit_code == 0
    assert run("compare", "photos/3.png", "key:3.png", "--index", "index").exit_code == 0
