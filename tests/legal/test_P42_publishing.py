"""P42: one mail with an opt-out to each client when the use of contact details changes, and none otherwise."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail as outbox
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client as Browser
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import run as jobs_run
from shared_apps.kit import scope
from shared_apps.kit.dates import plus_months
from shared_apps.legal import documents
from shared_apps.legal.documents import Document
from shared_apps.legal.models import CannotPublish, Notice, Publication
from shared_apps.mail.models import Message
from tenants import publishing
from tenants.models import Saga, State, Tenant
from tests.conftest import TESTER, Cast
from tests.legal.conftest import Publish, announce, confirm, propose, run_until_done, saga_of
from tests.operators.conftest import make_operator


def written(client: UUID) -> list[Message]:
    with scope.shared():
        return list(Message.objects.filter(about=client, purpose="legal.policy"))


def made(name: str, **fields: Any) -> Client:
    with scope.shared(actor=TESTER):
        return Client.objects.create(
            company=name,
            contact_name=f"Person of {name}",
            contact_email=f"{name.lower()}@clients.test",
            **fields,
        )


# --- the matrix ----------------------------------------------------------------------------------------------

STATES = [State.ACTIVE, State.SUSPENDED, State.LEAVING, State.ERASING, State.RESTORING, None]


@pytest.mark.parametrize("changes_contacts", [True, False], ids=["yes", "no"])
@pytest.mark.parametrize("state", STATES, ids=[str(state) for state in STATES])
@pytest.mark.parametrize("language", ["fr", "en", "nl", "de"])
def test_P42_each_client_gets_one_mail_or_none(
    second: Document, publish: Publish, acme: Cast, language: str, state: State | None, changes_contacts: bool
) -> None:
    if state is None:  # its data is erased, its contact details are kept
        client = made("Former", language=language)
    else:
        with scope.shared(actor=TESTER):
            Tenant.objects.filter(pk=acme.id).update(state=state)
            Client.objects.filter(pk=acme.tenant.client_id).update(language=language)
            client = Client.objects.get(pk=acme.tenant.client_id)
    publication = publish(second, changes_contacts=changes_contacts)
    if not changes_contacts:
        assert saga_of(publication) is None
        with scope.shared():
            assert not Message.objects.filter(purpose="legal.policy").exists() and not Notice.objects.exists()
        return
    for _again in range(3):
        announce(publication)
    found = written(client.pk)
    assert len(found) == (0 if state in publishing.GOING else 1)
    if found:
        assert (found[0].language, found[0].to_address) == (language, client.contact_email)
        assert found[0].topic == "privacy 2" and "/mails/refuse/" in found[0].body
        assert ("à nous utiliser" in found[0].subject or "coordonnées" in found[0].subject) == (
            language == "fr"
        )


def test_P42_whoever_opted_out_before_the_mail_left_gets_none(
    second: Document, publish: Publish, acme: Cast
) -> None:
    publication = publish(second)
    announce(publication)
    client = acme.tenant.client_id
    with scope.shared(actor=TESTER):
        mail.refuse("policy", to="olga@acme.test", topic="privacy 2", about=client, now=timezone.now())
        jobs_run.drain()
    assert [(one.state, one.error) for one in written(client)] == [("cancelled", "refused")]


def test_P42_who_never_got_the_mail_has_not_agreed(second: Document, publish: Publish, acme: Cast) -> None:
    """An address from which mails come back gets none: nobody was given the way to opt out."""
    publication, client = publish(second), acme.tenant.client_id
    with scope.shared(actor=TESTER):
        mail.suppress("olga@acme.test", reason="bounced", now=timezone.now())
    announce(publication)
    with scope.shared(actor=TESTER):
        assert Notice.objects.get(client_uuid=client).is_mailed
        jobs_run.drain()
        assert not Notice.objects.get(client_uuid=client).is_mailed
        assert not publishing.may_use("privacy 2", acme.tenant.client, today=publication.in_force_on)
        for change in ({"is_mailed": True}, {"told_at": timezone.now()}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Notice.objects.filter(client_uuid=client).update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            Notice.objects.filter(client_uuid=client).delete()


def test_P42_general_information_that_is_refused_does_not_keep_the_policy_from_being_told(
    second: Document, publish: Publish, acme: Cast
) -> None:
    client = acme.tenant.client_id
    with scope.shared(actor=TESTER):
        mail.refuse("information", to="olga@acme.test", about=client, now=timezone.now())
    announce(publish(second))
    with scope.shared(actor=TESTER):
        jobs_run.drain()
    assert [one.state for one in written(client)] == ["sent"]


def test_P42_who_is_erased_in_between_is_told_again_only_if_contact_details_stay(
    second: Document, publish: Publish, acme: Cast
) -> None:
    """The queued mail goes with the erasure, and the notice with it; what stays is told on the day, once."""
    publication = publish(second)
    announce(publication)
    client = acme.tenant.client_id
    with scope.shared(actor=TESTER):
        publishing.take_back(client)
        Message.objects.filter(about=client, state=Message.State.QUEUED).delete()
        assert not Notice.objects.filter(client_uuid=client).exists()
    saga = saga_of(publication)
    assert saga
    publishing.catch_up(saga)
    publishing.catch_up(saga)
    assert len(written(client)) == 1
    with scope.shared(actor=TESTER):
        Message.objects.filter(about=client).update(state=Message.State.SENT, body="")
        publishing.take_back(client)  # what has left can't be taken back: it was told
        Message.objects.filter(about=client).delete()  # as the outbox forgets what was sent after a month
    publishing.catch_up(saga)
    assert written(client) == []


def test_P42_a_client_that_comes_before_the_day_is_told_at_the_next_look_and_has_its_month_too(
    second: Document, publish: Publish, acme: Cast, zenith: Cast
) -> None:
    """Else it would hear of it at midnight, and have no time to say no. So with one whose erasure was cancelled."""
    client = zenith.tenant.client_id
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=zenith.id).update(state=State.ERASING)
    publication = publish(second)
    announce(publication)
    publishing.look()
    assert written(client) == []
    late, day = made("Late"), publication.in_force_on
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=zenith.id).update(state=State.ACTIVE)
        after = publishing.starts_at(publication)
    newer = made("Newer", created_at=after)
    for _again in range(2):
        publishing.look()
    assert [len(written(one)) for one in (client, late.pk, newer.pk)] == [1, 1, 0]
    left = timezone.now() + timedelta(days=3)
    with scope.shared(actor=TESTER):
        Message.objects.filter(about=late.pk).update(state=Message.State.SENT, sent_at=left)
    publishing.look()
    with scope.shared(actor=TESTER):
        Message.objects.filter(about=late.pk).delete()  # as the outbox forgets what was sent after a month
        first = plus_months(timezone.localdate(left), 1)
        assert not publishing.may_use("privacy 2", late, today=day)
        assert not publishing.may_use("privacy 2", late, today=first - timedelta(days=1))
        assert publishing.may_use("privacy 2", late, today=first)
        assert not publishing.may_use("privacy 2", Client.objects.get(pk=client), today=first), (
            "its mail waits"
        )
        told = Notice.objects.filter(client_uuid=late.pk)
        for change in ({"sent_at": None}, {"sent_at": timezone.now()}, {"told_at": timezone.now()}):
            with pytest.raises(DatabaseError, match="not altered"), transaction.atomic():
                told.update(**change)


def test_P42_a_client_that_came_meanwhile_is_told_on_the_day(
    second: Document, publish: Publish, acme: Cast
) -> None:
    publication = publish(second)
    waiting = announce(publication)
    assert waiting.status == Saga.Status.WAITING and waiting.due_at == publishing.starts_at(publication)
    late = made("Late")
    assert written(late.pk) == []
    publishing.catch_up(waiting)
    assert len(written(late.pk)) == 1 and len(written(acme.tenant.client_id)) == 1


def test_P42_the_work_ends_on_the_day(
    second: Document, publish: Publish, acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = publish(second)
    saga = announce(publication)
    with scope.shared(actor=TESTER):
        Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
    monkeypatch.setattr(publishing, "starts_at", lambda _publication: timezone.now() - timedelta(seconds=1))
    assert run_until_done(saga.pk).status == Saga.Status.DONE
    assert len(written(acme.tenant.client_id)) == 1


def test_P42_an_address_that_no_mail_can_be_written_to_keeps_nobody_else_from_being_told(
    second: Document, publish: Publish, acme: Cast
) -> None:
    broken = made("Broken")
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=broken.pk).update(contact_email="no address")
    announce(publish(second))
    assert len(written(acme.tenant.client_id)) == 1 and written(broken.pk) == []
    with scope.shared():
        assert not Notice.objects.get(client_uuid=broken.pk).is_mailed


def test_P42_more_clients_than_a_transaction_takes_are_each_told_once(
    second: Document, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "BATCH", 3)
    clients = [made(f"Client{n}", language="fr" if n % 2 else "en") for n in range(8)]
    announce(publish(second))
    assert [len(written(client.pk)) for client in clients] == [1] * 8


def test_P42_a_fault_in_the_middle_undoes_its_batch_alone_and_is_made_up_for(
    second: Document, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "BATCH", 2)
    clients = [made(f"Client{n}") for n in range(5)]
    told, calls = publishing.tell, []

    def fails_once(publication: Publication, client: Client, **given: Any) -> None:
        calls.append(client.pk)
        told(publication, client, **given)
        if len(calls) == 4:
            raise RuntimeError("the lights went out")

    monkeypatch.setattr(publishing, "tell", fails_once)
    publication = publish(second)
    saga = announce(publication)
    assert "RuntimeError" in saga.error
    with scope.shared(actor=TESTER):
        Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
    announce(publication)
    assert [len(written(client.pk)) for client in clients] == [1] * 5


# --- a planted fault: a second mail -----------------------------------------------------------------------------


def test_P42_the_database_refuses_to_tell_a_client_twice(
    second: Document, publish: Publish, acme: Cast
) -> None:
    publication = publish(second)
    announce(publication)
    with scope.shared(actor=TESTER):
        client = Client.objects.get(pk=acme.tenant.client_id)
        Message.objects.filter(about=client.pk).delete()  # its key is free again
        with pytest.raises(IntegrityError), transaction.atomic():
            publishing.tell(publication, client, now=timezone.now())
    assert written(client.pk) == []


# --- the opt-out ------------------------------------------------------------------------------------------------


def link_of(message: Message) -> str:
    address = next(line for line in message.body.splitlines() if "/mails/refuse/" in line)
    return address.partition("smoall.localhost:8000")[2] or address.partition("smoall.localhost")[2]


def test_P42_the_opt_out_works_by_one_click_and_has_its_effect(
    second: Document, publish: Publish, acme: Cast, zenith: Cast, browser: Callable[..., Browser]
) -> None:
    publication = publish(second)
    announce(publication)
    day = publication.in_force_on
    [message] = written(acme.tenant.client_id)
    with scope.shared(actor=TESTER):
        told = Client.objects.get(pk=acme.tenant.client_id)
        assert not publishing.may_use("privacy 2", told, today=day), "its mail has not left"
        jobs_run.drain()
    publishing.look()
    with scope.shared():
        client, other = (Client.objects.get(pk=one.tenant.client_id) for one in (acme, zenith))
        assert publishing.may_use("privacy 2", client, today=day)
        assert not publishing.may_use("privacy 2", client, today=day - timedelta(days=1)), "not in force yet"
    anybody = browser("app.smoall.localhost")
    assert anybody.get(link_of(message)).status_code == 200
    with scope.shared():
        assert mail.opted_out("privacy 2") == set(), "opening the page changes nothing"
    answer = anybody.post(link_of(message), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200 and not answer.cookies
    with scope.shared():
        assert mail.opted_out("privacy 2") == {client.pk}
        assert not publishing.may_use("privacy 2", client, today=day)
        assert publishing.may_use("privacy 2", other, today=day)


def test_P42_nothing_is_used_of_a_client_that_was_not_told_or_by_a_version_that_is_not_published(
    second: Document, opal: User, otto: User, acme: Cast
) -> None:
    proposed = propose(second, opal)
    day = proposed.in_force_on
    with scope.shared():
        client = Client.objects.get(pk=acme.tenant.client_id)
        assert not publishing.may_use("privacy 2", client, today=day)
    confirm(proposed, otto)
    with scope.shared():
        assert not publishing.may_use("privacy 2", client, today=day), "no mail was written yet"
        assert not publishing.may_use("privacy 3", client, today=day)


def test_P42_the_mail_carries_the_headers_of_one_click(
    second: Document, publish: Publish, acme: Cast, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    announce(publish(second))
    with scope.shared(actor=TESTER):
        jobs_run.drain()
    sent = [one for one in outbox.outbox if one.to and "olga@acme.test" in one.to[0]]
    assert len(sent) == 1
    assert sent[0].extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "What version 2 changes." in sent[0].body and "/fr/privacy/2/changes/" in sent[0].body


# --- two operators, and the answers --------------------------------------------------------------------------------


def test_P42_somebody_else_confirms(second: Document, opal: User, otto: User) -> None:
    proposed = propose(second, opal)
    with pytest.raises(CannotPublish, match="Somebody else"):
        confirm(proposed, opal)
    assert confirm(proposed, otto).confirmed_by_id == otto.pk
    with pytest.raises(CannotPublish, match="already"):
        confirm(proposed, otto)
    with scope.shared(actor=TESTER), pytest.raises(CannotPublish, match="already"):
        propose(second, opal)


def test_P42_the_database_refuses_one_person_twice_and_what_is_published_stays(
    second: Document, opal: User, publish: Publish
) -> None:
    publication = publish(second, changes_contacts=False)
    with scope.shared(actor=TESTER):
        for change in (
            {"changes_contacts": True}, {"explanation": "Another one."}, {"confirmed_by": opal}, {"confirmed_at": None},
            {"in_force_on": date(2020, 1, 1)}, {"digests": {}},
        ):  # fmt: skip
            with pytest.raises(DatabaseError), transaction.atomic():
                Publication.objects.filter(pk=publication.pk).update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            publication.delete()
        with pytest.raises(CannotPublish):
            publishing.withdraw(publication.pk)


@pytest.mark.parametrize("by", ["two operators", "nobody, as with a release"])
def test_P42_the_database_takes_no_version_that_is_born_published(
    second: Document, opal: User, otto: User, by: str
) -> None:
    now = timezone.now()
    people = (
        {"proposed_by": opal, "confirmed_by": otto, "explanation": "Why."} if by == "two operators" else {}
    )
    row = Publication(
        kind=second.kind, version="2", digests=dict(second.digests), in_force_on=timezone.localdate(now),
        proposed_at=now, confirmed_at=now, **people,
    )  # fmt: skip
    with pytest.raises(DatabaseError) as refusal, scope.shared(actor=TESTER), transaction.atomic():
        row.save(force_insert=True)
    assert getattr(refusal.value.__cause__, "pgcode", "") == "LE001"
    # Nor one of a moment to come: an account that is made after it would have been there before.
    row.proposed_at, row.confirmed_at, row.confirmed_by = now + timedelta(minutes=2), None, None
    with pytest.raises(DatabaseError, match="future"), scope.shared(actor=TESTER), transaction.atomic():
        row.save(force_insert=True)
    row.proposed_at, row.confirmed_at, row.confirmed_by = now, now, people.get("confirmed_by")
    if people:  # only what comes with a release is nobody's proposal, and only the owner writes that
        with pytest.raises(DatabaseError), scope.owner(actor=TESTER), transaction.atomic():
            row.save(force_insert=True)


def test_P42_the_answer_is_explained_and_gives_people_time(second: Document, opal: User) -> None:
    today = timezone.localdate()
    with scope.shared(actor=TESTER):
        for changes_contacts, explanation, day, said in (
            (True, "  ", date(2100, 1, 1), "Explain"),
            (True, "Yes.", today, "before"),
            (False, "No.", today - timedelta(days=1), "before"),
        ):
            with pytest.raises(CannotPublish, match=said):
                Publication.propose(
                    second, changes_contacts=changes_contacts, explanation=explanation, in_force_on=day, by=opal,
                    now=timezone.now(),
                )  # fmt: skip
        assert not Publication.objects.filter(version="2").exists()


def test_P42_a_proposal_that_is_too_old_is_made_anew(second: Document, opal: User, otto: User) -> None:
    proposed = propose(second, opal)
    with scope.acting(TESTER), pytest.raises(CannotPublish, match="before"):
        publishing.confirm(proposed.pk, by=otto, now=timezone.now() + timedelta(days=3))
    with scope.acting(TESTER):
        publishing.withdraw(proposed.pk)
    assert propose(second, opal).pk != proposed.pk


def test_P42_a_text_that_was_altered_since_is_not_confirmed(
    second: Document, opal: User, otto: User, texts: Any
) -> None:
    proposed = propose(second, opal)
    file = texts / "privacy" / "2.fr.html"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(CannotPublish, match=r"isn.t the one"):
        confirm(proposed, otto)


def test_P42_only_the_policy_says_how_contact_details_are_used(
    texts: Any, monkeypatch: pytest.MonkeyPatch, opal: User
) -> None:
    from tests.legal.conftest import prepare_version

    terms = prepare_version("terms", "2", texts, monkeypatch)
    with pytest.raises(CannotPublish, match="policy alone"):
        propose(terms, opal, changes_contacts=True)


def test_P42_a_version_counts_from_its_day_and_not_before_it_is_published(
    second: Document, opal: User, otto: User
) -> None:
    proposed = propose(second, opal)
    day = proposed.in_force_on
    assert documents.current("privacy", today=day).version == "1"
    confirm(proposed, otto)
    assert documents.current("privacy", today=day - timedelta(days=1)).version == "1"
    assert documents.current("privacy", today=day).version == "2"


def test_P42_an_erasure_takes_the_notice_with_the_contact_details(
    second: Document, publish: Publish, acme: Cast
) -> None:
    from tenants import forgetting

    announce(publish(second))
    client = acme.tenant.client_id
    with scope.shared(actor=TESTER):
        counted = {one["what"]: one["count"] for one in forgetting._count(client)}
    assert counted["legal_notice"] == 1


def test_P42_who_came_after_a_version_was_proposed_cannot_confirm_it(second: Document, opal: User) -> None:
    """A second account of one's own, made for the purpose: the verb refuses it, and so does the database."""
    proposal = propose(second, opal, changes_contacts=False)
    own = make_operator("Opal Two")
    with pytest.raises(CannotPublish, match="when it was proposed"):
        confirm(proposal, own)
    with pytest.raises(DatabaseError), scope.shared(actor=TESTER), transaction.atomic():
        Publication.objects.filter(pk=proposal.pk).update(confirmed_by=own, confirmed_at=timezone.now())
