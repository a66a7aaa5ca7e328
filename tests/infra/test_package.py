"""What `make package` builds: for Lambda's machine, compiled, small, the same every time, and complete."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import package
from infra.osls import ROOT
from infra.package import APP, PACKAGES, SCAN, Package
from lookalike import Index, Signature
from shards.families import family, names
from shards.search.executors.fan_out import FanOut
from shards.storage import open_store
from tests.functions.stage import event
from tests.lookalike.cli.drawing import png
from tests.shards.search.fanned import ask, one_each
from tests.shards.search.test_executor import worker_of
from tests.shards.table.counting import CountingStore

MAGIC_OF_3_13 = bytes.fromhex("f30d0d0a")
"""The first bytes of whatever CPython 3.13 compiled (Lib/importlib/_bootstrap_external.py: 3571)."""

AARCH64 = (183).to_bytes(2, "little")
"""e_machine in the header of an ELF file, at byte 18."""

MODULES = {
    APP: ("api", "ingest", "compact", "merge", "collect", "backfill", "progress"),
    SCAN: ("scan",),
}


@pytest.mark.long
@pytest.mark.parametrize("one", PACKAGES, ids=lambda one: one.name)
def test_a_package_is_made_for_lambda(one: Package, tmp_path: Path) -> None:
    built = package.build(one, tmp_path)
    assert built.size <= package.LIMIT
    libraries = [path for path in package.files(built.tree) if ".so" in path.name]
    assert {"_obstore.abi3.so"} < {path.name for path in libraries}
    for path in libraries:
        assert path.read_bytes()[18:20] == AARCH64, path
        assert "cpython-" not in path.name or "cpython-313-aarch64" in path.name, path
    compiled = [path for path in package.files(built.tree) if path.suffix == ".pyc"]
    assert all(path.read_bytes()[:4] == MAGIC_OF_3_13 for path in compiled)
    ours = [path for path in package.files(built.tree) if path.suffix == ".py"]
    assert {path.relative_to(built.tree).parts[0] for path in ours} == {Path(name).parts[0] for name in one.sources}
    for path in ours:
        assert (path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc").exists(), path
    assert not (built.tree / "shards" / "testing").exists(), "it needs pytest"
    with zipfile.ZipFile(built.zipped) as archive:
        assert len(archive.infolist()) == sum(1 for _ in package.files(built.tree))
        # Lambda runs it as another user
        assert all(entry.external_attr >> 16 & 0o444 == 0o444 for entry in archive.infolist())


def test_the_same_files_make_the_same_zip_whenever_they_were_written(tmp_path: Path) -> None:
    zips = []
    for n in range(2):
        tree = tmp_path / str(n)
        (tree / "folder").mkdir(parents=True)
        for name in ("b.py", "a.so", "folder/c.txt")[:: 1 - 2 * n]:
            (tree / name).write_text(name)
            os.utime(tree / name, (n, n))
        zips.append(package.write_zip(tree, tmp_path / f"{n}.zip").read_bytes())
    assert zips[0] == zips[1]


def test_a_compiled_file_does_not_depend_on_when_its_source_was_written(tmp_path: Path) -> None:
    found = []
    for n in range(2):
        source = tmp_path / str(n) / "shards" / "one.py"
        source.parent.mkdir(parents=True)
        source.write_text("ONE = 1\n")
        os.utime(source, (n, n))
        package.compile_all(tmp_path / str(n))
        found.append((source.parent / "__pycache__" / "one.cpython-313.pyc").read_bytes())
    assert found[0] == found[1]
    # what a traceback says is where the file is on Lambda
    assert b"/var/task/shards/one.py" in found[0]
    assert str(tmp_path).encode() not in found[0]


CALLED = """
import importlib, io, json, sys
sys.path.insert(0, sys.argv[1])
answers = {}
for name in sys.argv[2].split(","):
    answers[name] = importlib.import_module(f"functions.handlers.{name}")
outside = [name for name, one in sys.modules.items() if "site-packages" in (getattr(one, "__file__", None) or "")]
assert not outside, outside
class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self): return 60_000

texts, orders = json.loads(sys.argv[4])
if "api" in answers:
    from lookalike import Index, Record, Signature
    from shards.families import family
    index = Index.create("memory://of-its-own", families=list(texts))
    rows = {name: family(name).parse(text) for name, text in texts.items()}
    index.write([Record(f"{n}.png", index.next_order(), rows=rows) for n in range(20)])
    index.compact()
    found = {name: len(index.search(Signature(text), family=name).hits) for name, text in texts.items()}
    assert set(found.values()) == {10}, found
    # what is imported where it is used
    import PIL.Image, lookalike.ingest.files
    PIL.Image.init()
    for kind in ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP"):
        encoded = io.BytesIO()
        PIL.Image.linear_gradient("L").convert("RGB").save(encoded, kind)
        assert set(index.sign("one", encoded.getvalue()).rows) == set(texts), kind
    assert index.search(encoded.getvalue(), family="whash", orientations=True).hits
    print(json.dumps(answers["api"].handler(json.loads(sys.argv[3]), Context())))
else:
    assert len(orders) == len(texts)
    for order in orders:
        answer = answers["scan"].handler(order, Context())
        assert answer["segments"] and not any("error" in one for one in answer["segments"]), answer
    print(json.dumps(answer))
"""
"""What a function's environment does, with nothing but the package beside Python itself."""


@pytest.mark.parametrize("one", PACKAGES, ids=lambda one: one.name)
def test_all_that_is_used_is_in_the_package(one: Package, tmp_path: Path) -> None:
    """The same wheels for this machine, slimmed in the same way: those for Lambda's cannot be run here."""
    tree = tmp_path / one.name
    requirements = ROOT / "infra" / "packages" / f"{one.name}.in"
    package.install(tree, ["--requirement", str(requirements), "--constraint", str(ROOT / "requirements-dev.lock")])
    package.slim(tree)
    package.copy_sources(tree, one)
    asked = event("http_get")
    asked["rawPath"] = asked["requestContext"]["http"]["path"] = "/healthz"
    where = str(tmp_path / "index")
    index = Index.create(where, families=names())
    signed = index.add("one", png(1))
    index.compact()
    texts = {name: family(name).format(row) for name, row in signed.rows.items()}
    environment = {
        "LOOKALIKE_INDEX": where,
        "LOOKALIKE_IMAGES": "pictures",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        # nobody is asked for credentials
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    arguments = [str(tree), ",".join(MODULES[one]), json.dumps(asked), json.dumps([texts, orders(where, texts)])]
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", CALLED, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout.splitlines()[-1])
    assert answer["statusCode"] == 200 if one is APP else len(answer["segments"]) == 1


def orders(where: str, texts: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return what a worker is asked when each of these signatures is looked for."""
    asked: list[Mapping[str, Any]] = []
    answer = ask(worker_of(open_store(where)))

    def note(request: Mapping[str, Any]) -> Any:
        asked.append(request)
        return answer(request)

    for name, text in texts.items():
        # opened anew: what a search has read is near, and nobody is asked for it
        index = Index.open(CountingStore(open_store(where)), executor=FanOut(note, planner=one_each))
        assert index.search(Signature(text), family=name).hits
    return asked


def test_the_compiler_is_the_python_of_the_functions() -> None:
    assert package.PYTHON == "3.13"
    if sys.version_info[:2] == (3, 13) and platform.python_implementation() == "CPython":
        assert importlib.util.MAGIC_NUMBER == MAGIC_OF_3_13
