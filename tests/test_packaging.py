"""What a release consists of: the wheel has all that a user needs, nothing else, and says what it is.

It is built by hatchling in this environment, without a network, and installed beside the tests' own packages into an
environment that knows nothing of this folder.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

import lookalike

ROOT = Path(__file__).parent.parent
HOME = "https://github.com/lookalike-search/lookalike"

BUILD = "import sys; from hatchling import build; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def build(kind: str, folder: Path) -> Path:
    """The file that `build_wheel` or `build_sdist` makes in this folder."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(folder)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("build_wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, bytes]:
    """The wheel's files by name, those about the release without the folder they are in."""
    with zipfile.ZipFile(wheel) as archive:
        return {re.sub(r"^[^/]+\.dist-info/", "", name): archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(contents: dict[str, bytes]) -> Message:
    return message_from_bytes(contents["METADATA"])


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a user who has installed the wheel and what it depends on."""
    environment = tmp_path_factory.mktemp("user")
    venv.create(environment, symlinks=True)
    executable = environment / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # a .pth file within the tests' own packages is not followed: it would lead back to this folder
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return executable


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_package_and_nothing_else(contents: dict[str, bytes]) -> None:
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    ours = [path for folder in ("lookalike", "shards") for path in (ROOT / folder).rglob("*")]
    files = {path.relative_to(ROOT).as_posix() for path in ours if path.is_file()}
    assert set(contents) == about | {name for name in files if "__pycache__" not in name}


def test_the_wheel_says_that_it_has_types(contents: dict[str, bytes], metadata: Message) -> None:
    assert contents["lookalike/py.typed"] == contents["shards/py.typed"] == b""
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_wheel_brings_the_command(contents: dict[str, bytes]) -> None:
    assert contents["entry_points.txt"].decode().split("\n") == [
        "[console_scripts]",
        "lookalike = lookalike.cli:main",
        "",
    ]


def test_the_metadata_say_whose_it_is_and_where_it_lives(metadata: Message) -> None:
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL", []))
    assert urls.keys() == {"Homepage", "Documentation", "Changelog", "Issues"}
    assert all(url == HOME or url.startswith(f"{HOME}/") for url in urls.values())
    assert metadata["Author"] == "The lookalike authors"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Operating System :: POSIX" in metadata.get_all("Classifier", [])


def test_the_oldest_python_that_is_named_is_the_oldest_that_is_allowed(metadata: Message) -> None:
    named = re.findall(r"Python :: 3\.(\d+)$", "\n".join(metadata.get_all("Classifier", [])), re.MULTILINE)
    assert metadata["Requires-Python"] == f">=3.{min(map(int, named))}"


def test_files_that_the_urls_name_are_there(metadata: Message) -> None:
    named = re.findall(rf"{HOME}/(?:tree|blob)/main/(\S+)", "\n".join(metadata.get_all("Project-URL", [])))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_version_is_written_down_once(wheel: Path, metadata: Message) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert metadata["Version"] == lookalike.__version__
    assert wheel.name == f"lookalike-{lookalike.__version__}-py3-none-any.whl"


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == lookalike.__version__


def test_the_source_release_has_what_people_read_run_and_try(tmp_path: Path) -> None:
    with tarfile.open(build("build_sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "shards/py.typed"} <= names
    assert {"Makefile", "requirements.lock", "requirements-dev.lock", ".ci/run"} <= names
    examples = [path for path in (ROOT / "examples").iterdir() if path.is_file()]
    assert examples
    assert {f"examples/{path.name}" for path in examples} <= names


def test_the_installed_command_says_its_version(python: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.metadata import entry_points\n"
        "(command,) = entry_points(group='console_scripts', name='lookalike')\n"
        "command.load()(['--version'])\n"
    )
    done = run(tmp_path, python, "-c", code)
    assert done.stdout == f"lookalike {lookalike.__version__}\n", done.stderr


def test_the_installed_package_brings_its_page(python: Path, tmp_path: Path) -> None:
    code = (
        "import lookalike; from lookalike.web.page.static import site; print(lookalike.__file__, *sorted(site().files))"
    )
    file, *names = run(tmp_path, python, "-c", code).stdout.split()
    assert not Path(file).is_relative_to(ROOT)
    assert {"main.js", "style.css", "mark.svg"} <= set(names)


USED_RIGHTLY = """
from lookalike import Answer, Index, Key, Signature

index = Index.create("memory://", families=["dhash"])
answer: Answer = index.search(Signature("0123456789abcdef"), max_distance=10)
names: list[str] = [hit.key for hit in answer.hits]
there: bool = bool(index.has(names))
"""

USED_WRONGLY = """
from lookalike import Index, Key

index = Index.create("memory://", shards="four")
answer = index.search(Key("cat.jpg"), limt=3)
index.add("cat.jpg", "cat.jpg")
print(answer.hits[0].scor)
"""


def check_types(python: Path, folder: Path, program: str) -> list[str]:
    """What mypy says of this program, to a user who has the wheel: a line for each error."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    options = ["--strict", "--python-executable", str(python), "--cache-dir", str(folder / "cache")]
    done = run(folder, sys.executable, "-m", "mypy", *options, "--no-error-summary", "program.py")
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def test_a_users_mypy_sees_the_types(python: Path, tmp_path: Path) -> None:
    assert check_types(python, tmp_path, USED_RIGHTLY) == []
    found = check_types(python, tmp_path, USED_WRONGLY)
    errors = [re.fullmatch(r"program\.py:(\d+): error: .+ \[(.+)\]", line) for line in found]
    assert [(error[1], error[2]) for error in errors if error] == [
        ("4", "arg-type"),
        ("5", "call-arg"),
        ("6", "arg-type"),
        ("7", "attr-defined"),
    ], found
