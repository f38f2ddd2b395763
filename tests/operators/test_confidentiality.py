"""P22: an operator works only with the confidentiality text in force signed, and what was signed never changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import ProgrammingError, transaction
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.legal import documents
from shared_apps.legal.models import Publication
from shared_apps.operators.models import CannotAlter, Signature
from tests.conftest import TESTER
from tests.operators.conftest import OPS, make_operator, page_of

Open = Callable[..., Browser]
BODY = {"version": "1", "undertakes": "on"}


@pytest.fixture
def unsigned(opal: User, browser: Open) -> Browser:
    """Opal's browser, as on the day before she signed."""
    with scope.owner(actor=TESTER):
        Signature.objects.all()._raw_delete(Signature.objects.db)
    return browser(OPS, opal)


def test_P22_nothing_opens_before_the_text_is_signed(unsigned: Browser, opal: User) -> None:
    for address in ("/", "/clients/", "/work/", "/operators/", "/health/", "/clients/new/"):
        assert unsigned.get(address).headers["Location"] == "/confidentiality/", address
    for address in ("/health/inspect/", "/operators/invite/"):
        assert unsigned.post(address).headers["Location"] == "/confidentiality/", address
    assert (
        unsigned.get("/clients/", headers={"HX-Request": "true"}).headers["HX-Redirect"]
        == "/confidentiality/"
    )
    assert unsigned.get("/me/").status_code == 200
    page = page_of(unsigned, "/confidentiality/")
    current = documents.current("confidentiality", today=timezone.localdate())
    assert "What is confidential" in page and current.sha256("en") in page
    assert unsigned.post("/confidentiality/", {"version": "1"}).status_code == 200  # not ticked
    assert unsigned.get("/clients/").status_code == 302
    assert unsigned.post("/confidentiality/", BODY).headers["Location"] == "/"
    assert unsigned.get("/clients/").status_code == 200
    with scope.shared():
        signed = Signature.objects.get(operator=opal)
        assert (signed.version, signed.language, signed.sha256) == ("1", "en", current.sha256("en"))


@pytest.mark.parametrize(
    ("language", "words"), [("nl", "Wat vertrouwelijk is"), ("de", "Was vertraulich ist")]
)
def test_P22_the_text_is_read_and_signed_in_any_of_its_languages(
    unsigned: Browser, opal: User, language: str, words: str
) -> None:
    address = f"/confidentiality/?language={language}"
    assert words in page_of(unsigned, address) and f'lang="{language}"' in page_of(unsigned, address)
    assert unsigned.post(address, BODY).headers["Location"] == "/"
    with scope.shared():
        signed = Signature.objects.get(operator=opal)
        assert signed.language == language
        assert signed.sha256 == documents.find("confidentiality", "1").sha256(language)


@pytest.fixture
def second_version(opal: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the release, and published by two operators: until then nobody has to sign it."""
    first = documents.find("confidentiality", "1")
    today = timezone.localdate()
    later = replace(first, version="2", published_on=max(today, first.published_on + timedelta(days=1)))
    monkeypatch.setattr(documents, "DOCUMENTS", (*documents.DOCUMENTS, later))
    monkeypatch.setattr(documents, "_read", lambda path: b"<p>Anew.</p>")
    oda, now = make_operator("Oda"), timezone.now()
    with scope.shared(actor=TESTER):
        made = Publication.objects.create(
            kind=later.kind, version="2", digests=dict(later.digests), in_force_on=later.published_on,
            explanation="Clearer.", proposed_by=opal, proposed_at=now,
        )  # fmt: skip
        made.confirmed_by, made.confirmed_at = oda, now
        made.save(update_fields=["confirmed_by", "confirmed_at"])


def test_P22_a_new_version_stops_the_work_until_it_is_signed(
    opal: User, browser: Open, second_version: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = browser(OPS, opal)
    later = timezone.now() + timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert here.get("/clients/").headers["Location"] == "/confidentiality/"
    here.post("/confidentiality/", BODY)  # the version before
    assert here.get("/clients/").headers["Location"] == "/confidentiality/"
    here.post("/confidentiality/", {**BODY, "version": "2"})
    assert here.get("/clients/").status_code == 200
    with scope.shared():
        assert list(Signature.objects.filter(operator=opal).values_list("version", flat=True)) == ["2", "1"]


def test_P22_a_signature_is_recorded_once_and_never_altered(opal: User) -> None:
    current = documents.current("confidentiality", today=timezone.localdate())
    with scope.shared(actor=TESTER):
        first = Signature.objects.get(operator=opal)
        later = timezone.now() + timedelta(days=1)
        assert Signature.sign(current, by=opal, language="fr", now=later).signed_at == first.signed_at
        with pytest.raises(CannotAlter):
            first.save()
        with pytest.raises(CannotAlter):
            first.delete()
        for attempt in (
            lambda: Signature.objects.update(sha256=""),
            lambda: Signature.objects.all()._raw_delete(Signature.objects.db),
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                attempt()


def test_the_signatures_are_shown_to_whoever_made_them(here: Browser) -> None:
    assert "Signed by you" in page_of(here, "/confidentiality/")
