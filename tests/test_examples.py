"""Every program of examples/ runs, and prints what its first lines promise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from demo.place import PICTURES
from demo.report import POSTCARD
from lookalike import Index
from tests.lookalike.cli.running import lines, start

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh"))


def run(program: str, folder: Path, *arguments: object, exit_code: int = 0, **environment: str) -> str:
    """What the program prints on stdout, started in this folder; with another exit code, on stderr."""
    interpreter = ["bash"] if program.endswith(".sh") else [sys.executable, "-W", "error"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*interpreter, str(EXAMPLES / program), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONUTF8": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_code, f"{done.stdout}{done.stderr}"
    return done.stderr if exit_code else done.stdout


def smaller(name: str) -> bytes:
    """A copy of a picture of the demo, half as wide and high."""
    with Image.open(PICTURES / name) as picture:
        copy = picture.convert("RGB").resize((picture.width // 2, picture.height // 2))
    saved = BytesIO()
    copy.save(saved, "JPEG")
    return saved.getvalue()


@contextmanager
def serving(index: Path, *options: object) -> Iterator[str]:
    """The URL of a server of this index, on a free port."""
    process = start("serve", index, "--port", 0, *options, cwd=ROOT)
    try:
        assert process.stdout is not None
        (said,) = lines(process.stdout.readline())
        yield said["url"]
    finally:
        process.terminate()
        process.communicate()


def check_find_copies_of_a_picture(folder: Path) -> None:
    program = "find_copies_of_a_picture.py"
    found = "postcard.jpg is a copy of raccoon.jpg, mirrored (certain, says crops)\n"
    assert run(program, folder) == f"pictures added: 12; in the index: 12\n{found}"

    photos = folder / "photos"
    shutil.copytree(PICTURES, photos)
    (photos / "broken.jpg").write_bytes(b"no picture")
    kept = ["--index", folder / "photos.index"]
    assert run(program, folder, photos, POSTCARD, *kept).startswith("pictures added: 12;")
    (photos / "new.jpg").write_bytes(smaller("cat.jpg"))
    again = run(program, folder, photos, EXAMPLES.parent / "docs" / "screenshots" / "search.png", *kept)
    assert again == "pictures added: 1; in the index: 13\nsearch.png is a copy of none of them\n"


def check_duplicates_in_a_folder(folder: Path) -> None:
    program = "duplicates_in_a_folder.py"
    assert run(program, folder) == "pictures: 12; copies among them: 0, of 0 bytes\n"

    photos = folder / "photos"
    (photos / "old").mkdir(parents=True)
    shutil.copy(PICTURES / "cat.jpg", photos)
    shutil.copy(PICTURES / "pagoda.jpg", photos)
    (photos / "old" / "cat.jpg").write_bytes(smaller("cat.jpg"))
    (photos / "notes.png").write_bytes(b"no picture")
    Image.new("RGB", (40, 40), "white").save(photos / "white.png")
    head, copy, flat, total = run(program, folder, photos).splitlines()
    size = (photos / "old" / "cat.jpg").stat().st_size
    assert head == "cat.jpg  451 x 300"
    assert copy.startswith("    old/cat.jpg  225 x 150  differs in ")
    assert copy.endswith(f" of 64 bits  {size:,} bytes")
    assert flat == "pictures without content, not compared: 1"
    assert total == f"pictures: 4; copies among them: 1, of {size:,} bytes"

    # cropped by 3 % on each side, which changes 8 bits
    with Image.open(PICTURES / "pagoda.jpg") as picture:
        width, height = picture.size
        box = (width * 3 // 100, height * 3 // 100, width - width * 3 // 100, height - height * 3 // 100)
        picture.crop(box).save(photos / "cropped.jpg")
    assert "cropped.jpg" not in run(program, folder, photos)
    assert "    cropped.jpg  " in run(program, folder, photos, "--max-distance", 12)


def check_image_board_hook(folder: Path) -> None:
    program = "image_board_hook.py"
    assert run(program, folder).splitlines()[:4] == [
        "12 posts; refused from a score of 75 on",
        "postcard.jpg: refused, it is post 9, mirrored (score 85)",
        "search.png: accepted as post 13",
        "search.png: refused, it is post 13, as is (score 100)",
    ]
    assert "README.md: refused, 1" in run(program, folder)
    strict = run(program, folder, POSTCARD, "--index", folder / "board.index", "--min-score", 95)
    assert strict.splitlines()[1] == "postcard.jpg: accepted as post 13"
    assert run(program, folder, POSTCARD, "--index", folder / "board.index").splitlines() == [
        "13 posts; refused from a score of 75 on",
        "postcard.jpg: refused, it is post 13, as is (score 100)",
    ]


def check_only_signatures(folder: Path) -> None:
    program = "only_signatures.py"
    said, hit = run(program, folder).splitlines()
    assert said.startswith("12 signatures; those within 10 bits of ")
    assert hit == "    astronaut.jpg  differs in 3 of 64 bits"

    hashes = folder / "hashes.txt"
    hashes.write_text("0123456789abcdef a post\nfedcba9876543210 another\n", encoding="utf-8")
    assert run(program, folder, hashes, "--signature", "0123456789abcdee").splitlines() == [
        "2 signatures; those within 10 bits of 0123456789abcdee:",
        "    a post  differs in 1 of 64 bits",
    ]
    hashes.write_text("0123456789abcdef a\nxyz b\n", encoding="utf-8")
    assert "line 2: 'xyz' is no dhash" in run(program, folder, hashes, exit_code=1)


def check_moderation_list(folder: Path) -> None:
    program = "moderation_list.py"
    said = run(program, folder).splitlines()
    assert said[:4] == [
        "lines: 5; too unreliable to use: 1",
        "5fab7231f05c… is cat.jpg (differs in 18 of 256 bits)",
        "8c629e669266… is coffee.jpg (differs in 10 of 256 bits)",
        "d8f8f0cec0f4… is not there",
    ]
    assert said[4].startswith("not-a-hash… cannot be looked up: 'not-a-hash' is no pdq")

    index = Index.create(str(folder / "photos.index"), families=["haar", "pdq"])
    index.add("my cat", smaller("cat.jpg"))
    kept = run(program, folder, EXAMPLES / "moderation_list.txt", "--index", folder / "photos.index").splitlines()
    assert kept[1].startswith("5fab7231f05c… is my cat (")
    assert kept[2] == "8c629e669266… is not there"


def check_filter_by_metadata(folder: Path) -> None:
    said = run("filter_by_metadata.py", folder).splitlines()
    everywhere, filtered = said.index("in every album:"), said.index("in pictures only:")
    assert said[everywhere + 1].startswith("    100.0  postcard.jpg  album demo, ")
    assert said[everywhere + 2].startswith("     77.1  pictures/raccoon.jpg  album pictures, ")
    assert said[filtered + 1] == said[everywhere + 2]
    assert not any("album demo" in line for line in said[filtered:])
    size = (PICTURES / "astronaut.jpg").stat().st_size
    stored = {"album": "pictures", "bytes": size, "format": "jpg"}
    assert said[-1] == f"metadata of pictures/astronaut.jpg: {stored}"


def check_search_over_http(folder: Path) -> None:
    program = "search_over_http.py"
    index = Index.create(str(folder / "photos.index"), families=["haar"])
    index.add("raccoon.jpg", (PICTURES / "raccoon.jpg").read_bytes())
    tokens = folder / "tokens.txt"
    tokens.write_text("0123456789-reader read\n", encoding="utf-8")
    with serving(folder / "photos.index", "--tokens", tokens) as url:
        ask = (program, folder, POSTCARD, "--server", url)
        found = run(*ask, LOOKALIKE_TOKEN="0123456789-reader")
        assert found == "postcard.jpg is most like\n     77.1  raccoon.jpg  mirrored  640 x 480\n"
        refused = run(*ask, exit_code=1)
        assert refused == "postcard.jpg: A token is needed: the request has no token (token-missing)\n"
        other = (program, folder, EXAMPLES / "README.md", "--server", url)
        assert "(picture-not-an-image)" in run(*other, exit_code=1, LOOKALIKE_TOKEN="0123456789-reader")
    assert run(*ask, exit_code=1).startswith(f"{url} does not answer: ")


def check_keep_in_step(folder: Path) -> None:
    program, photos = "keep_in_step.sh", folder / "photos"
    photos.mkdir()
    for name in ("cat.jpg", "pagoda.jpg", "raccoon.jpg"):
        shutil.copy(PICTURES / name, photos)
    assert "3 added, 0 unchanged, 0 failed" in run(program, folder, photos, "photos.index")

    (photos / "small cat.jpg").write_bytes(smaller("cat.jpg"))
    (photos / "pagoda.jpg").unlink()
    again = run(program, folder, photos, "photos.index")
    index = Index.open(str(folder / "photos.index"))
    assert {image.key for image in index.list()} == {"cat.jpg", "raccoon.jpg", "small cat.jpg"}
    assert "photos.index: clean" in again
    assert "1 group with 1 copy: 0 identical, 1 same" in again
    assert "small cat.jpg" in (folder / "photos.index.duplicates.html").read_text(encoding="utf-8")
    assert index.pressure() == (0, 0)


CHECKS: dict[str, Callable[[Path], None]] = {
    "duplicates_in_a_folder.py": check_duplicates_in_a_folder,
    "filter_by_metadata.py": check_filter_by_metadata,
    "find_copies_of_a_picture.py": check_find_copies_of_a_picture,
    "image_board_hook.py": check_image_board_hook,
    "keep_in_step.sh": check_keep_in_step,
    "moderation_list.py": check_moderation_list,
    "only_signatures.py": check_only_signatures,
    "search_over_http.py": check_search_over_http,
}


def test_every_example_has_a_check() -> None:
    assert sorted(CHECKS) == PROGRAMS


def test_the_page_lists_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in PROGRAMS if f"[{name}]({name})" not in page] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_does_what_it_says(program: str, tmp_path: Path) -> None:
    CHECKS[program](tmp_path)


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name.endswith(".py")])
def test_an_example_explains_itself(program: str, tmp_path: Path) -> None:
    said = run(program, tmp_path, "--help")
    assert f"python examples/{program}" in said
    assert "Shows " in said


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name.endswith(".py")])
def test_an_example_uses_the_public_names_alone(program: str) -> None:
    text = (EXAMPLES / program).read_text(encoding="utf-8")
    assert "import lookalike" not in text
    assert "from shards." not in text
