"""P43: the terms alone are the contract; the version that was accepted is on record and can be read later."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import Purpose, User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.legal import documents
from shared_apps.legal.documents import Document
from shared_apps.legal.models import Acceptance, CannotChange
from shared_apps.sharing.models import Partner
from tenants import contract, export
from tests.conftest import TESTER, Cast
from tests.legal.conftest import Publish, confirm, prepare_version, propose
from tests.operators.conftest import page_of
from tests.sharing.conftest import make_shared_with

Open = Callable[..., Browser]
HOME = "/workspace/documents/"


@pytest.fixture
def terms(texts: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    """A second version of the terms, prepared."""
    return prepare_version("terms", "2", texts, monkeypatch)


def accept_first(where: Cast, language: str = "fr") -> Acceptance:
    with scope.shared(actor=TESTER):
        return Acceptance.record(
            documents.find("terms", "1"), client=where.tenant.client_id, language=language, at=timezone.now()
        )


def accepted(client: UUID) -> list[str]:
    with scope.shared():
        return sorted(str(one) for one in Acceptance.objects.by(client))


def test_P43_the_accepted_version_is_read_in_the_workspace_with_its_date_language_and_hash(
    acme: Cast, browser: Open
) -> None:
    found = accept_first(acme)
    here = browser(acme, acme.colleague)
    page = page_of(here, HOME)
    assert (
        found.sha256 in page
        and "Français" in page
        and f'datetime="{timezone.localtime(found.accepted_at):%Y-%m-%d}' in page
    )
    text = page_of(here, f"{HOME}terms/1/fr/")
    assert documents.find("terms", "1").text("fr") in text and found.sha256 in text


def test_P43_it_is_read_after_another_version_came_and_in_a_suspended_workspace(
    acme: Cast, browser: Open, terms: Document, publish: Publish
) -> None:
    accept_first(acme)
    publish(terms, changes_contacts=False)
    with scope.shared(actor=TESTER):
        acme.tenant.suspend(reason="unpaid", now=timezone.now())
    here = browser(acme, acme.owner)
    assert documents.find("terms", "1").text("fr") in page_of(here, f"{HOME}terms/1/fr/")
    here.post(f"{HOME}accept/", {"topic": "terms 2"})
    assert accepted(acme.tenant.client_id) == ["terms 1", "terms 2"]


def test_P43_a_new_version_is_asked_for_quietly_and_blocks_nothing(
    acme: Cast, browser: Open, terms: Document, publish: Publish
) -> None:
    accept_first(acme)
    banner = "There is a new version of the terms."
    owner, colleague = browser(acme, acme.owner), browser(acme, acme.colleague)
    assert banner not in page_of(owner, "/"), "it is prepared, not published"
    publication = publish(terms, changes_contacts=False)
    assert publication.in_force_on >= timezone.localdate() + timedelta(days=28), "announced a month before"
    assert banner in page_of(owner, "/") and banner not in page_of(colleague, "/")
    assert page_of(colleague, "/contacts/") and page_of(owner, "/contacts/")
    page = page_of(owner, HOME)
    assert "What version 2 changes." in page and 'value="terms 2"' in page
    assert 'value="terms 2"' in page and "Accept for our company" not in page_of(colleague, HOME)
    assert owner.post(f"{HOME}accept/", {"topic": "terms 2"}).status_code == 302
    assert banner not in page_of(owner, "/") and accepted(acme.tenant.client_id) == ["terms 1", "terms 2"]
    owner.post(f"{HOME}accept/", {"topic": "terms 2"})
    assert accepted(acme.tenant.client_id) == ["terms 1", "terms 2"]


def test_P43_only_what_stood_on_the_page_is_accepted(
    acme: Cast, browser: Open, terms: Document, publish: Publish, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third version came while the owner read the second."""
    publish(terms, changes_contacts=False)
    owner = browser(acme, acme.owner)
    third = prepare_version("terms", "3", texts, monkeypatch)
    publish(third, changes_contacts=False)
    owner.post(f"{HOME}accept/", {"topic": "terms 2"})
    owner.post(f"{HOME}accept/", {})
    owner.post(f"{HOME}accept/", {"topic": "privacy 1"})
    assert accepted(acme.tenant.client_id) == []
    owner.post(f"{HOME}accept/", {"topic": "terms 3"})
    assert accepted(acme.tenant.client_id) == ["terms 3"]


def test_P43_a_colleague_cannot_accept(acme: Cast, browser: Open, terms: Document, publish: Publish) -> None:
    publish(terms, changes_contacts=False)
    assert browser(acme, acme.admin).post(f"{HOME}accept/", {"topic": "terms 2"}).status_code == 403
    assert accepted(acme.tenant.client_id) == []


def test_P43_who_accepts_the_terms_accepts_the_agreement_on_processing_of_that_day(
    acme: Cast, opal: User, otto: User, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_first(acme)
    agreement = prepare_version("processing", "2", texts, monkeypatch)
    publication = confirm(propose(agreement, opal, changes_contacts=False), otto)
    client = acme.tenant.client_id
    with scope.shared(actor=TESTER):
        assert [one.document.topic for one in contract.asked(client)] == ["processing 2"]
        later = timezone.now() + timedelta(days=40)
        assert publication.in_force_on <= later.date()
        Acceptance.objects.filter(client_uuid=client).delete()
        assert [one.document.topic for one in contract.asked(client)] == ["terms 1", "processing 2"]
        Acceptance.record(documents.find("terms", "1"), client=client, language="fr", at=later)
        assert contract.asked(client) == []


def test_P43_an_owner_without_terms_on_record_accepts_them_with_a_new_password(
    acme: Cast, browser: Open
) -> None:
    """A restored workspace: passwords are in no copy, so each owner comes by this page."""
    with acme.inside():
        links = {who: who.link(Purpose.RESET) for who in (acme.owner, acme.colleague)}
    page, typed = browser(acme), {"password": "another sentence, long"}
    assert page.post(links[acme.colleague], typed).status_code == 302, "nobody asks a member"
    assert 'name="terms"' in page_of(page, links[acme.owner])
    assert page.post(links[acme.owner], typed).status_code == 200 and not accepted(acme.tenant.client_id)
    assert page.post(links[acme.owner], typed | {"terms": "on"}).status_code == 302
    assert accepted(acme.tenant.client_id) == ["terms 1"]
    owner = browser(acme, acme.owner, password="another sentence, long")
    assert "To be accepted" not in page_of(owner, HOME)


def test_P43_whoever_came_in_before_the_terms_were_asked_for_accepts_them_later(
    acme: Cast, browser: Open
) -> None:
    owner = browser(acme, acme.owner)
    assert "Read what changes" not in page_of(owner, HOME), "there is none before"
    owner.post(f"{HOME}accept/", {"topic": ["terms 1", "processing 1"]})
    assert "terms 1" in accepted(acme.tenant.client_id) and "To be accepted" not in page_of(owner, HOME)


def test_P43_what_an_export_says_was_accepted_stays_on_record_when_it_is_loaded(acme: Cast) -> None:
    found, client = accept_first(acme, "nl"), uuid7()
    with scope.shared(actor=TESTER):
        said = json.loads(json.dumps(export.shared_rows(acme.tenant), cls=DjangoJSONEncoder))["terms"]
        altered = [one | {"sha256": "0" * 64} for one in said]
        for bad in (altered, [{"kind": "terms"}], [{**said[0], "accepted_at": "yesterday"}]):
            contract.carry_over(client, bad)
        assert accepted(client) == []
        contract.carry_over(client, said)
        kept = Acceptance.objects.get(client_uuid=client)
    assert (kept.version, kept.language, kept.sha256) == (found.version, "nl", found.sha256)
    assert abs(kept.accepted_at - found.accepted_at) < timedelta(seconds=1)


def test_P43_what_is_not_published_is_not_read(acme: Cast, browser: Open, terms: Document) -> None:
    here = browser(acme, acme.owner)
    for path in (
        "terms/2/fr/",
        "terms/2/fr/changes/",
        "terms/1/xx/",
        "terms/1/fr/changes/",
        "confidentiality/1/fr/",
    ):
        assert here.get(f"{HOME}{path}").status_code == 404, path


def test_P43_the_change_is_read_word_by_word(
    acme: Cast, browser: Open, terms: Document, publish: Publish
) -> None:
    publish(terms, changes_contacts=False)
    page = page_of(browser(acme, acme.owner), f"{HOME}terms/2/nl/changes/")
    assert "<ins>" in page and "Version 2: something more." in page and 'lang="nl"' in page


def test_P43_a_new_sub_processor_is_pointed_out_for_thirty_days(acme: Cast, browser: Open) -> None:
    partner = make_shared_with()
    here, pointed = browser(acme, acme.colleague), "New in the list of sub-processors"
    assert "Pay Inc" in page_of(here, HOME) and pointed not in page_of(here, HOME), (
        "it gets no data of clients"
    )
    with scope.shared(actor=TESTER):
        partner.categories = ["data"]
        partner.save()
    assert pointed in page_of(here, HOME) and pointed in page_of(here, "/workspace/")
    with scope.shared(
        actor=TESTER
    ):  # typed long before anybody read its policy: no list showed it until then
        partner.created_at = timezone.now() - timedelta(days=35)
        partner.save()
    assert pointed in page_of(here, HOME), "it is in the list since the day of the first reading"
    today = timezone.localdate()
    with scope.shared(actor=TESTER):
        read = partner.verifications.get()
        read.pk, read._state.adding = uuid7(), True
        read.verified_on, read.valid_until = today - timedelta(days=31), today - timedelta(days=1)
        read.save(force_insert=True)
        assert Partner.objects.open(today).get().listed_on == read.verified_on
    assert pointed not in page_of(here, HOME)


# --- a planted fault: what was accepted is rewritten ----------------------------------------------------------------


def test_P43_whoever_rewrites_what_was_accepted_leaves_the_truth_in_the_history(acme: Cast) -> None:
    found = accept_first(acme)
    with scope.shared(actor=TESTER):
        with pytest.raises(CannotChange):
            found.save()
        Acceptance.objects.filter(pk=found.pk).update(version="2")
        entry = LogEntry.objects.filter(object_pk=str(found.pk)).order_by("-id").first()
    assert entry and entry.changes["version"] == ["1", "2"]
