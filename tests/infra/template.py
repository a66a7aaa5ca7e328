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

SOURCES = (ROOT / "serverless.yml", ROOT / "package-lock.json", *sorted((ROOT / "infra").glob("*.[cy]*[sl]")))

EXISTING = (
    "--stage=prod",
    "--param=prefix=pictures",
    "--param=images=my-pictures",
    "--param=index=my-index",
    "--param=index-prefix=pictures-prod",
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


SMALL = ("--param=profile=small-account",)
KEYED = (
    "--param=kms-key=arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000",
    "--param=images-prefix=photos/",
    "--param=mail=someone@example.org",
    "--param=budget-tag=true",
    "--param=tokens=arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens-aB3dE6",
)
BRIDGED = ("--param=images=my-pictures", "--param=images-eventbridge=true", *SMALL)
TOPIC = "arn:aws:sns:us-east-1:123456789012:news-of-pictures"
BY_TOPIC = ("--param=images=my-pictures", f"--param=images-topic={TOPIC}", "--param=budget=none")
SHARED = (
    "--param=images=my-bucket",
    "--param=index=my-bucket",
    "--param=index-prefix=index",
    "--param=images-prefix=photos/",
)
"""Some things chosen otherwise: a new account, keys of one's own, other ways of events, one bucket for all."""


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
    """Properties of all resources of a kind, by name, of those that are made: as the conditions have it."""
    found = template(*chosen)
    true = {name for name in found.get("Conditions", {}) if _holds({"Condition": name}, found)}
    return {
        name: _settled(one.get("Properties", {}), true)
        for name, one in found["Resources"].items()
        if one["Type"] == kind and ("Condition" not in one or one["Condition"] in true)
    }


def _holds(condition: Any, found: Template) -> bool:
    """What CloudFormation makes of a condition, with the parameters as they are in the template."""
    ((function, argument),) = condition.items()
    if function == "Condition":
        return _holds(found["Conditions"][argument], found)
    if function == "Fn::Not":
        return not _holds(argument[0], found)
    assert function == "Fn::Equals", condition
    one, other = (str(found["Parameters"][a["Ref"]]["Default"]) if isinstance(a, dict) else a for a in argument)
    return bool(one == other)


NOTHING = {"Ref": "AWS::NoValue"}


def _settled(value: Any, true: set[str]) -> Any:
    """A part of the template, with each Fn::If replaced by what it comes to."""
    if isinstance(value, dict):
        if list(value) == ["Fn::If"]:
            condition, then, otherwise = value["Fn::If"]
            return _settled(then if condition in true else otherwise, true)
        settled = {name: _settled(one, true) for name, one in value.items()}
        return {name: one for name, one in settled.items() if one != NOTHING}
    if isinstance(value, list):
        return [one for one in (_settled(one, true) for one in value) if one != NOTHING]
    return value
