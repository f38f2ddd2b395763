"""Legal texts: what was published stays, in every language, and names what the policy promises."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance, CannotChange
from tests.conftest import TESTER

TODAY = date(2026, 12, 1)


def test_no_published_text_was_altered() -> None:
    assert documents.altered() == [] and documents.texts_are_unaltered() == []


def test_one_changed_letter_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = documents.find("terms", "1")
    (tmp_path / "terms").mkdir()
    for language in terms.languages:
        text = (documents.TEXTS / "terms" / f"1.{language}.html").read_text()
        (tmp_path / "terms" / f"1.{language}.html").write_text(
            text if language != "fr" else text.replace("e", "é", 1)
        )
    monkeypatch.setattr(documents, "TEXTS", tmp_path)
    assert documents.altered([terms]) == ["terms 1 fr"]
    assert [error.id for error in documents.texts_are_unaltered()][:1] == ["legal.E001"]


def test_every_text_stands_in_every_language_and_the_authentic_one() -> None:
    for document in documents.DOCUMENTS:
        assert set(document.languages) == {code for code, _name in settings.WEBSITE_LANGUAGES}
        assert documents.AUTHENTIC in document.languages
        assert document.language("it") == documents.AUTHENTIC


def test_languages_of_a_text_have_the_same_articles() -> None:
    for document in documents.DOCUMENTS:
        articles = {
            language: re.findall(r'<h[23] id="(s[0-9-]+)">', document.text(language))
            for language in document.languages
        }
        assert len(set(map(tuple, articles.values()))) == 1 and articles["fr"], document.kind


def test_a_text_is_plain_html_that_no_page_interprets() -> None:
    for document in documents.DOCUMENTS:
        for language in document.languages:
            text = document.text(language)
            assert not re.search(r"\{[{%#]|<script|<style|\sstyle=|\son\w+=", text)
            assert not re.findall(r'href="(?!mailto:support@smoall\.com|https://www\.smoall\.com)', text)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", ("<strong>trois mois</strong>", "<strong>douze mois</strong>", "support@smoall.com", "Rue des Anges 65",
                "stripe.com", "seule la langue", "identifiant de session", "intégrateur", "instruction judiciaire",
                "ni ne vend", "opt-out", "géolocalisation", "https", "à son auteur")),
        ("en", ("<strong>three months</strong>", "<strong>twelve months</strong>", "support@smoall.com", "Rue des Anges 65",
                "stripe.com", "the chosen language alone", "session identifier", "integrator", "order of a court",
                "nor sells", "opt-out", "geolocation", "https", "to its author")),
        ("nl", ("<strong>drie maanden</strong>", "<strong>twaalf maanden</strong>", "support@smoall.com", "Rue des Anges 65",
                "stripe.com", "enkel de gekozen taal", "sessiekenmerk", "integrator", "gerechtelijk bevel",
                "verkoopt ze evenmin", "opt-out", "geolocatie", "https", "met haar auteur")),
        ("de", ("<strong>drei Monate</strong>", "<strong>zwölf Monate</strong>", "support@smoall.com", "Rue des Anges 65",
                "stripe.com", "nur die gewählte Sprache", "Sitzungskennung", "Integrator", "gerichtliche Anordnung",
                "verkauft sie auch nicht", "Opt-out", "Geolokalisierung", "https", "mit ihrem Urheber")),
    ],
)  # fmt: skip
def test_the_privacy_policy_makes_every_promise_in_its_ten_sections(
    language: str, said: tuple[str, ...]
) -> None:
    text = documents.find("privacy", "1").text(language)
    assert [int(number) for number in re.findall(r'<h2 id="s(\d+)">', text)] == list(range(1, 11))
    assert [phrase for phrase in said if phrase.lower() not in text.lower()] == []


@pytest.mark.parametrize("language", ["fr", "nl", "en", "de"])
def test_the_agreement_on_processing_says_what_article_28_asks_for(language: str) -> None:
    """Subject, duration, types, people, instructions, confidentiality, security, processors, help, breach, end, audits."""
    text = documents.find("processing", "1").text(language)
    assert [int(number) for number in re.findall(r'<h2 id="s(\d+)">', text)] == list(range(1, 14))
    months = {"fr": "trois mois", "nl": "drie maanden", "en": "three months", "de": "drei Monate"}[language]
    assert "2016/679" in text and f"<strong>{months}</strong>" in text and "28" in text


def test_versions_are_in_their_order_and_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    first = documents.find("terms", "1")
    later = [
        replace(first, version=version, published_on=date(2027, 1, day))
        for version, day in (("10", 9), ("9", 9), ("2", 1))
    ]
    monkeypatch.setattr(documents, "DOCUMENTS", (first, *later))
    assert [one.version for one in documents.versions("terms")] == ["10", "9", "2", "1"]
    found = documents.find("terms", "10")
    assert documents.before(found) == documents.find("terms", "9") and documents.before(first) is None


def test_what_there_is_none_of_is_refused() -> None:
    terms = documents.find("terms", "1")
    for ask in (
        lambda: documents.current("terms", today=date(2000, 1, 1)),
        lambda: documents.find("terms", "0"),
        lambda: documents.versions("imprint"),
        lambda: terms.sha256("it"),
        lambda: terms.text("../1.fr"),
    ):
        with pytest.raises(documents.UnknownDocument):
            ask()


def test_an_acceptance_is_recorded_once_and_never_altered(db: None) -> None:
    terms, client = documents.current("terms", today=TODAY), uuid4()
    with scope.shared(actor=TESTER):
        first = Acceptance.record(terms, client=client, language="en", at=timezone.now())
        again = Acceptance.record(terms, client=client, language="fr", at=timezone.now())
        assert (again.id, again.language, again.sha256) == (first.id, "en", terms.sha256("en"))
        first.version = "2"
        with pytest.raises(CannotChange):
            first.save()
        with pytest.raises(IntegrityError), transaction.atomic():
            Acceptance.objects.create(
                client_uuid=client,
                kind="terms",
                version="1",
                language="fr",
                sha256="",
                accepted_at=timezone.now(),
            )
