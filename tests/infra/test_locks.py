"""What `make` installs is what the lock files list, though newer releases of everything are out.

The real Makefile runs in a copy of the project, with an index that the test makes. Nothing comes from a network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from infra import package
from infra.osls import ROOT, node
from infra.package import PACKAGES, Package
from tests.infra.locked import Entry, entries
from tests.infra.stub_index import NEWCOMER, NEWER, SOURCE_ONLY, StubIndex
from tests.infra.stub_registry import StubRegistry
from tests.servers import localstack_unavailable

INSTALLER = "infra/packages/installer.lock"
BUILDING = "infra/packages/build.lock"
LOCALSTACK = "infra/packages/localstack.lock"

ENVIRONMENTS = {
    "requirements.lock": (".venv/run", ".venv"),
    "requirements-dev.lock": (".venv/dev", ".venv"),
    "requirements-bench.lock": (".venv/bench/complete", ".venv/bench"),
    "requirements-oldest.lock": (".venv/oldest/complete", ".venv/oldest"),
    "infra/packages/fuzz.lock": (".venv/fuzz/complete", ".venv/fuzz"),
    "infra/packages/local.lock": (".venv/local/complete", ".venv/local"),
    LOCALSTACK: (".venv/localstack/complete", ".venv/localstack"),
    "infra/packages/checkers.lock": (".venv/checkers/complete", ".venv/checkers"),
    "infra/packages/nodejs.lock": (".venv/nodejs/complete", ".venv/nodejs"),
    "infra/packages/oldpip.lock": (".venv/oldpip/complete", ".venv/oldpip"),
}
"""The target that installs each lock file, and the environment that then has it."""

OLD_PIP = Path(sys.prefix) / "oldpip"
"""An environment with the pip that Python 3.11.0 brings."""


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of what `make` needs to install. `index`: where all packages come from."""

    folder: Path
    index: StubIndex
    variables: dict[str, str]

    def make(self, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *targets],
            cwd=self.folder,
            env=self.variables | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self, environment: str) -> dict[str, str]:
        """Return the versions of what is in an environment, by name. lookalike itself is left out."""
        (packages,) = (self.folder / environment).glob("lib/python*/site-packages")
        found = {canonicalize_name(one.name): one.version for one in distributions(path=[str(packages)])}
        found.pop("lookalike", None)
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    for name in ("lookalike", "shards"):
        (folder / name).mkdir(parents=True)
        shutil.copy(ROOT / name / "__init__.py", folder / name)
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "package.json"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "infra" / "packages").mkdir(parents=True)
    for name in ("infra/__init__.py", "infra/pythons.py"):
        shutil.copy(ROOT / name, folder / name)
    for name in (INSTALLER, BUILDING, *ENVIRONMENTS):
        shutil.copy(ROOT / name, folder / name)
    index = StubIndex(tmp_path / "index", str(Path(sys.executable).parent / "uv"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "MAKE", "MFLAGS"))}
    nowhere = "http://127.0.0.1:9"
    variables = kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
        "PIP_NO_CACHE_DIR": "1",
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": index.url,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere),
    }
    index.publish(folder / INSTALLER)
    bring_old_pip(folder)
    return Project(folder, index, variables)


def bring_old_pip(folder: Path) -> None:
    """Make the environment of the installer as the oldest Python that is supported would, if this is that Python."""
    if sys.version_info >= (3, 12):
        return  # whose first pip is newer, and is what `make` finds in it
    environment = folder / ".venv" / "uv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    for path in OLD_PIP.glob("lib/python*/site-packages/pip*"):
        shutil.copytree(path, packages / path.name)


def expected(listed: list[Entry]) -> dict[str, str]:
    return {canonicalize_name(entry.name): entry.version for entry in listed if entry.is_for_here}


@pytest.mark.parametrize(
    "lock",
    # the one with an extra, at which a resolver went astray, stands for the others in the first tier
    [pytest.param(lock, marks=[] if lock == "requirements-dev.lock" else [pytest.mark.long]) for lock in ENVIRONMENTS],
)
def test_what_is_installed_is_what_the_lock_file_lists(lock: str, project: Project) -> None:
    target, environment = ENVIRONMENTS[lock]
    if lock == LOCALSTACK and (reason := localstack_unavailable()):
        pytest.skip(reason)
    if lock == "requirements-dev.lock":
        # which is installed over it, and lists all of it
        project.index.publish(project.folder / "requirements.lock")
    project.index.publish(project.folder / lock)
    project.index.publish(project.folder / BUILDING, needs=False)
    done = project.make(target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.installed(environment) == expected(entries(project.folder / lock))


def test_what_has_to_be_built_is_built_with_what_a_lock_file_lists(project: Project) -> None:
    tools = project.folder / BUILDING
    project.index.publish(project.folder / "requirements-bench.lock")
    project.index.publish(tools, needs=False)
    done = project.make(".venv/bench/complete")
    assert done.returncode == 0, done.stdout + done.stderr
    (packages,) = (project.folder / ".venv" / "bench").glob("lib/python*/site-packages")
    used = {name: (packages / f"{name}_built_with.txt").read_text(encoding="utf-8") for name in SOURCE_ONLY}
    assert used == dict.fromkeys(SOURCE_ONLY, expected(entries(tools))["setuptools"])


def test_a_newer_release_of_everything_is_in_the_index(project: Project) -> None:
    project.index.publish(project.folder / "requirements.lock")
    names = {entry.name for entry in entries(project.folder / "requirements.lock")}
    assert {"numpy", "pillow", "uvicorn"} < names
    for name in names:
        page = Path(project.index.url.removeprefix("file://"), canonicalize_name(name), "index.html")
        assert f"-{NEWER}-py3-none-any.whl" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", ["requirements.lock", "infra/packages/local.lock"])
def test_a_lock_file_that_lacks_something_is_refused(lock: str, project: Project) -> None:
    target, _ = ENVIRONMENTS[lock]
    project.index.publish(project.folder / lock, forgetting=["numpy"])
    done = project.make(target)
    assert done.returncode != 0
    assert "numpy" in done.stderr
    assert not (project.folder / target).exists(), "the next `make` takes it for installed"


@pytest.mark.long
def test_what_the_lock_file_lists_no_more_is_removed(project: Project) -> None:
    project.index.publish(project.folder / "requirements.lock")
    project.index.publish(project.folder / "requirements-dev.lock")
    assert project.make(".venv/dev").returncode == 0
    assert "pytest" in project.installed(".venv")
    (project.folder / ".venv" / "run").unlink()
    assert project.make(".venv/run").returncode == 0
    assert "pytest" not in project.installed(".venv")


def test_neither_pip_nor_setuptools_is_left_unless_a_lock_file_lists_them(project: Project) -> None:
    project.index.publish(project.folder / "requirements.lock")
    assert project.make(".venv/run").returncode == 0
    names = {path.name.split("-")[0] for path in (project.folder / ".venv").glob("**/site-packages/*")}
    assert "numpy" in names
    assert names.isdisjoint({"pip", "setuptools", "pkg_resources", "_distutils_hack"})


@pytest.mark.long
def test_what_the_user_has_set_for_other_projects_changes_nothing(project: Project, tmp_path: Path) -> None:
    project.index.publish(project.folder / "requirements.lock")
    elsewhere = str(tmp_path / "elsewhere")
    done = project.make(
        ".venv/run",
        PIP_USER="1",
        PIP_TARGET=elsewhere,
        PIP_PREFIX=elsewhere,
        UV_VENV_SEED="1",
        UV_PYTHON="2.7",
        UV_EXCLUDE_NEWER="2020-01-01",
        UV_SYSTEM_PYTHON="1",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.installed(".venv") == expected(entries(project.folder / "requirements.lock"))
    assert not Path(elsewhere).exists()


@pytest.mark.long
def test_a_home_that_cannot_be_written_is_not_needed(project: Project) -> None:
    project.index.publish(project.folder / "requirements.lock")
    del project.variables["UV_CACHE_DIR"]
    done = project.make(".venv/run", HOME="/proc/nobody", XDG_CACHE_HOME="/proc/nobody/cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / ".venv" / "cache").is_dir()


@pytest.mark.long
def test_an_environment_whose_python_is_gone_is_made_anew(project: Project) -> None:
    project.index.publish(project.folder / "requirements.lock")
    assert project.make(".venv/run").returncode == 0
    python = project.folder / ".venv" / "bin" / "python"
    python.unlink()
    assert project.make(".venv/run").returncode == 0
    assert python.exists()


@pytest.mark.parametrize("version", [None, "(3, 10, 13)"])
def test_a_python_that_is_none_or_too_old_is_refused_before_anything_is_made(
    version: str | None, project: Project, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    if version is not None:
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = {version}; $2"\n')
        python.chmod(0o755)
    before = sorted((project.folder / ".venv").glob("*"))
    done = project.make("demo", f"PYTHON={python}")
    assert done.returncode == 2
    assert f"PYTHON={python} is not a Python 3.11 or later that runs here" in done.stderr
    assert sorted((project.folder / ".venv").glob("*")) == before


@pytest.mark.parametrize("one", PACKAGES, ids=lambda one: one.name)
def test_what_is_deployed_is_what_the_lock_file_lists(
    one: Package, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "of-lambda.lock"
    shutil.copy(one.requirements, lock)
    project.index.publish(lock)
    for name, value in project.variables.items():
        monkeypatch.setenv(name, value)
    tree = tmp_path / "tree"
    package.install(tree, package.locked(lock))
    found = {canonicalize_name(each.name): each.version for each in distributions(path=[str(tree)])}
    assert found == expected(entries(lock))


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    with StubRegistry() as registry:
        yield registry


@pytest.mark.long
def test_what_npm_installs_is_what_its_lock_file_lists(project: Project, registry: StubRegistry) -> None:
    project.index.publish(project.folder / "requirements.lock")
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    registry.publish(lock)
    (project.folder / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    direct = {"no_proxy": "127.0.0.1", "npm_config_noproxy": "127.0.0.1"}
    done = project.make(
        ".venv/node",
        npm_config_registry=registry.url,
        npm_config_cache=str(project.folder / "npm-cache"),
        npm_config_userconfig=os.devnull,
        PATH=f"{Path(node()).resolve().parent}:{project.variables['PATH']}",
        **direct,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for place, locked in lock["packages"].items():
        if place and not locked.get("optional") and not locked.get("peer"):
            manifest = json.loads((project.folder / place / "package.json").read_text(encoding="utf-8"))
            assert manifest["version"] == locked["version"], place
    assert registry.newer_versions_offered > 100


# what the lock files themselves say


LOCKS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (ROOT, ROOT / "infra" / "packages")
    for path in folder.glob("*.lock")
)


def test_every_lock_file_is_installed_by_a_test() -> None:
    deployed = [one.requirements.relative_to(ROOT).as_posix() for one in PACKAGES]
    assert sorted([*ENVIRONMENTS, INSTALLER, BUILDING, *deployed]) == LOCKS


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_file_has_a_version_and_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    listed = entries(ROOT / lock)
    assert listed
    assert len(listed) == len(re.findall(r"^[^\s#]", text, re.MULTILINE))
    assert text.count(" \\\n    --hash=sha256:") >= len(listed)
    assert "://" not in text


def test_npms_lock_file_has_versions_and_hashes_and_no_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 100
    for place, locked in packages.items():
        if place:
            assert locked["version"], place
            assert locked["integrity"].startswith("sha512-"), place
            assert "resolved" not in locked, place


def lower_bounds() -> Iterator[tuple[str, str]]:
    """Yield each lower bound of pyproject.toml: the name, and the version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    lists += [project["dependency-groups"]["build"], project["dependency-groups"]["dev"]]
    for line in (line for each in lists for line in each if isinstance(line, str)):
        requirement = Requirement(line)
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{line}: a lower bound, and nothing else, is what test-oldest tests"
        yield canonicalize_name(requirement.name), bound.version


def test_the_oldest_versions_that_are_tested_are_the_lower_bounds_of_pyproject() -> None:
    oldest = {canonicalize_name(entry.name): entry.version for entry in entries(ROOT / "requirements-oldest.lock")}
    different = {
        name: (bound, oldest[name]) for name, bound in lower_bounds() if Version(bound) != Version(oldest[name])
    }
    assert not different, "(pyproject.toml, requirements-oldest.lock): run make lock, or write what there is"


def test_the_newcomer_is_in_no_lock_file() -> None:
    assert all(NEWCOMER not in (ROOT / lock).read_text(encoding="utf-8") for lock in ENVIRONMENTS)
