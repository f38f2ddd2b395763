"""The list of clients, the page of one, making one, and the suspension; as operators live them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyrage
import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.jobs import run
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message
from tenants.models import Erasure, Export, Saga, SignUp, State, Tenant
from tests.conftest import TESTER, Cast
from tests.operators.conftest import again, page_of

FORM = {
    "company": "Café Noir SA", "country": "BE", "vat_number": "BE 0403.170.701", "language": "fr",
    "subdomain": "cafe-noir", "name": "Nora Noir", "email": "nora@noir.test",
}  # fmt: skip


def test_the_list_shows_state_release_and_size(here: Browser, acme: Cast, zenith: Cast) -> None:
    page = page_of(here, "/clients/")
    for shown in ("Acme SRL", "Zenith SRL", "acme", "active", acme.tenant.release, "B</td>"):
        assert shown in page


@pytest.mark.parametrize("words", ["acme", "ACME srl", "olga@acme", "Olga Acme"])
def test_it_is_searched_by_name_address_and_person(
    here: Browser, acme: Cast, zenith: Cast, words: str
) -> None:
    page = page_of(here, "/clients/", q=words)
    assert "Acme SRL" in page and "Zenith SRL" not in page


def test_it_is_filtered_by_state_and_erased_clients_stay_listed(
    here: Browser, acme: Cast, zenith: Cast
) -> None:
    with scope.shared(actor=TESTER):
        Tenant.locked(acme.id).suspend(reason="unpaid", now=timezone.now())
        Client.objects.create(company="Gone NV", contact_name="G", contact_email="g@gone.test")
    page = page_of(here, "/clients/", state="suspended")
    assert "Acme SRL" in page and "Zenith SRL" not in page
    page = page_of(here, "/clients/", state="erased")
    assert "Gone NV" in page and "Acme SRL" not in page and "data erased" in page
    assert page_of(here, "/clients/", state="nonsense", sort="password", page="x", q="\0")


def test_a_page_costs_the_same_however_many_there_are(here: Browser, statements: Callable[[], Any]) -> None:
    def count() -> int:
        with statements() as sent:
            page_of(here, "/clients/")
        return len(sent)

    few = count()
    with scope.shared(actor=TESTER):
        for number in range(60):
            Client.objects.create(company=f"Brasserie {number}", contact_name="B", contact_email="b@b.test")
    assert count() <= few
    assert "1–50 of" in page_of(here, "/clients/")


def test_the_page_of_a_client_tells_contact_details_workspace_and_history(here: Browser, acme: Cast) -> None:
    with scope.shared(actor=TESTER):
        Export.objects.create(
            tenant_uuid=acme.id, requested_by={"role": "owner", "id": "x"}, recipient="passphrase",
            expires_at=timezone.now(), size=4_200_000, sha256="f" * 64,
        )  # fmt: skip
    here.post(f"/clients/{acme.tenant.client_id}/suspend/", {"reason": "Invoice 12 is unpaid"})
    page = page_of(here, f"/clients/{acme.tenant.client_id}/")
    for shown in ("Olga Acme", "Rue Haute 1", "http://acme.smoall.localhost", "Invoice 12 is unpaid", "an owner",
                  "4.0", "Opal"):  # fmt: skip
        assert shown in page
    assert acme.tenant.schema_name not in page and "/take/" not in page and "f" * 64 not in page


def test_suspending_wants_a_reason_signs_everybody_out_and_is_said_in_the_history(
    here: Browser, acme: Cast, browser: Callable[..., Browser]
) -> None:
    there, address = browser(acme, acme.owner), f"/clients/{acme.tenant.client_id}/suspend/"
    here.post(address, {"reason": " \n "})
    assert again(acme.id).state == State.ACTIVE
    assert here.post(address, {"reason": "Unpaid\nsince May"}).status_code == 302
    tenant = again(acme.id)
    assert (tenant.state, tenant.state_reason) == (State.SUSPENDED, "Unpaid since May")
    assert there.get("/me/").status_code == 302
    here.post(address, {"reason": "again"})
    assert again(acme.id).state_reason == "Unpaid since May", "a second click changes nothing"
    with scope.shared():
        entry = LogEntry.objects.filter(table_name="tenants_tenant").latest("id")
    assert (entry.actor_kind, entry.actor_name) == ("operator", "Opal")
    here.post(f"/clients/{acme.tenant.client_id}/resume/")
    here.post(f"/clients/{acme.tenant.client_id}/resume/")
    assert again(acme.id).state == State.ACTIVE


def test_a_new_client_is_made_by_a_worker_and_its_owner_invited(here: Browser) -> None:
    answer = here.post("/clients/new/", FORM)
    address = answer.headers["Location"]
    assert "Waiting for its turn" in page_of(here, address)
    assert here.get(f"{address}progress/").status_code == 200
    run.drain()
    assert here.get(f"{address}progress/").headers["HX-Refresh"] == "true"
    page = page_of(here, address)
    assert "Café Noir SA" in page and "Open the client" in page
    with scope.shared():
        tenant = Tenant.objects.get(domains__domain="cafe-noir")
        assert Message.objects.filter(purpose="sign_up.ready", to_address="nora@noir.test").count() == 1
        entry = LogEntry.objects.filter(table_name="clients_client").latest("id")
        assert entry.actor_name == "Opal"
    with scope.tenant(tenant.id):
        assert User.objects.get().email == "nora@noir.test"


@pytest.mark.parametrize("worked", [False, True])
def test_a_second_click_leads_where_the_first_one_led(here: Browser, worked: bool) -> None:
    first = here.post("/clients/new/", FORM)
    if worked:
        run.drain()
    second = here.post("/clients/new/", FORM)
    assert second.status_code == 302
    with scope.shared():
        assert Saga.objects.filter(kind="provision").count() == 1
        tenant = Tenant.objects.filter(domains__domain="cafe-noir").first()
    assert second.headers["Location"] == (
        f"/clients/{tenant.client_id}/" if tenant else first.headers["Location"]
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("subdomain", "acme", "taken"),
        ("subdomain", "ops", "kept for Smoall"),
        ("vat_number", "BE 0403.170.702", "check digits"),
        ("email", "nora", "valid email"),
        ("company", "", "required"),
    ],
)
def test_a_form_that_cannot_be_is_refused_with_the_reason(
    here: Browser, acme: Cast, field: str, value: str, said: str
) -> None:
    page = here.post("/clients/new/", FORM | {field: value})
    assert page.status_code == 200 and said in page.content.decode()
    with scope.shared():
        assert not SignUp.objects.exists() and not Saga.objects.exists()


def test_owners_are_asked_for_a_copy_once_a_day_and_the_operator_learns_nobody(
    here: Browser, acme: Cast
) -> None:
    address = f"/clients/{acme.tenant.client_id}/start-copy/"
    for _click in range(3):
        assert here.post(address).status_code == 302
    run.drain()
    with acme.inside():
        mails = list(Message.objects.filter(purpose="operators.copy"))
        assert not SignIn.objects.exists()
    assert [mail.to_address for mail in mails] == ["olga@acme.test"], "owners alone, once"
    with scope.shared():
        assert not Message.objects.filter(purpose="operators.copy").exists(), "in the workspace's own outbox"
        assert not Export.objects.exists()
    assert "were asked today already" in page_of(here, f"/clients/{acme.tenant.client_id}/")


def test_with_the_owners_key_a_copy_is_started_that_they_alone_can_open_and_take(
    here: Browser, acme: Cast, browser: Any
) -> None:
    ours = pyrage.x25519.Identity.generate()
    owner = browser(acme, acme.owner)
    said = owner.post("/workspace/exports/key/", {"copies_key": f" {ours.to_public()} "}, follow=True)
    assert "encrypted to this key" in said.content.decode() and str(ours.to_public()) in said.content.decode()
    page = f"/clients/{acme.tenant.client_id}/"
    assert here.post(f"{page}start-copy/").status_code == 302
    assert "The copy is being made" in page_of(here, page)
    with scope.shared():
        made = Export.objects.get(tenant_uuid=acme.id)
    assert (made.requested_by["role"], made.recipient) == ("operator", "age")
    assert here.get(f"/workspace/exports/{made.id}/take/").status_code == 404, "no byte for the operator"
    here.post(f"{page}start-copy/")
    assert "being made already" in page_of(here, page)
    again = browser(acme, acme.owner).get("/workspace/exports/").content.decode()
    assert str(ours.to_public()) in again
    owner.post("/workspace/exports/key/", {"copies_key": ""})
    with scope.shared():
        assert Tenant.objects.get(pk=acme.id).copies_key == ""


@pytest.mark.parametrize(
    "key", ["a long sentence to remember", "age1", "AGE-SECRET-KEY-1QQ", "age1é\0", "x" * 200]
)
def test_what_is_no_public_key_is_refused_and_kept_nowhere(acme: Cast, browser: Any, key: str) -> None:
    owner = browser(acme, acme.owner)
    assert owner.post("/workspace/exports/key/", {"copies_key": key}).status_code == 302
    with scope.shared():
        assert Tenant.objects.get(pk=acme.id).copies_key == ""
    assert browser(acme, acme.admin).post("/workspace/exports/key/", {"copies_key": ""}).status_code == 403


def test_the_overview_counts(here: Browser, acme: Cast, zenith: Cast) -> None:
    page = page_of(here, "/")
    assert "New and erased clients of the last twelve months" in page
    with scope.shared(actor=TESTER):
        Client.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert "No client came or left in the last twelve months." in page_of(here, "/")


def test_a_client_whose_data_is_erased_keeps_a_page_without_verbs(here: Browser) -> None:
    now = timezone.now()
    with scope.shared(actor=TESTER):
        gone = Client.objects.create(company="Gone NV", contact_name="Gaby", contact_email="g@gone.test")
        Erasure.objects.create(
            tenant_uuid=uuid7(), client_uuid=gone.pk, requested_by={"role": "owner", "id": "x"},
            requested_at=now, closed_at=now, destroy_at=now, destroyed_at=now,
        )  # fmt: skip
    page = page_of(here, f"/clients/{gone.pk}/")
    assert "data erased" in page and "Gaby" in page and "destroyed" in page
    assert "Suspend" not in page and "Erase this client" not in page
    for verb in ("suspend", "resume", "start-copy", "erase", "cancel-erasure"):
        answer = here.post(f"/clients/{gone.pk}/{verb}/", {"reason": "x", "typed_name": ""})
        assert answer.headers["Location"] == f"/clients/{gone.pk}/"
    assert "does not exist any more" in page_of(here, f"/clients/{gone.pk}/")
