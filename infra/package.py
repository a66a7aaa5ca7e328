"""Building of what is deployed, `build/lambda/app.zip` and `scan.zip`: for arm64 and Python 3.13, without containers.

The same sources make the same bytes, so deploying them again changes nothing.
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

from infra.osls import ROOT, node

BUILT = ROOT / "build" / "lambda"

LIMIT = 95_000_000
"""Bytes of an unpacked package that we allow ourselves. Lambda takes 250 MB; a cold start reads what is imported.

Debug symbols stay in the shared libraries: without them app.zip would have 77.8 MB unpacked instead of 86.3, scan.zip
46.3 instead of 51.6, but stripping them takes the binutils of Lambda's processor, which a fresh machine lacks.
"""

PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
"""Lambda's platform: Amazon Linux 2023 has glibc 2.34, so wheels for 2.28 run there."""

ZIPPED = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip: the earliest that the format knows."""

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
"""Patterns of files that no function reads at run time."""

OURS = ("functions", "lookalike", "shards")
"""Packages whose sources stay beside the compiled files, so that a traceback in a log shows the lines.

The sources of dependencies are a seventh of a package; their compiled files still give names and line numbers.
"""

SERVICES = frozenset({"lambda", "s3", "secretsmanager", "sqs", "sts"})
"""Services that the functions call through boto3. botocore describes 400 of them, in 20 MB."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip that several functions share."""

    name: str

    sources: tuple[str, ...] = OURS
    """Our folders and files in the package, as paths from the top of the project."""

    @property
    def requirements(self) -> Path:
        """The lock file: versions and hashes of the dependencies in the package."""
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
    """A package is larger than LIMIT: a dependency grew, or one came in that should not have."""


@dataclass(frozen=True, slots=True)
class Built:
    """A package that was built, as a folder and as a zip."""

    tree: Path
    zipped: Path

    size: int
    """Bytes unpacked."""


def main() -> None:
    """Build all packages, and print their sizes."""
    for package in PACKAGES:
        built = build(package, BUILT)
        name, packed = built.zipped.relative_to(ROOT), built.zipped.stat().st_size
        print(f"{name}: {packed / 1e6:.1f} MB, {built.size / 1e6:.1f} MB unpacked", flush=True)


def build(package: Package, folder: Path) -> Built:
    """Build a package in `folder`, replacing an earlier build. Raises PackageTooLargeError."""
    tree = folder / package.name
    shutil.rmtree(tree, ignore_errors=True)
    install(tree, locked(package.requirements))
    slim(tree)
    copy_sources(tree, package)
    compile_all(tree)
    drop_sources(tree)
    size = sum(path.stat().st_size for path in files(tree))
    if size > LIMIT:
        raise PackageTooLargeError(f"{tree} has {size:,} bytes, the limit is {LIMIT:,}: see what came into it")
    return Built(tree, write_zip(tree, folder / f"{package.name}.zip"), size)


def locked(lock: Path) -> list[str]:
    """Return the arguments that install exactly what a lock file lists, for Lambda's platform."""
    machine = ["--python-platform", PLATFORM, "--python-version", PYTHON]
    return [*machine, "--require-hashes", "--no-deps", "--requirement", str(lock)]


def install(tree: Path, arguments: list[str]) -> None:
    """Install wheels into a folder; `arguments` name their versions and platform."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    command = [str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(tree)]
    subprocess.run([*command, "--only-binary", ":all:", *arguments], check=True)  # noqa: S603 - our own arguments


def slim(tree: Path) -> None:
    """Remove what no function reads."""
    for pattern in DROPPED:
        for path in list(tree.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for service in (tree / "botocore" / "data").glob("*/"):
        if service.name not in SERVICES:
            shutil.rmtree(service)


def copy_sources(tree: Path, package: Package) -> None:
    """Copy our sources beside the dependencies, without `shards.testing`, which needs pytest."""
    for name in package.sources:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*", "testing"))
        else:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)


def compile_all(tree: Path) -> None:
    """Compile for Python 3.13: a function that has to compile at its start takes 2.5 times as long, each time."""
    command = [node(), str(ROOT / "infra" / "compile.mjs"), str(tree), *OURS]
    subprocess.run(command, check=True)  # noqa: S603 - our own script


def drop_sources(tree: Path) -> None:
    """Remove the sources of dependencies, which are compiled by now."""
    for path in files(tree):
        if path.suffix == ".py" and path.relative_to(tree).parts[0] not in OURS:
            path.unlink()


def files(tree: Path) -> Iterator[Path]:
    """Return all files of a folder, in the order of their names."""
    return iter(sorted(path for path in tree.rglob("*") if path.is_file()))


def write_zip(tree: Path, zipped: Path) -> Path:
    """Write the folder as a zip whose bytes depend on those of the files alone."""
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
