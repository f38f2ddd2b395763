"""docs/glossary.md says which word stands for what: it is the one that catalogues and legal texts use."""

import re
from functools import cache

import pytest
from babel.messages.pofile import read_po

from scripts.checks import ROOT

LANGUAGES = ("en", "fr", "nl", "de")
FORMS = {
    "zich verzetten": "verzet",
    "widersprechen": "widersprochen",
    "Verantwortlicher": "Verantwortliche",
    "Antrag": "Anträge",
}  # as inflected


def rows() -> list[tuple[str, ...]]:
    lines = (ROOT / "docs" / "glossary.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [tuple(row[:4]) for row in cells[2:]]


@cache
def said(language: str) -> str:
    """All that a language's catalogues and legal texts say; for English, what they translate."""
    legal = [path.read_text() for path in ROOT.glob(f"shared_apps/legal/templates/legal/*/*.{language}.html")]
    catalogues = list(ROOT.glob(f"*/locale/{language.replace('en', 'fr')}/LC_MESSAGES/django.po"))
    catalogues += ROOT.glob(f"*/*/locale/{language.replace('en', 'fr')}/LC_MESSAGES/django.po")
    for path in catalogues:
        with path.open("rb") as file:
            legal += [str(each.id if language == "en" else each.string) for each in read_po(file)]
    return "\n".join(legal).casefold()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_glossary_is_the_one_in_use(language: str) -> None:
    words = [row[LANGUAGES.index(language)] for row in rows()]
    assert len(words) > 25 and all(words)
    used = [FORMS.get(word, word) for word in words]
    missing = [word for word in used if not re.search(rf"\b{re.escape(word.casefold())}", said(language))]
    assert missing == []
