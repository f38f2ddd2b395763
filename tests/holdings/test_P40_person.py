"""P40 for one person: a former colleague or a contact is taken out of a workspace by its owner, and of nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.test import Client as Browser
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import Session, SignIn, User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event, LogEntry
from shared_apps.jobs import guard
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import all_holdings
from shared_apps.mail.models import Message
from shared_apps.requests.models import Request
from tenants import persons, sagas
from tenants.ledger import Ledger
from tenants.models import CannotAct, Saga, State, Tenant
from tenants.persons import found as found_of
from tenants.persons import redaction
from tests.conftest import PASSWORD, TESTER, Cast
from tests.contacts.test_edit import sent
from tests.holdings.conftest import deactivate, text_of
from tests.holdings.person import (
    EMAIL,
    FIRST,
    IBAN,
    LAST,
    NAME,
    PAGE,
    WORDS,
    ask,
    contacts,
    erase,
    everywhere,
    found,
    is_of,
    plant,
)
from tests.isolation import catalog
from tests.operators.conftest import make_operator

# --- canary -----------------------------------------------------------------------------------------------


def test_P40_a_contact_is_nowhere_afterwards_and_the_neighbour_is_unchanged(acme: Cast, zenith: Cast) -> None:
    gone, twin = plant(acme), plant(zenith)
    assert all(everywhere(acme, word) for word in (FIRST, LAST, "86 42 13", IBAN)), "planted"
    before = catalog.checksums(zenith.tenant.schema_name)
    saga = erase(acme, gone)
    left = [row for word in WORDS for row in everywhere(acme, word) if not is_of(zenith, row)]
    assert left == []
    assert catalog.checksums(zenith.tenant.schema_name) == before
    with zenith.inside():
        assert contacts().objects.get(pk=twin.pk).name == NAME
    assert not {"sealed", "files", "mails"} & set(saga.data)
    [line] = Ledger.default().people(acme.id)
    assert (line.model, line.row) == ("contacts.Contact", gone.pk)
    assert not any(word in Ledger.default().path.read_text() for word in WORDS)


def test_P40_a_former_colleague_is_nowhere_afterwards(
    acme: Cast, zenith: Cast, browser: Callable[..., Browser]
) -> None:
    browser(acme, acme.colleague)
    with acme.inside(acme.colleague):
        acme.colleague.name, acme.colleague.email = NAME, EMAIL
        acme.colleague.save()
    with acme.inside(acme.colleague):
        contacts().objects.create(kind="company", name="Bakery", notes=f"Called by {NAME}")
        job = Job.objects.model
    with scope.shared(actor=acme.colleague.as_actor()):
        client = Tenant.objects.select_related("client").get(pk=acme.id).client
        client.city = "Namur"
        client.save()
        job.objects.create(tenant_uuid=acme.id, purpose="tenants.saga", name="tests.toys.jobs.work",
                           actor={"kind": "user", "id": str(acme.colleague.pk), "name": NAME, "behalf": ""})  # fmt: skip
        Request.register(
            received_on=day_of(timezone.now()), by=None, now=timezone.now(), kind="question", channel="page",
            client_uuid=acme.tenant.client_id, from_name=NAME, from_address=EMAIL, text=f"{NAME} asks.",
        )  # fmt: skip
        sagas.start("export", acme.id, key="theirs", due_at=timezone.now() + timedelta(days=1))
    with scope.shared(actor=scope.Actor("job", "1", "billing.align", behalf=NAME)):  # of an earlier release
        Client.objects.filter(pk=acme.tenant.client_id).update(phone="+32 2 555 01 01")
        Client.objects.filter(pk=zenith.tenant.client_id).update(phone="+32 2 555 01 01")
        job.objects.create(tenant_uuid=acme.id, purpose="tenants.saga", name="tests.toys.jobs.work",
                           actor={"kind": "job", "id": "1", "name": "mail", "behalf": NAME})  # fmt: skip
        sagas.start("export", acme.id, key="for them", due_at=timezone.now() + timedelta(days=1))
    with scope.shared(actor=acme.colleague.as_actor()):
        Message.objects.create(
            purpose="accounts.reset", to_address=EMAIL, to_name=NAME, language="en", subject="x", key="shared",
            about=acme.id,
        )  # fmt: skip
    deactivate(acme)
    assert all(everywhere(acme, word) for word in (FIRST, LAST))
    erase(acme, acme.colleague)
    assert [row for word in (FIRST, LAST) for row in everywhere(acme, word)] == []
    with scope.shared():
        theirs = LogEntry.objects.filter(object_pk=str(zenith.tenant.client_id), actor_behalf=NAME)
        assert theirs.count() == 1, "somebody of that name elsewhere"
        assert not LogEntry.objects.filter(actor_id="redact_history", actor_behalf=acme.owner.name).exists()
    with acme.inside():
        left = User.objects.get(pk=acme.colleague.pk)
        assert (left.name, left.has_usable_password()) == (persons.LABEL, False)
        assert not Session.objects.filter(user=left).exists()
        assert set(SignIn.objects.filter(user=left).values_list("device", flat=True)) == {""}
        assert LogEntry.objects.filter(actor_id=str(left.pk)).exists(), (
            "what they did stays, without the name"
        )


def test_P40_nobody_is_erased_while_something_works_in_their_name_and_would_write_it_again(
    acme: Cast,
) -> None:
    with scope.shared(actor=acme.colleague.as_actor()):
        theirs = sagas.start("export", acme.id, key="theirs", due_at=timezone.now() + timedelta(days=1))
    with acme.inside(acme.colleague):
        mine = mail.send(
            purpose="accounts.reset", to="x@x.test", language="en", template="accounts/mail/reset", key="job",
            context={"person": acme.owner, "link": "http://x.test"},
        )  # fmt: skip
    with scope.shared():
        job = Job.objects.get(args=[str(mine.pk)])
    deactivate(acme)
    saga = ask(acme, acme.colleague)
    for kind, id in ((sagas.LOCK, theirs.pk), ("job", job.pk)):
        with guard.held(kind, id):
            waiting = sagas.run(saga.pk)
        assert (waiting.status, waiting.attempts, waiting.error) == (Saga.Status.WAITING, 0, "")
        assert timezone.now() < waiting.due_at < timezone.now() + timedelta(minutes=2)
        with acme.inside():
            assert User.objects.get(pk=acme.colleague.pk).name == acme.colleague.name, "nothing half done"
        with scope.shared():
            Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
    assert sagas.run(saga.pk).status == Saga.Status.DONE
    with scope.shared():
        theirs.refresh_from_db()
        job.refresh_from_db()
    assert theirs.data["actor"]["name"] == job.actor["name"] == persons.LABEL


def test_P40_whoever_let_an_operator_in_is_named_there_no_more(acme: Cast) -> None:
    grants, now = apps.get_model("operators.Grant"), timezone.now()
    with scope.shared(actor=TESTER):
        grant = grants.objects.create(
            client_id=acme.tenant.client_id, tenant_uuid=acme.id, operator=make_operator("Opal"), operator_name="Opal",
            reason="Help", hours=1, asked_at=now, consented_by=acme.colleague.name, ended_by=acme.colleague.name,
        )  # fmt: skip
    with acme.inside():
        acme.colleague.deactivate(by=acme.owner, now=now)
    erase(acme, acme.colleague)
    with scope.shared():
        grant.refresh_from_db()
    assert (grant.consented_by, grant.ended_by, grant.operator_name) == ("[erased]", "[erased]", "Opal")


def test_P40_planted_a_table_that_hides_what_is_personal_is_caught_by_the_canary(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were notes not declared personal, the search for words would find them afterwards."""
    gone = plant(acme)
    from dataclasses import replace

    poor = tuple(
        replace(one, personal=tuple(name for name in one.personal if name != "notes"))
        for one in all_holdings()
    )
    for module in (found_of, redaction):
        monkeypatch.setattr(module, "all_holdings", lambda: poor)
    erase(acme, gone)
    assert [row for row in everywhere(acme, LAST) if "contacts_contact" in row]


def test_P40_a_form_that_was_open_meanwhile_brings_nobody_back(
    acme: Cast, olga: Browser, browser: Callable[..., Browser]
) -> None:
    """Nor does one whose other fields name the person: notes, the company where somebody works, a tag."""
    gone, ada = plant(acme), browser(acme, acme.admin)
    with acme.inside():
        firm = contacts().objects.get(name="Bakery")
        shop = contacts().objects.create(kind="company", name=f"{LAST} & Zoon")
        clerk = contacts().objects.create(kind="person", last_name="Clerk", company=shop)
        tag = firm.tags.get()
    pages = [f"/contacts/{one.pk}/edit/" for one in (gone, firm, clerk)]
    forms = [(page, sent(ada.get(page)) | {"city": "Namur"}) for page in pages]
    tag_page = f"/contacts/tags/{tag.pk}/"
    forms.append(
        (
            tag_page,
            {name: ada.get(tag_page).context["form"][name].value() for name in ("name", "colour", "seen")},
        )
    )
    erase(acme, gone)
    erase(acme, shop)
    answers = [ada.post(page, form) for page, form in forms]
    assert [one.status_code for one in answers] == [409, 409, 409, 302]
    for answer in answers[:3]:
        assert "Somebody was erased from this contact" in text_of(answer, 409)
        assert LAST not in text_of(answer, 409) and persons.LABEL in text_of(answer, 409)
    with acme.inside():
        assert not contacts().objects.filter(name__contains=LAST).exists()
    assert everywhere(acme, LAST) == []
    again = ada.get(pages[1])
    assert ada.post(pages[1], sent(again) | {"city": "Namur"}).status_code == 302, (
        "as it is now it may be changed"
    )


def test_P40_rows_stay_and_what_they_mean_for_others_too(acme: Cast) -> None:
    gone = plant(acme)
    erase(acme, gone)
    with acme.inside():
        left = contacts().objects.get(pk=gone.pk)
        firm = contacts().objects.get(name="Bakery")
        assert (left.name, left.kind, left.email, left.notes) == (persons.LABEL, "person", "", "")
        assert firm.notes == f"Ask {persons.LABEL} first." and "bakery" in firm.search
        assert [str(tag) for tag in firm.tags.all()] == [f"Friends of {persons.LABEL}"]
        assert [one.name for one in firm.attachments.all()] == [f"Letter to {persons.LABEL}.pdf"]
        assert len(default_storage.listdir("contacts/attachments")[1]) == 1
        about = Message.objects.get(key="about")
        assert (about.subject, about.body) == (f"About {persons.LABEL}", f"Dear {persons.LABEL},")
        assert not Message.objects.filter(key="to-them").exists()
        assert not mail.is_refused("information", to=EMAIL)


def test_P40_it_is_an_event_of_the_workspace_without_a_name(acme: Cast) -> None:
    gone = plant(acme)
    erase(acme, gone)
    with acme.inside():
        event = Event.objects.get(what=Event.What.PERSON_ERASED)
        assert LAST not in event.note and event.note[0].isdigit()
        entry = LogEntry.objects.get(table_name__endswith="history_event")
        assert entry.actor_id == str(acme.owner.pk)


def test_P40_somebody_of_the_same_name_keeps_their_own_record(acme: Cast, olga: Browser) -> None:
    gone = plant(acme)
    with acme.inside():
        other, lost = (
            contacts().objects.create(kind="person", first_name=FIRST, last_name=LAST, email=f"{who}@x.test")
            for who in ("other", "lost")
        )
        also = lost.pk
        lost.remove(by=acme.owner)
        assert [one.row.pk for one in persons.namesakes(found(gone))] == [other.pk, also]
    assert f"/contacts/contact/{also}/" in text_of(olga.get(f"{PAGE}contacts/contact/{gone.pk}/"))
    erase(acme, gone)
    with acme.inside():
        other.refresh_from_db()
        colleague = contacts().objects.create(kind="company", name=acme.owner.name)
        did = LogEntry.objects.filter(actor_id=str(acme.owner.pk)).count()
    erase(acme, colleague)
    with acme.inside():
        kept = LogEntry.objects.filter(actor_id=str(acme.owner.pk), actor_name=acme.owner.name)
        assert kept.count() >= did, "what a colleague of that name did is theirs"
        assert (other.name, other.email) == (NAME, "other@x.test")
        assert LogEntry.objects.filter(object_pk=str(other.pk), object_repr=NAME).exists()
        assert [one.row.pk for one in persons.search(LAST)] == [other.pk, also]


def test_P40_short_names_are_not_taken_out_of_other_words(acme: Cast) -> None:
    with acme.inside():
        gone = contacts().objects.create(kind="company", name="Ann")
        firm = contacts().objects.create(kind="company", name="Bakery", notes="Announce it. Ann knows.")
    erase(acme, gone)
    with acme.inside():
        firm.refresh_from_db()
        assert firm.notes == "Announce it. Ann knows."


# --- whose record is deleted already ------------------------------------------------------------------------


def test_P40_a_deleted_contact_is_found_shown_and_taken_out_of_what_remembers_them(
    acme: Cast, olga: Browser
) -> None:
    gone = plant(acme)
    with acme.inside():
        contacts().objects.get(pk=gone.pk).remove(by=acme.owner)
    address = f"{PAGE}contacts/contact/{gone.pk}/"
    for words in ("quirijnella WEZEMBEËKSTER", EMAIL):
        page = text_of(olga.get(PAGE, {"q": words}))
        assert address in page and "deleted" in page, words
    assert "Nobody here has this name" in text_of(olga.get(PAGE, {"q": "Bakery Quirijnella"}))
    page = text_of(olga.get(address))
    for said in (NAME, IBAN, "deleted before", "Bakery"):
        assert said in page, said
    for cancelled in (True, False):
        posted = {"typed_name": NAME, "current": PASSWORD}
        asked = olga.post(f"{address}ask/", posted).headers["Location"]
        assert NAME in text_of(olga.get(asked))
        if cancelled:
            olga.post(f"{asked}cancel/")
    with scope.shared():
        saga = Saga.objects.get(kind="erase_person", status=Saga.Status.WAITING)
        Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
    assert sagas.run(saga.pk).status == Saga.Status.DONE
    left = [row for word in WORDS for row in everywhere(acme, word)]
    assert [
        row for row in left if not row.startswith("files/")
    ] == []  # which go when a deletion is committed
    assert olga.get(address).status_code == 404 and text_of(olga.get(asked))
    assert address not in text_of(olga.get(PAGE, {"q": persons.LABEL}))


def test_P40_somebody_who_was_invited_and_never_came_is_erased_too(acme: Cast) -> None:
    with acme.inside(acme.owner):
        gone = User.objects.create(name=NAME, email=EMAIL, invited_at=timezone.now())
        gone.withdraw_invitation(by=acme.owner)
        assert [one.row.pk for one in persons.search(LAST)] == [gone.pk]
        again = User.objects.create(name=NAME, email=EMAIL.upper(), invited_at=timezone.now())
        why = persons.why_not(found(gone), by=acme.owner.pk)
        again.withdraw_invitation(by=acme.owner)
    assert "has this address now" in why, "their mails are for whoever was invited again"
    for row in (gone, again):
        erase(acme, row)
    assert [row for word in (FIRST, LAST) for row in everywhere(acme, word)] == []
    with acme.inside():
        assert persons.search("erased") == [] and persons.find("accounts.User", gone.pk) is None


# --- twelve hours -----------------------------------------------------------------------------------------


def test_P40_nothing_happens_for_twelve_hours_and_it_can_be_cancelled(acme: Cast, olga: Browser) -> None:
    gone = plant(acme)
    posted = {"typed_name": NAME.lower(), "current": PASSWORD}
    answer = olga.post(f"{PAGE}contacts/contact/{gone.pk}/ask/", posted)
    assert answer.status_code == 302
    again = olga.post(f"{PAGE}contacts/contact/{gone.pk}/ask/", posted)
    assert again.headers["Location"] == answer.headers["Location"], "twice the same click is one instruction"
    with scope.shared():
        saga = Saga.objects.get(kind="erase_person")
    assert timedelta(hours=11, minutes=59) < saga.due_at - timezone.now() <= timedelta(hours=12)
    assert LAST.lower() not in str(saga.data).lower(), "the instruction is sealed"
    sagas.run(saga.pk)
    assert everywhere(acme, LAST)
    page = text_of(olga.get(answer.headers["Location"]))
    assert "Cancel the erasure" in page and NAME in page
    assert olga.post(f"{answer.headers['Location']}cancel/").status_code == 302
    with scope.shared():
        saga.refresh_from_db()
    assert (saga.status, "sealed" in saga.data) == (Saga.Status.CANCELLED, False)
    with scope.shared():
        Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
    sagas.run(saga.pk)
    with acme.inside():
        assert contacts().objects.get(pk=gone.pk).name == NAME
    assert olga.post(f"{PAGE}contacts/contact/{gone.pk}/ask/", posted).status_code == 302
    with scope.shared():
        assert Saga.objects.filter(kind="erase_person").count() == 2, "it can be asked for again"


def test_P40_once_it_is_done_it_is_too_late_to_cancel(acme: Cast) -> None:
    gone = plant(acme)
    saga = erase(acme, gone)
    with acme.inside(), pytest.raises(CannotAct):
        persons.cancel(saga)


def test_P40_a_contact_deleted_meanwhile_is_taken_out_of_the_history_too(acme: Cast) -> None:
    gone = plant(acme)
    saga = ask(acme, gone)
    with acme.inside():
        contacts().objects.get(pk=gone.pk).delete()
    assert sagas.run(saga.pk).status == Saga.Status.DONE
    assert [row for row in everywhere(acme, LAST) if acme.tenant.schema_name in row] == []


def test_P40_while_the_workspace_is_closed_it_waits(acme: Cast) -> None:
    gone = plant(acme)
    saga = ask(acme, gone)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(state=State.ERASING)
    waiting = sagas.run(saga.pk)
    assert waiting.status == Saga.Status.WAITING and waiting.due_at > timezone.now()
    assert everywhere(acme, LAST)


def test_P40_while_the_workspace_waits_for_this_releases_tables_it_waits_too(acme: Cast) -> None:
    """It costs no attempt: a wave may stand still for days. A worker of before waits for the one after it likewise."""
    gone = plant(acme)
    saga = ask(acme, gone)
    own = Tenant.objects.filter(pk=acme.id)
    for other in ({"release": "0.0.9"}, {"fingerprint": "0" * 64}):
        with scope.shared(actor=TESTER):
            own.update(**other)
        waiting = sagas.run(saga.pk)
        assert (waiting.status, waiting.attempts) == (Saga.Status.WAITING, 0)
        assert everywhere(acme, LAST)
        with scope.shared(actor=TESTER):
            own.update(release=acme.tenant.release, fingerprint=acme.tenant.fingerprint)
            sagas.hasten(waiting, timezone.now())
    assert sagas.run(saga.pk).status == Saga.Status.DONE
