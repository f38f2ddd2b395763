"""P41: every published version is on the website, in every language, for ever, and is what was published."""

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.legal import documents
from shared_apps.legal.documents import Document
from shared_apps.legal.models import Publication
from shared_apps.sharing.models import Partner
from tests.conftest import TESTER
from tests.legal.conftest import Publish, propose
from tests.sharing.conftest import PURPOSES, make_shared_with

ARTICLE = re.compile(r'<article class="prose" lang="(\w+)">(.*)</article>', re.S)


@pytest.fixture
def visitor(db: None, browser: Callable[..., Browser]) -> Browser:
    return browser("smoall.localhost")


def read(visitor: Browser, address: str) -> tuple[str, str, str]:
    """The page, the language of the text in it, and the SHA-256 of that text as it stands in the page."""
    answer = visitor.get(address)
    assert answer.status_code == 200, address
    page = answer.content.decode()
    found = ARTICLE.search(page)
    assert found, address
    return page, found[1], sha256(found[2].encode()).hexdigest()


def stored(kind: str, version: str) -> dict[str, str]:
    with scope.shared():
        found: dict[str, str] = Publication.objects.confirmed().get(kind=kind, version=version).digests
        return found


@pytest.mark.parametrize("kind", ["privacy", "terms", "processing"])
@pytest.mark.parametrize("language", ["fr", "nl", "en", "de"])
def test_P41_the_hash_of_the_public_page_is_the_stored_one(
    visitor: Browser, kind: str, language: str
) -> None:
    page, shown, digest = read(visitor, f"/{language}/{kind}/1/")
    assert shown == language and digest == stored(kind, "1")[language] and digest in page
    file = visitor.get(f"/{language}/{kind}/1/text/")
    assert sha256(file.content).hexdigest() == digest and file.headers["Content-Type"].startswith(
        "text/plain"
    )


def test_P41_a_new_version_is_shown_with_what_changed_and_the_old_one_stays(
    visitor: Browser, second: Document, publish: Publish
) -> None:
    publication = publish(second, changes_contacts=False)
    page, _language, digest = read(visitor, "/fr/privacy/2/")
    assert (
        digest == stored("privacy", "2")["fr"] == publication.digests["fr"]
        and "/fr/privacy/2/changes/" in page
    )
    assert publication.in_force_on == timezone.localdate()
    assert read(visitor, "/privacy/")[0] != read(visitor, "/privacy/1/")[0]
    page, _language, digest = read(visitor, "/fr/privacy/1/")
    assert digest == stored("privacy", "1")["fr"] and "n’est plus en vigueur" in page
    changes = visitor.get("/en/privacy/2/changes/").content.decode()
    assert '<ins><span class="sr-only">added: </span>Version 2: something more.</ins>' in changes
    for language in ("de", "nl"):
        assert (
            "Version 2: something more.</ins>"
            in visitor.get(f"/{language}/privacy/2/changes/").content.decode()
        )
    for address in ("/privacy/", "/privacy/1/"):
        assert all(f'href="/privacy/{version}/"' in read(visitor, address)[0] for version in "12")


def test_P41_a_version_whose_day_is_to_come_is_public_and_says_so(
    visitor: Browser, second: Document, publish: Publish
) -> None:
    publish(second, changes_contacts=True)
    assert "not in force yet" in read(visitor, "/en/privacy/2/")[0]
    assert 'href="/privacy/2/"' in read(visitor, "/privacy/")[0]


def test_P41_what_is_prepared_or_proposed_is_not_public(
    visitor: Browser, second: Document, opal: User
) -> None:
    for _round in range(2):
        for address in ("/privacy/2/", "/fr/privacy/2/", "/fr/privacy/2/text/", "/fr/privacy/2/changes/"):
            assert visitor.get(address).status_code == 404, address
        assert "Version 2" not in read(visitor, "/privacy/")[0]
        propose(second, opal) if not _round else None


def test_P41_what_there_is_none_of_is_not_found(visitor: Browser) -> None:
    for address in (
        "/it/privacy/1/",
        "/it/privacy/1/text/",
        "/fr/privacy/1/changes/",
        "/fr/privacy/9/",
        "/fr/terms/x/text/",
    ):
        assert visitor.get(address).status_code == 404, address


def test_P41_the_list_of_sub_processors_is_the_register_at_that_moment(visitor: Browser) -> None:
    def page() -> str:
        return visitor.get("/sub-processors/").content.decode()

    assert "Nobody: no partner is registered" in page()
    partner = make_shared_with()
    assert "Pay Inc" in page() and "Takes payments" in page() and "Ireland" in page()
    for language, said in PURPOSES.items():
        shown = visitor.get(f"/{language}/sub-processors/").content.decode()
        assert f"<td>{said}" in shown and sum(other in shown for other in PURPOSES.values()) == 1
    with scope.shared(actor=TESTER):  # as before there were four
        Partner.objects.update(purposes={}, purpose="Encaisse les paiements")
    assert '<span lang="">Encaisse les paiements</span>' in page() and "not in this language yet" in page()
    with scope.shared(actor=TESTER):
        Partner.objects.update(purposes={"fr": PURPOSES["fr"]})
    assert '<span lang="fr">Encaisse les paiements</span>' in page() and "not in this language yet" in page()
    assert 'badge-accent">sub-processor' not in page()
    with scope.shared(actor=TESTER):
        partner.categories = ["data"]
        partner.save()
    assert 'badge-accent">sub-processor' in page()
    with scope.shared(actor=TESTER):
        partner.end(now=timezone.now())
    assert "Pay Inc" not in page()


# --- a planted fault: an altered text --------------------------------------------------------------------------


def test_P41_an_altered_file_is_caught_by_the_page_and_by_the_check(
    visitor: Browser, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = texts / "privacy" / "1.en.html"
    file.write_text(file.read_text().replace("three months", "three years"))
    assert read(visitor, "/en/privacy/1/")[2] != stored("privacy", "1")["en"]
    assert documents.altered() == ["privacy 1 en"]
    assert [error.id for error in documents.texts_are_unaltered()] == ["legal.E001"]


def test_P41_a_file_that_is_altered_with_its_digest_is_caught_by_what_was_published(
    texts: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    """Both the file and the digest beside it are the release's; what was published is the database's."""
    from dataclasses import replace

    file = texts / "privacy" / "1.en.html"
    file.write_text(file.read_text().replace("three months", "three years"))
    first = documents.find("privacy", "1")
    digests = {**first.digests, "en": sha256(file.read_bytes()).hexdigest()}
    others = [one for one in documents.DOCUMENTS if one != first]
    monkeypatch.setattr(documents, "DOCUMENTS", (replace(first, digests=digests), *others))
    assert documents.altered() == []
    with scope.owner(actor=TESTER):
        Publication.seed(now=timezone.now())  # a second release notes nothing anew
        assert Publication.altered() == ["privacy 1 en"]


def test_P41_a_release_with_altered_texts_is_not_made_ready(
    monkeypatch: pytest.MonkeyPatch, db: None, capsys: Any
) -> None:
    from tenants.management.commands.prepare import Command

    monkeypatch.setattr(Publication, "altered", classmethod(lambda cls: ["privacy 1 en"]))
    with pytest.raises(CommandError, match="privacy 1 en"):
        Command()._note_texts()


def test_P41_a_language_that_is_added_later_alters_nothing(
    texts: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    from dataclasses import replace

    first = documents.find("privacy", "1")
    others = [one for one in documents.DOCUMENTS if one != first]
    more = replace(first, digests={**first.digests, "it": "0" * 64})
    monkeypatch.setattr(documents, "DOCUMENTS", (more, *others))
    with scope.shared():
        assert Publication.altered() == []
