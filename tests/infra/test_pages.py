"""What the pages about AWS name is there: parameters, outputs, functions and routes of the deployment."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infra.osls import ROOT
from tests.infra.template import resources, template

PAGES = [ROOT / "docs" / name for name in ("aws.md", "aws-acceptance.md", "backfill.md", "scale.md", "operations.md")]

CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> str:
    found: Path = request.param
    return found.read_text(encoding="utf-8")


def parameters() -> set[str]:
    return set(re.findall(r"param:([a-z-]+)", (ROOT / "serverless.yml").read_text(encoding="utf-8")))


def test_every_parameter_is_one_of_serverless_yml(page: str) -> None:
    # "name=value" is how they are given
    assert set(re.findall(r"--param=\"?([a-z-]+)", page)) - {"name"} <= parameters()


def test_the_table_of_choices_names_parameters() -> None:
    table = (
        (ROOT / "docs" / "aws.md").read_text(encoding="utf-8").partition("| to have | give |")[2].partition("\n\n")[0]
    )
    named = {name for cell in re.findall(r"`([^`]+)`", table) for name in re.findall(r"(?:^| )([a-z-]+)(?==|$)", cell)}
    # a folder of a bucket, and an option of osls
    assert named - {"index", "--stage"} <= parameters()
    assert len(named) > 20


def test_every_output_is_one_of_the_stack(page: str) -> None:
    assert set(re.findall(r"\$\(stack (\w+)", page)) <= set(template()["Outputs"])


def test_every_function_is_one_of_the_stack(page: str) -> None:
    known = {one["FunctionName"].removeprefix("lookalike-dev-") for one in resources("AWS::Lambda::Function").values()}
    assert set(re.findall(r"function-name \"?lookalike-[a-z]+-(\w+)", page)) <= known


def test_commands_are_commands(page: str) -> None:
    for block in CONSOLE.findall(page):
        read = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, ""), block
