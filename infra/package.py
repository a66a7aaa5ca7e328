"""Builds what is deployed, `build/lambda/app.zip` and `scan.zip`: for arm64 and Python 3.13, with no container engine.

The same sources make the same bytes, so that a deployment of what is deployed already changes nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.elf import stripped
from infra.osls import ROOT, node

BUILT = ROOT / "build" / "lambda"

LIMIT = 80_000_000
"""Bytes of an unpacked package that we allow ourselves. Lambda takes 250 MB; a cold start reads what is imported."""

PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
"""Of Lambda's runtime: Amazon Linux 2023 has glibc 2.34, so wheels for 2.28 run there."""

ZIPPED = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip, the earliest there is."""

DROPPED = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/py.typed",
    "**/*.a",
    "**/*.h",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/sboms",
    "**/*.pxd",
    "**/conftest.py",
    # numpy imports these when they are asked for; fft and linalg are
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_core/*_tests.*",
    "numpy/_core/_simd.*",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/polynomial",
    "numpy/random",
    "numpy/testing",
    "pywt/data/*.npz",
    # of boto3 only clients are used, which botocore makes
    "boto3/data",
    "boto3/dynamodb",
    "boto3/ec2",
    "boto3/examples",
    "s3transfer/crt.py",
    "dateutil/zoneinfo",
    # of the powertools logging and metrics are used, which need jmespath_utils and typing
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!_jt]*",
    "pydantic/mypy.py",
    "pydantic/v1/mypy.py",
    "obstore/fsspec.py",
    # drawing text, and the libraries that it needs
    "PIL/ImageFont.py",
    "PIL/_imagingft*",
    "pillow.libs/libbrotli*",
    "pillow.libs/libfreetype*",
    "pillow.libs/libharfbuzz*",
    "pillow.libs/libpng*",
    # colour profiles, formulas, shapes and windows
    "PIL/_imagingcms*",
    "PIL/_imagingmath*",
    "PIL/_imagingmorph*",
    "PIL/_imagingtk*",
    "pillow.libs/liblcms2*",
)
"""What no function reads at run time."""

OURS = ("functions", "lookalike", "shards")
"""Whose sources stay beside the compiled files, so that a traceback in a log shows the lines. Those of others are a
seventh of a package, and their names and line numbers are in the compiled files too."""

SERVICES = frozenset({"lambda", "s3", "secretsmanager", "sts"})
"""What the functions call through boto3. botocore describes 400 services, in 20 MB."""


@dataclass(frozen=True, slots=True)
class Package:
    """What some of the functions have in common."""

    name: str

    sources: tuple[str, ...] = OURS
    """Our folders and files that are in it, as paths from the top of the project."""

    @property
    def requirements(self) -> Path:
        """The lock file: versions and hashes of what is installed into it."""
        return ROOT / "infra" / "packages" / f"{self.name}.lock"


APP = Package("app")
SCAN = Package(
    "scan",
    (
        "shards",
        "functions/__init__.py",
        "functions/aws/__init__.py",
        "functions/aws/counted.py",
        "functions/aws/events.py",
        "functions/aws/settings.py",
        "functions/handlers/__init__.py",
        "functions/handlers/scan.py",
    ),
)
PACKAGES = (APP, SCAN)


class PackageTooLargeError(Exception):
    """A dependency grew, or came in that should not have."""


@dataclass(frozen=True, slots=True)
class Built:
    """A package as it lies in a folder, and in a zip. `size`: bytes unpacked."""

    tree: Path
    zipped: Path
    size: int


def main() -> None:
    """Build all packages, and say how large they are."""
    for package in PACKAGES:
        built = build(package, BUILT)
        name, packed = built.zipped.relative_to(ROOT), built.zipped.stat().st_size
        print(f"{name}: {packed / 1e6:.1f} MB, {built.size / 1e6:.1f} MB unpacked", flush=True)


def build(package: Package, folder: Path) -> Built:
    """Build one of them anew in this folder. Raises PackageTooLargeError."""
    tree = folder / package.name
    shutil.rmtree(tree, ignore_errors=True)
    install(tree, locked(package.requirements))
    slim(tree)
    copy_sources(tree, package)
    compile_all(tree)
    drop_sources(tree)
    size = sum(path.stat().st_size for path in files(tree))
    if size > LIMIT:
        raise PackageTooLargeError(f"{tree} has {size:,} bytes, {LIMIT:,} at most: see what came into it")
    return Built(tree, write_zip(tree, folder / f"{package.name}.zip"), size)


def locked(lock: Path) -> list[str]:
    """The arguments that install exactly what a lock file lists, for Lambda's machine."""
    machine = ["--python-platform", PLATFORM, "--python-version", PYTHON]
    return [*machine, "--require-hashes", "--no-deps", "--requirement", str(lock)]


def install(tree: Path, arguments: list[str]) -> None:
    """Install wheels into a folder, for the platform and of the versions that the arguments name."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    command = [str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(tree)]
    subprocess.run([*command, "--only-binary", ":all:", *arguments], check=True)  # noqa: S603 - our own arguments


def slim(tree: Path) -> None:
    """Remove what no function reads, and of what it reads what it does not look at."""
    for pattern in DROPPED:
        for path in list(tree.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for service in (tree / "botocore" / "data").glob("*/"):
        if service.name not in SERVICES:
            shutil.rmtree(service)
    for path in files(tree):
        if ".so" in path.suffixes:
            library = stripped(path.read_bytes())
            # never in place: the file may be one with that of the installer's cache, and of whoever installed it too
            path.unlink()
            path.write_bytes(library)


def copy_sources(tree: Path, package: Package) -> None:
    """Put our sources beside what they import."""
    for name in package.sources:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)


def compile_all(tree: Path) -> None:
    """Compile for Python 3.13: a function that has to do so itself starts 2.5 times as slowly, each time."""
    command = [node(), str(ROOT / "infra" / "compile.mjs"), str(tree), *OURS]
    subprocess.run(command, check=True)  # noqa: S603 - our own script


def drop_sources(tree: Path) -> None:
    """Remove the sources of others, which are compiled."""
    for path in files(tree):
        if path.suffix == ".py" and path.relative_to(tree).parts[0] not in OURS:
            path.unlink()


def files(tree: Path) -> Iterator[Path]:
    """All files of a folder, in the order of their names."""
    return iter(sorted(path for path in tree.rglob("*") if path.is_file()))


def write_zip(tree: Path, zipped: Path) -> Path:
    """The folder as a zip whose bytes follow from those of the files alone."""
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), ZIPPED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # whoever built it, Lambda's user must be able to read it
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            archive.writestr(entry, path.read_bytes())
    return zipped


if __name__ == "__main__":
    main()
