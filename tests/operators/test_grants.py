"""P22: a client's data opens only by a reasoned, expiring grant that the client sees and can end."""

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import Session, User
from shared_apps.history.models import LogEntry
from shared_apps.jobs import run
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.operators.middleware import visitor
from shared_apps.operators.models import ConsentRule, Grant, Signature, Visit
from shared_apps.operators.models.grant import MOST_A_DAY, MOST_OPEN
from tenant_apps.contacts.models import Contact
from tenants import export
from tests.conftest import TESTER, Cast
from tests.isolation.addresses import addresses
from tests.operators.conftest import OPS, UNKNOWN, page_of

Open = Callable[..., Browser]
REASON = "Import of Tuesday stops at line 12"


def ask(here: Browser, cast: Cast, scope_: str = "read", hours: int = 1) -> Grant:
    form = {"reason": REASON, "scope": scope_, "hours": hours}
    answer = here.post(f"/clients/{cast.tenant.client_id}/ask/", form)
    assert answer.status_code == 302, answer.content.decode()
    with scope.shared():
        return Grant.objects.filter(tenant_uuid=cast.id).latest("asked_at")


def link(here: Browser, grant: Grant) -> str:
    """Where the console's button leads."""
    return str(here.post(f"/grants/{grant.pk}/open/").headers["Location"])


def enter(here: Browser, cast: Cast, grant: Grant, browser: Open) -> Browser:
    found = urlsplit(link(here, grant))
    assert found.netloc == cast.host
    inside = browser(cast)
    assert REASON in inside.get(found.path).content.decode()
    assert inside.post(found.path).headers["Location"] == "/"
    return inside


@pytest.fixture
def contact(acme: Cast) -> Contact:
    with acme.inside():
        return Contact.objects.create(name="Zinguerie Delcourt", kind="company")


@pytest.fixture
def inside(here: Browser, acme: Cast, contact: Contact, browser: Open) -> Browser:
    """Opal in acme's workspace, reading."""
    return enter(here, acme, ask(here, acme), browser)


def the_grant(cast: Cast) -> Grant:
    with scope.shared():
        return Grant.objects.get(tenant_uuid=cast.id)


def visits(cast: Cast) -> list[str]:
    with scope.shared():
        found = Visit.objects.filter(grant__tenant_uuid=cast.id).order_by("at", "id")
        return list(found.values_list("page", flat=True))


# --- without ------------------------------------------------------------------------------------------------


def test_P22_without_a_grant_an_operator_gets_no_byte_of_a_workspace(
    here: Browser, acme: Cast, contact: Contact, browser: Open
) -> None:
    stranger = browser(acme)
    stranger.cookies.load(here.cookies.output(header=""))
    for address in addresses("tenant"):
        if address.arguments or (address.access and address.access.kind == "public"):
            continue
        answer = stranger.get(f"/{address.pattern}")
        assert answer.headers.get("Location", "").startswith("/sign-in/"), address
        assert b"Zinguerie" not in answer.content
    assert here.post(f"/grants/{UNKNOWN}/open/").status_code == 404


def test_a_grant_wants_a_reason_and_a_day_at_most(here: Browser, acme: Cast) -> None:
    address = f"/clients/{acme.tenant.client_id}/ask/"
    for wrong in ({"reason": " "}, {"hours": 25}, {"hours": 0}, {"scope": "all"}):
        assert here.post(address, {"reason": REASON, "scope": "read", "hours": 1, **wrong}).status_code == 200
    now = timezone.now()
    with scope.shared(actor=TESTER):
        assert not Grant.objects.exists()
        made = Grant(
            client_id=acme.tenant.client_id, tenant_uuid=acme.id, operator=User.objects.first(), reason="x",
            operator_name="x", hours=48, asked_at=now, starts_at=now, until=now + timedelta(hours=24, seconds=1),
        )  # fmt: skip
        with pytest.raises(IntegrityError, match="a_day_at_most"), transaction.atomic():
            made.save()


# --- with ---------------------------------------------------------------------------------------------------


def test_P22_with_a_grant_the_workspace_opens_with_a_banner_and_each_page_is_recorded(
    inside: Browser, acme: Cast, contact: Contact, opal: User, browser: Open
) -> None:
    page = inside.get(f"/contacts/{contact.pk}/").content.decode()
    assert "Zinguerie" in page and "Opal of Smoall is in this workspace" in page and REASON in page
    inside.get("/contacts/", {"q": "secret words"})
    assert visits(acme) == ["contacts:record", "contacts:list"]
    with scope.shared():
        seen = Visit.objects.get(page="contacts:record")
        assert seen.address == "contacts/<uuid:id>/" and seen.grant.operator_id == opal.pk
        assert "secret words" not in json.dumps(list(Visit.objects.values()), default=str)
    owner = browser(acme, acme.owner)
    grant = the_grant(acme)
    shown = page_of(owner, f"/workspace/support/{grant.pk}/")
    assert "Opal" in shown and REASON in shown and "contacts/&lt;uuid:id&gt;/" in shown
    assert "See 2 pages" in page_of(owner, "/workspace/support/")
    assert "2 pages of your workspace" in page_of(owner, "/workspace/disclosures/")
    with acme.inside():
        assert not User.objects.filter(pk=opal.pk).exists() and Session.objects.filter(user=None).exists()


def test_P22_every_address_of_a_workspace_is_recorded_before_it_answers(inside: Browser, acme: Cast) -> None:
    for address in addresses("tenant"):
        if address.arguments or address.name == "support:leave":
            continue
        before = len(visits(acme))
        inside.get(f"/{address.pattern}")
        assert visits(acme)[before:] == [address.name], address


def test_the_planted_unlogged_view_is_noticed(
    inside: Browser, acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Visit.objects, "create", lambda **values: None)
    with pytest.raises(AssertionError):
        test_P22_every_address_of_a_workspace_is_recorded_before_it_answers(inside, acme)


def test_a_read_grant_changes_nothing(inside: Browser, acme: Cast, contact: Contact) -> None:
    for address, body in (
        ("/contacts/new/", {"name": "Eve", "kind": "person"}),
        (f"/contacts/{contact.pk}/archive/", {}),
        (f"/contacts/{contact.pk}/delete/", {"typed_name": contact.name}),
    ):
        assert inside.post(address, body).status_code == 403, address
    with acme.inside():
        assert list(Contact.objects.values_list("name", flat=True)) == [contact.name]
        assert Contact.objects.get().archived_at is None


def test_a_write_grant_changes_things_in_the_operators_name_with_the_reason(
    here: Browser, acme: Cast, contact: Contact, opal: User, browser: Open
) -> None:
    inside = enter(here, acme, ask(here, acme, "write"), browser)
    assert inside.post(f"/contacts/{contact.pk}/archive/").status_code == 302
    with acme.inside():
        assert Contact.objects.get().archived_at
        entry = LogEntry.objects.filter(content_type__model="contact").order_by("-id").first()
        assert entry is not None
        assert (entry.actor_kind, entry.actor_id, entry.actor_behalf) == ("operator", str(opal.pk), REASON)


@pytest.mark.parametrize("how", ["read", "write"])
def test_no_grant_opens_copies_the_end_the_team_or_accounts(
    here: Browser, acme: Cast, browser: Open, how: str
) -> None:
    inside = enter(here, acme, ask(here, acme, how), browser)
    for address in (
        "/workspace/", "/workspace/exports/", "/workspace/erase/", "/workspace/leave/", "/workspace/support/",
        "/workspace/integrator/", "/team/", "/team/invite/", f"/team/{acme.owner.pk}/", "/me/", "/me/password/",
        "/me/factors/", "/me/sessions/", "/contacts/export/", "/history/export/", "/sign-in/", "/forgot/",
    ):  # fmt: skip
        assert inside.get(address).status_code in (403, 404, 405), address
        assert inside.post(address).status_code in (403, 404, 405), address
    assert inside.get(f"/contacts/import/{uuid4()}/report/").status_code == 403
    assert inside.get(f"/contacts/{uuid4()}/attachments/{uuid4()}/").status_code == 403
    for address in addresses("tenant"):
        if address.arguments or address.name == "contacts:import-example":  # a table with nobody's data
            continue
        answer = inside.get(f"/{address.pattern}")
        assert "attachment" not in answer.headers.get("Content-Disposition", ""), address


def test_rights_of_a_visitor_are_an_administrators_in_business_modules(acme: Cast, opal: User) -> None:
    now = timezone.now()
    person = visitor(Grant(operator=opal, operator_name="Opal", reason="x", scope="write", until=now))
    assert person.may("contacts.view") and person.may("contacts.delete") and person.may("history.view")
    for right in ("contacts.export", "team.view", "team.manage", "workspace.view", "workspace.export",
                  "workspace.erase", "integrators.manage", "support.view", "operators.view"):  # fmt: skip
        assert not person.may(right), right


# --- its end ------------------------------------------------------------------------------------------------


def test_P22_the_clients_click_ends_it_on_the_next_request(
    inside: Browser, acme: Cast, browser: Open
) -> None:
    assert inside.get("/contacts/").status_code == 200
    browser(acme, acme.admin).post(f"/workspace/support/{the_grant(acme).pk}/end/")
    answer = inside.get("/contacts/")
    assert answer.status_code == 403 and b"This access is over" in answer.content
    assert b"Zinguerie" not in answer.content
    assert inside.get("/contacts/").headers["Location"].startswith("/sign-in/")
    assert "Ended by" in page_of(browser(acme, acme.owner), f"/workspace/support/{the_grant(acme).pk}/")


@pytest.mark.parametrize("cause", ["expiry", "operator", "signature"])
def test_P22_an_expired_grant_or_a_stopped_operator_opens_nothing(
    inside: Browser, here: Browser, acme: Cast, opal: User, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cause == "expiry":
        later = timezone.now() + timedelta(hours=1, seconds=1)
        monkeypatch.setattr(timezone, "now", lambda: later)
    elif cause == "operator":
        with scope.shared(actor=TESTER):
            User.objects.filter(pk=opal.pk).update(deactivated_at=timezone.now())
    else:
        monkeypatch.setattr(Signature, "missing", lambda *a, **k: "another version")
    assert inside.get("/contacts/").status_code == 403
    assert visits(acme) == []


def test_the_operator_leaves_and_may_come_back_while_it_lasts(
    inside: Browser, here: Browser, acme: Cast, browser: Open
) -> None:
    assert inside.post("/workspace/support/leave/").headers["Location"].startswith("http://ops.")
    assert inside.get("/contacts/").headers["Location"].startswith("/sign-in/")
    assert enter(here, acme, the_grant(acme), browser).get("/contacts/").status_code == 200
    here.post(f"/grants/{the_grant(acme).pk}/end/")
    assert here.post(f"/grants/{the_grant(acme).pk}/open/").headers["Location"] == "/grants/"


# --- the link -----------------------------------------------------------------------------------------------


def test_P22_a_stolen_link_is_worth_nothing_the_second_time(here: Browser, acme: Cast, browser: Open) -> None:
    path = urlsplit(link(here, ask(here, acme))).path
    assert browser(acme).post(path).status_code == 302
    thief = browser(acme)
    assert thief.get(path).status_code == 404 and thief.post(path).status_code == 404
    assert thief.get("/contacts/").headers["Location"].startswith("/sign-in/")


def test_a_link_is_replaced_by_the_next_and_dies_after_two_minutes(
    here: Browser, acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = ask(here, acme)
    first, second = (urlsplit(link(here, grant)).path for _each in range(2))
    assert browser(acme).post(first).status_code == 404
    later = timezone.now() + timedelta(minutes=2, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert browser(acme).post(second).status_code == 404


def test_P22_a_grant_of_one_client_opens_no_other(
    here: Browser, acme: Cast, zenith: Cast, browser: Open, inside: Browser
) -> None:
    path = urlsplit(link(here, the_grant(acme))).path
    assert browser(zenith).post(path).status_code == 404
    there = browser(zenith)
    there.cookies.load(inside.cookies.output(header=""))
    assert there.get("/contacts/").headers["Location"].startswith("/sign-in/")
    with scope.shared():
        assert Grant.in_force(the_grant(acme).pk, tenant=zenith.id, now=timezone.now()) is None
    owner = browser(zenith, zenith.owner)
    assert owner.get(f"/workspace/support/{the_grant(acme).pk}/").status_code == 404
    assert owner.post(f"/workspace/support/{the_grant(acme).pk}/end/").status_code == 404
    assert REASON not in page_of(owner, "/workspace/support/")


def test_another_operators_grant_is_not_ones_own(
    here: Browser, acme: Cast, otto: User, browser: Open
) -> None:
    grant = ask(here, acme)
    assert browser(OPS, otto).post(f"/grants/{grant.pk}/open/").headers["Location"] == "/grants/"


# --- told and asked -----------------------------------------------------------------------------------------


def test_owners_are_told_at_once(here: Browser, acme: Cast) -> None:
    ask(here, acme)
    run.drain()
    with acme.inside():
        sent = Message.objects.get(purpose="operators.grant")
        assert sent.to_address == acme.owner.email and "enters the workspace" in sent.subject


def test_a_client_that_wants_to_be_asked_lets_in_or_refuses(here: Browser, acme: Cast, browser: Open) -> None:
    owner, admin = browser(acme, acme.owner), browser(acme, acme.admin)
    assert admin.post("/workspace/support/rule/", {"needs_consent": "on"}).status_code == 403
    owner.post("/workspace/support/rule/", {"needs_consent": "on"})
    first = ask(here, acme)
    assert first.starts_at is None
    assert here.post(f"/grants/{first.pk}/open/").headers["Location"] == "/grants/"
    assert admin.post(f"/workspace/support/{first.pk}/approve/").status_code == 403
    assert "Let them in" in page_of(owner, "/workspace/support/")
    owner.post(f"/workspace/support/{first.pk}/approve/")
    assert enter(here, acme, first, browser).get("/contacts/").status_code == 200
    second = ask(here, acme)
    owner.post(f"/workspace/support/{second.pk}/refuse/")
    owner.post(f"/workspace/support/{second.pk}/approve/")
    with scope.shared():
        second.refresh_from_db()
        assert second.refused_at and second.starts_at is None
    owner.post("/workspace/support/rule/")
    with scope.shared():
        assert not ConsentRule.objects.get().needs_consent


def test_what_was_asked_a_week_ago_is_approved_no_more(
    here: Browser, acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(acme, acme.owner).post("/workspace/support/rule/", {"needs_consent": "on"})
    grant = ask(here, acme)
    later = timezone.now() + timedelta(days=7, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    browser(acme, acme.owner).post(f"/workspace/support/{grant.pk}/approve/")
    with scope.shared():
        assert Grant.objects.get().starts_at is None


def test_a_visit_is_never_altered(inside: Browser, acme: Cast) -> None:
    inside.get("/contacts/")
    with scope.shared(actor=TESTER):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Visit.objects.update(page="x")
        with pytest.raises(TypeError):
            Visit.objects.get().save()


def test_reason_and_names_stay_out_of_the_history(here: Browser, acme: Cast) -> None:
    ask(here, acme)
    with scope.shared():
        entries = list(LogEntry.objects.filter(content_type__model="grant"))
    assert entries and REASON not in json.dumps([entry.changes for entry in entries])


def test_a_client_is_never_asked_without_end(here: Browser, acme: Cast, browser: Open) -> None:
    browser(acme, acme.owner).post("/workspace/support/rule/", {"needs_consent": "on"})
    asked = [ask(here, acme) for _each in range(MOST_OPEN)]
    address, form = f"/clients/{acme.tenant.client_id}/ask/", {"reason": REASON, "scope": "read", "hours": 1}
    refused = here.post(address, form)
    assert refused.status_code == 200 and "open or wait for its answer" in refused.content.decode()
    for _each in range(MOST_A_DAY - MOST_OPEN):
        with scope.shared(actor=TESTER):
            Grant.objects.waiting(timezone.now()).order_by("asked_at")[0].end(by="Opal", now=timezone.now())
        ask(here, acme)
    with scope.shared(actor=TESTER):
        for one in Grant.objects.all():
            one.end(by="Opal", now=timezone.now())
        assert Grant.objects.count() == MOST_A_DAY and asked
    assert "Try again tomorrow" in here.post(address, form).content.decode()


def test_P29_grants_and_what_was_opened_are_in_the_clients_own_copy(
    inside: Browser, acme: Cast, zenith: Cast
) -> None:
    inside.get("/contacts/")
    with scope.shared():
        rows, others = (
            json.loads(json.dumps(export.shared_rows(one.tenant), cls=DjangoJSONEncoder))
            for one in (acme, zenith)
        )
    (grant,) = rows["grants"]
    assert grant["operator_name"] == "Opal" and grant["reason"] == REASON and grant["until"]
    assert "contacts:list" in [seen["page"] for seen in grant["visits"]]
    assert rows["asks_before_entry"] is False and others["grants"] == []
