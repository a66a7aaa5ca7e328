"""The forms in .github/ have what GitHub needs to show them, and ask for what a report has to say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_packaging import HOME

GITHUB = Path(__file__).parent.parent / ".github"
TEMPLATES = GITHUB / "ISSUE_TEMPLATE"
FORMS = sorted(path.name for path in TEMPLATES.glob("*.yml") if path.name != "config.yml")

TEXTS = {"input", "textarea"}
"""Elements that are filled in. Each has an id and a label (GitHub's syntax for issue forms)."""


def read(name: str) -> dict[str, Any]:
    document = yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def asked(form: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is to be filled in, by id."""
    return {element["id"]: element for element in form["body"] if element["type"] in TEXTS}


def test_there_is_a_form_for_faults_and_one_for_wishes() -> None:
    assert FORMS == ["bug.yml", "feature.yml"]


@pytest.mark.parametrize("name", FORMS)
def test_a_form_has_the_keys_that_github_needs(name: str) -> None:
    form = read(name)
    assert form.keys() <= {"name", "description", "title", "labels", "assignees", "projects", "type", "body"}
    assert form["name"]
    assert form["description"]
    for element in form["body"]:
        assert element.keys() <= {"type", "id", "attributes", "validations"}
        if element["type"] == "markdown":
            assert element["attributes"]["value"]
        else:
            assert element["type"] in TEXTS
            assert re.fullmatch(r"[A-Za-z0-9_-]+", element["id"])
            assert element["attributes"]["label"]
            assert isinstance(element["validations"]["required"], bool)


@pytest.mark.parametrize("name", FORMS)
def test_ids_and_labels_of_a_form_are_unique(name: str) -> None:
    elements = [element for element in read(name)["body"] if element["type"] in TEXTS]
    assert len({element["id"] for element in elements}) == len(elements)
    assert len({element["attributes"]["label"] for element in elements}) == len(elements)


def test_names_of_forms_are_unique() -> None:
    assert len({read(name)["name"] for name in FORMS}) == len(FORMS)


def test_a_report_of_a_fault_says_version_command_and_expectation() -> None:
    fields = asked(read("bug.yml"))
    required = {name for name, field in fields.items() if field["validations"]["required"]}
    assert required == {"version", "command", "expected"}
    assert "lookalike --version" in fields["version"]["attributes"]["description"]
    assert "lookalike stats" in fields["stats"]["attributes"]["description"]


def test_vulnerabilities_are_led_to_a_private_report() -> None:
    config = read("config.yml")
    assert config.keys() == {"blank_issues_enabled", "contact_links"}
    for link in config["contact_links"]:
        assert link.keys() == {"name", "url", "about"}
        assert link["url"].startswith(f"{HOME}/")
    private = f"{HOME}/security/advisories/new"
    assert private in [link["url"] for link in config["contact_links"]]
    assert private in (GITHUB.parent / "SECURITY.md").read_text(encoding="utf-8")
    assert private in (TEMPLATES / "bug.yml").read_text(encoding="utf-8")


def test_a_change_is_asked_for_what_make_can_do() -> None:
    template = (GITHUB / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
    makefile = (GITHUB.parent / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"`make ([a-z-]+)`", template)
    assert named
    assert [target for target in named if f"\n{target}:" not in makefile] == []
