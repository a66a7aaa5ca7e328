"""An index of packages as it looks some time after a lock file was written: a newer release of everything is there.

Packages are stubs. What they need of each other is as awkward as it gets: each asks for the next one of the lock file
with an extra, which a newer release could satisfy too, and which needs a package that the lock file does not list.
An installer that follows what is needed, instead of the list, fails or installs something else.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shlex
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from tests.infra.locked import entries

SOURCE_ONLY = ("pdqhash", "pybktree")
"""What has no wheel in the real index, and none in this one."""

NEWER = "9999.0"

NEWCOMER = "newcomer"
"""In the index, and in no lock file."""


BUILD = ("editables", "hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")
"""What an editable installation of lookalike runs: these are the real ones, as installed beside the tests."""


BACKEND = """
import tomllib, zipfile
from importlib.metadata import version

def build_wheel(folder, settings=None, metadata=None):
    project = tomllib.loads(open("pyproject.toml").read())["project"]
    lines = ["Metadata-Version: 2.1", "Name: " + project["name"], "Version: " + project["version"]]
    lines += ["Provides-Extra: everything"] + ["Requires-Dist: " + line for line in project["dependencies"]]
    with zipfile.ZipFile(folder + "/{prefix}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("{name}_built_with.txt", version("setuptools"))
        wheel.writestr("{prefix}.dist-info/METADATA", "\\n".join(lines) + "\\n")
        tags = "Wheel-Version: 1.0\\nGenerator: stub\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("{prefix}.dist-info/WHEEL", tags)
        wheel.writestr("{prefix}.dist-info/RECORD", "")
    return "{prefix}-py3-none-any.whl"
"""
"""Of a source distribution: what a build runs."""


class StubIndex:
    """A folder in the form of a simple repository (PEP 503). `uv`: the program that the stub of that name runs."""

    def __init__(self, folder: Path, uv: str) -> None:
        self._folder = folder
        self._uv = uv
        self.url = f"file://{folder}"

    def publish(self, lock: Path, forgetting: Iterable[str] = (), needs: bool = True) -> None:
        """Publish what the lock file lists, and newer releases; write the stubs' hashes into it.

        `forgetting`: names that are taken out of the lock file, and still needed. `needs`: whether anything needs
        anything, where that was not published before.
        """
        listed = entries(lock)
        here = [entry for entry in listed if entry.is_for_here]
        following = dict(zip(here, [*here[1:], here[0]], strict=True))
        lines = []
        for entry in listed:
            after = following.get(entry, here[0])
            requires = [f"{after.name}[everything]>={after.version}", f'{NEWCOMER}>=1 ; extra == "everything"']
            wheel = self._release(entry.name, entry.version, requires if needs else [])
            self._release(entry.name, NEWER, requires if needs else [])
            if entry.name not in forgetting:
                marker = f" ; {entry.marker}" if entry.marker else ""
                digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
                lines.append(f"{entry.name}=={entry.version}{marker} \\\n    --hash=sha256:{digest}\n")
        self._release(NEWCOMER, "1.0", [])
        lock.write_text("".join(lines), encoding="utf-8")

    def _release(self, name: str, version: str, requires: list[str]) -> Path:
        """Write a wheel (PEP 427), and the page of its project."""
        normal = canonicalize_name(name)
        project = self._folder / normal
        project.mkdir(parents=True, exist_ok=True)
        prefix = f"{normal.replace('-', '_')}-{version}"
        wheel = project / f"{prefix}-py3-none-any.whl"
        if normal in SOURCE_ONLY:
            return self._source(project, name, version, requires)
        if not wheel.exists():
            files = self._contents(normal, prefix)
            metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: everything\n"]
            metadata += [f"Requires-Dist: {required}\n" for required in requires]
            files[f"{prefix}.dist-info/METADATA"] = "".join(metadata).encode()
            files[f"{prefix}.dist-info/WHEEL"] = (
                b"Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            write_wheel(wheel, files, f"{prefix}.dist-info/RECORD")
        write_page(project)
        return wheel

    def _source(self, project: Path, name: str, version: str, requires: list[str]) -> Path:
        """Write a source distribution that is built with whatever setuptools it is given, and notes which that was."""
        prefix = f"{canonicalize_name(name)}-{version}"
        source = project / f"{prefix}.tar.gz"
        dependencies = json.dumps(requires[:1])
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "pyproject.toml": (
                '[build-system]\nrequires = ["setuptools >= 40"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
                f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {dependencies}\n'
                "[project.optional-dependencies]\neverything = []\n"
            ),
            "backend.py": BACKEND.format(prefix=prefix.replace("-", "_", prefix.count("-") - 1), name=name),
        }
        if not source.exists():
            with tarfile.open(source, "w:gz") as archive:
                for path, text in files.items():
                    entry = tarfile.TarInfo(f"{prefix}/{path}")
                    entry.size = len(text.encode())
                    archive.addfile(entry, io.BytesIO(text.encode()))
        write_page(project)
        return source

    def _contents(self, name: str, prefix: str) -> dict[str, bytes]:
        if name == "uv":
            script = f'#!/bin/sh\nexec {shlex.quote(self._uv)} "$@"\n'
            return {f"{prefix}.data/scripts/uv": script.encode()}
        if name in BUILD:
            return repacked(name, prefix)
        return {f"{name.replace('-', '_')}_stub.py": b""}


def write_page(project: Path) -> None:
    """Write the page of a project, which links to its files."""
    names = sorted(path.name for pattern in ("*.whl", "*.tar.gz") for path in project.glob(pattern))
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
    (project / "index.html").write_text(f"<!DOCTYPE html>\n{links}", encoding="utf-8")


def repacked(name: str, prefix: str) -> dict[str, bytes]:
    """Return the files of an installed distribution, by their path in a wheel."""
    installed = distribution(name)
    files = {}
    for path in installed.files or ():
        parts = PurePosixPath(path).parts
        if parts[0] == ".." or path.suffix == ".pyc":
            continue
        if parts[0].endswith(".dist-info"):
            if path.name != "entry_points.txt":
                continue
            parts = (f"{prefix}.dist-info", path.name)
        files["/".join(parts)] = Path(str(installed.locate_file(path))).read_bytes()
    return files


def write_wheel(wheel: Path, files: Mapping[str, bytes], record: str) -> None:
    """Write the files, and the record that names them, into a zip."""
    lines = []
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{path},sha256={digest},{len(data)}\n")
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
            archive.writestr(entry, data)
        archive.writestr(record, "".join([*lines, f"{record},,\n"]))
