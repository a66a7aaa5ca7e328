"""The template that `osls package` makes of serverless.yml, once for each state of its sources."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from infra.osls import ROOT, osls

Template: TypeAlias = dict[str, Any]

KEPT = ROOT / "build" / "templates"

SOURCES = (ROOT / "serverless.yml", ROOT / "package-lock.json", *sorted((ROOT / "infra").glob("*.yml")))

EXISTING = (
    "--stage=prod",
    "--param=prefix=pictures",
    "--param=images=my-pictures",
    "--param=index=my-index",
    "--param=compactors=none",
    "--param=ingest-concurrency=5",
    "--param=backfill-concurrency=5",
    "--param=rate=10",
    "--param=burst=20",
    "--param=log-days=7",
    "--param=shards=4",
    "--param=compact-every=rate(1 minute)",
    "--param=domain=similar.example.org",
    "--param=certificate=arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000",
    "--param=mail=someone@example.org",
    "--param=public=true",
)
"""Everything chosen otherwise: buckets that are there already, a domain, a small account."""


def path(*chosen: str) -> Path:
    """The file with the template of these choices."""
    digest = sha256(repr(chosen).encode() + b"".join(one.read_bytes() for one in SOURCES)).hexdigest()[:32]
    kept = KEPT / f"{digest}.json"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=KEPT))
        for name in ("app", "scan"):
            with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
                archive.writestr("empty.txt", "")
        packages = folder.relative_to(ROOT)
        osls("package", "--package", str(folder / "out"), f"--param=packages={packages}", *chosen)
        # in one step: another test process may do the same
        os.replace(folder / "out" / "cloudformation-template-update-stack.json", kept)  # noqa: PTH105
        shutil.rmtree(folder)
    return kept


@cache
def template(*chosen: str) -> Template:
    """The template of these choices."""
    found: Template = json.loads(path(*chosen).read_text())
    return found


def resources(kind: str, *chosen: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a kind, by name."""
    return {
        name: one.get("Properties", {}) for name, one in template(*chosen)["Resources"].items() if one["Type"] == kind
    }
