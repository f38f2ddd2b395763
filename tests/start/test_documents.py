"""What the README and the documents point to is there."""

import re

import pytest
from django.core.management import get_commands

from scripts.checks import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("name", [path.relative_to(ROOT).as_posix() for path in DOCUMENTS])
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    path = ROOT / name
    assert [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()] == []


def test_the_readme_names_every_command_of_ours_that_operators_use_and_no_other() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`([a-z]+_[a-z]+)`", text))
    ours = {
        name
        for name, app in get_commands().items()
        if app in ("tenants", "billing", "shared_apps.operators", "shared_apps.promises")
    }
    assert named == ours - {"prepare", "migrate"}
