"""Who opens which page of ops.: operators all of them, everybody else none; and none shows a workspace's rows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.access import access_of
from shared_apps.accounts.models import UnknownRight, User
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.module import all_rights
from shared_apps.mail.models import Message
from shared_apps.operators import urls
from shared_apps.operators.models import Grant, Inspection
from shared_apps.requests.models import Breach, Request
from tenants import sagas
from tenants.models import FleetEntry, Saga
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import APP, Partner, link
from tests.operators.conftest import OPS, UNKNOWN, make_operator
from tests.sharing.conftest import made, make_shared_with

Open = Callable[..., Browser]

# address: (method, status for an operator). Everybody else is sent to the sign-in page.
ADDRESSES = {
    "": ("get", 200),
    "clients/": ("get", 200),
    "clients/new/": ("get", 200),
    "clients/{client}/": ("get", 200),
    "clients/{client}/suspend/": ("post", 302),
    "clients/{client}/resume/": ("post", 302),
    "clients/{client}/start-copy/": ("post", 302),
    "clients/{client}/erase/": ("get", 200),
    "clients/{client}/cancel-erasure/": ("post", 302),
    "clients/{client}/give-notice/": ("get", 200),
    "clients/{client}/move-day/data/": ("get", 302),  # nobody leaves here
    "clients/{client}/withdraw-notice/": ("get", 302),
    "clients/{client}/proofs/{instruction}/": ("get", 404),
    "clients/{client}/ask/": ("get", 200),
    "grants/": ("get", 200),
    "grants/{grant}/open/": ("post", 302),
    "grants/{grant}/end/": ("post", 302),
    "confidentiality/": ("get", 200),
    "departures/": ("get", 200),
    "fleet/": ("get", 200),
    "fleet/{entry}/retry/": ("post", 302),
    "work/": ("get", 200),
    "work/jobs/": ("get", 200),
    "work/jobs/{job}/retry/": ("post", 302),
    "work/{saga}/": ("get", 200),
    "work/{saga}/progress/": ("get", 200),
    "work/{saga}/retry/": ("post", 302),
    "integrators/": ("get", 200),
    "integrators/new/": ("get", 200),
    "integrators/{organisation}/": ("get", 200),
    "integrators/{organisation}/people/{ines}/resend/": ("post", 302),
    "operators/": ("get", 200),
    "operators/invite/": ("get", 200),
    "operators/{opal}/resend/": ("post", 302),
    "operators/{opal}/withdraw/": ("post", 302),
    "operators/{opal}/reset-factors/": ("post", 302),
    "operators/{opal}/deactivate/": ("post", 302),
    "operators/{opal}/reactivate/": ("post", 302),
    "sharing/": ("get", 200),
    "sharing/new/": ("get", 200),
    "sharing/refused/": ("get", 200),
    "sharing/{shared_with}/": ("get", 200),
    "sharing/{shared_with}/verify/": ("get", 200),
    "sharing/{shared_with}/end/": ("post", 302),
    "sharing/orders/": ("get", 200),
    "sharing/orders/new/": ("get", 200),
    "sharing/orders/{order}/": ("get", 200),
    "sharing/orders/{order}/confirm/": ("post", 200),
    "sharing/orders/{order}/retry/": ("post", 302),
    "sharing/orders/{order}/prolong/": ("post", 302),
    "sharing/orders/{order}/take/": ("post", 200),
    "sharing/orders/{order}/document/": ("get", 200),
    "sharing/orders/{order}/record/": ("get", 200),
    "documents/": ("get", 200),
    "documents/privacy/{version}/": ("get", 200),
    "documents/privacy/{version}/propose/": ("get", 200),
    "documents/privacy/{version}/confirm/": ("post", 302),  # published with the release
    "documents/privacy/{version}/withdraw/": ("post", 302),
    "requests/": ("get", 200),
    "requests/new/": ("get", 200),
    "requests/breaches/": ("get", 200),
    "requests/breaches/new/": ("get", 200),
    "requests/breaches/{breach}/": ("get", 200),
    "requests/breaches/{breach}/authority/": ("post", 200),
    "requests/breaches/{breach}/no-authority/": ("post", 200),
    "requests/breaches/{breach}/notify/": ("post", 200),
    "requests/breaches/{breach}/concern/": ("post", 200),
    "requests/breaches/{breach}/supplement/": ("post", 200),
    "requests/{request}/": ("get", 200),
    "requests/{request}/answer/": ("post", 200),
    "requests/{request}/extend/": ("post", 200),
    "requests/{request}/scan/": ("get", 404),
    "mails/": ("get", 200),
    "health/": ("get", 200),
    "health/inspect/": ("post", 302),
    "health/progress/": ("get", 200),
}
READING = [address for address, (method, _status) in ADDRESSES.items() if method == "get"]
WRITING = [address for address, (method, _status) in ADDRESSES.items() if method == "post"]


@pytest.fixture
def ids(acme: Cast, partner: Partner, opal: User) -> dict[str, Any]:
    link(acme, partner)
    shared_with = make_shared_with()
    order = made(acme, make_operator("Otto"), opal)
    with scope.shared(actor=TESTER):
        Message.objects.update(
            state=Message.State.SENT
        )  # the order's client is told before anything is given
        saga = Saga.objects.create(kind="erase", subject=acme.id, key="t", status=Saga.Status.FAILED)
        job = Job.objects.create(name="shared_apps.mail.delivery.tidy", purpose="mail.tidy", state="failed")
        grant = Grant.objects.create(
            client=acme.tenant.client, tenant_uuid=acme.id, operator=opal, operator_name="Opal", reason="Help",
            hours=1, asked_at=timezone.now(), starts_at=timezone.now(), until=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        request = Request.register(
            received_on=timezone.localdate(), by=opal, now=timezone.now(), kind="question", channel="mail",
            from_name="Ida", from_address="ida@x.test", text="Why?",
        )  # fmt: skip
        breach = Breach.register(
            found_at=timezone.now() - timedelta(hours=1), clients=[acme.tenant.client_id], by=opal, now=timezone.now(),
            summary="A disk", happened="Stolen.", categories=["contact"],
        )  # fmt: skip
        entry = FleetEntry.objects.create(
            tenant=acme.tenant,
            release="0.0.9",
            fingerprint="0",
            from_release="0.0.8",
            wave=0,
            status="failed",
        )
        Inspection.objects.create(asked_at=timezone.now(), finished_at=timezone.now(), problems=["a folder"])
    return {
        "client": acme.tenant.client_id, "saga": saga.id, "job": job.id, "opal": opal.id,
        "instruction": UNKNOWN,
        "organisation": partner.organisation.id, "ines": partner.ines.id,
        "shared_with": shared_with.id, "order": order.id, "grant": grant.id, "version": "1",
        "request": request.id, "breach": breach.id, "entry": entry.id,
    }  # fmt: skip


def shapes() -> Iterator[str]:
    """The addresses of the URLconf, with this table's words for their parts."""
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern)
        for kind, word in (("clients", "client"), ("work/jobs", "job"), ("work", "saga"), ("operators", "opal"),
                           ("requests/breaches", "breach"), ("requests", "request"),
                           ("sharing/orders", "order"), ("sharing", "shared_with"),
                           ("fleet", "entry"), ("grants", "grant"), ("integrators", "organisation")):  # fmt: skip
            if route.startswith(f"{kind}/"):
                route = route.replace("<uuid:id>", f"{{{word}}}")
        for part, word in (("person", "{ines}"), ("instruction", "{instruction}")):
            route = route.replace(f"<uuid:{part}>", word)
        route = route.replace("<slug:kind>", "privacy").replace("<slug:version>", "{version}")
        yield route.replace("<slug:category>", "data")


def test_the_table_names_every_address() -> None:
    assert set(shapes()) == set(ADDRESSES)


def test_every_address_asks_for_a_right_of_operators() -> None:
    for pattern in urls.urlpatterns:
        access = access_of(pattern.callback)
        assert access and access.right.startswith("operators."), pattern


@pytest.mark.parametrize("address", list(ADDRESSES))
def test_an_operator_opens_it_and_nobody_else(
    ids: dict[str, Any], acme: Cast, partner: Partner, opal: User, browser: Open, address: str
) -> None:
    method, status = ADDRESSES[address]
    url = f"/{address.format(**ids)}"
    assert getattr(browser(OPS, opal), method)(url).status_code == status
    for where, person in ((acme, acme.owner), (APP, partner.ines)):
        elsewhere = browser(where, person)
        cookies = elsewhere.cookies
        transplanted = Browser(HTTP_HOST=OPS)
        transplanted.cookies = cookies
        answer = getattr(transplanted, method)(url)
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/")
        assert b"Acme" not in answer.content
    answer = getattr(browser(OPS), method)(url)
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("address", [address for address in ADDRESSES if "{" in address])
def test_an_unknown_key_is_not_found(ids: dict[str, Any], opal: User, browser: Open, address: str) -> None:
    method, _status = ADDRESSES[address]
    url = f"/{address.format(**dict.fromkeys(ids, UNKNOWN))}"
    assert getattr(browser(OPS, opal), method)(url).status_code == 404


@pytest.mark.parametrize("address", WRITING)
def test_changes_are_posted_never_opened_and_want_the_forms_token(
    ids: dict[str, Any], opal: User, browser: Open, address: str
) -> None:
    url, here = f"/{address.format(**ids)}", browser(OPS, opal)
    assert here.get(url).status_code == 405
    strict = Browser(enforce_csrf_checks=True, HTTP_HOST=OPS)
    strict.cookies = here.cookies
    assert strict.post(url).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "clients/new/",
        "clients/{client}/erase/",
        "clients/{client}/give-notice/",
        "integrators/new/",
        "operators/invite/",
    ],
)
def test_forms_want_their_token_too(ids: dict[str, Any], opal: User, browser: Open, address: str) -> None:
    strict = Browser(enforce_csrf_checks=True, HTTP_HOST=OPS)
    strict.cookies = browser(OPS, opal).cookies
    assert strict.post(f"/{address.format(**ids)}").status_code == 403


@pytest.mark.parametrize("address", READING)
def test_no_page_enters_a_workspace(
    ids: dict[str, Any], acme: Cast, opal: User, browser: Open, address: str, statements: Callable[[], Any]
) -> None:
    """A statement that names a schema is the catalog's, which knows sizes alone."""
    here = browser(OPS, opal)
    with statements() as sent:
        here.get(f"/{address.format(**ids)}")
    naming = [query["sql"] for query in sent if acme.tenant.schema_name in query["sql"]]
    assert all("FROM pg_namespace" in sql and "SET LOCAL search_path TO t_" not in sql for sql in naming)
    assert not any("smoall_tenant" in query["sql"] for query in sent)


@pytest.mark.parametrize(
    "address", ["/contacts/", "/team/", "/history/", "/workspace/", "/workspace/exports/"]
)
def test_pages_of_a_workspace_do_not_exist_here(here: Browser, address: str) -> None:
    assert here.get(address).status_code == 404


def test_rights_follow_the_kind_of_a_person(acme: Cast, partner: Partner, opal: User) -> None:
    for right in all_rights():
        assert opal.may(right) == right.startswith("operators.")
        assert partner.ines.may(right) == right.startswith("partner.")
        assert acme.owner.may(right) == (not right.startswith(("operators.", "partner.")))
    with pytest.raises(UnknownRight):
        opal.may("operators.fly")


def test_long_work_on_a_workspace_that_is_gone_still_opens(here: Browser) -> None:
    with scope.shared():
        saga = sagas.start("export", UUID(UNKNOWN), key="gone", data={})
    assert here.get(f"/work/{saga.pk}/").status_code == 200
