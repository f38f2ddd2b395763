"""Verbs of one transaction about leaving and erasing."""

from contextlib import suppress
from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import departure, erasure, forgetting
from tenants.models import (
    CannotAct,
    Category,
    Departure,
    Erasure,
    Instruction,
    Saga,
    State,
    Tenant,
)
from tests.conftest import TESTER
from tests.crash.scenarios.contacts import gone_by_notice
from tests.crash.scenarios.erasure import forgetting_of, is_erased, is_over
from tests.crash.scenarios.stage import (
    Case,
    scenario,
    workspace,
)


@scenario("ask for an erasure", "close")
def close() -> Case:
    """Asked for again after a death, as a person does who saw an error."""
    tenant = workspace("closing")

    def go() -> None:
        with suppress(CannotAct), scope.acting(TESTER):
            erasure.request(tenant.id, now=timezone.now())

    def check() -> None:
        with scope.shared():
            found = Erasure.objects.get(tenant_uuid=tenant.id)
            assert Saga.objects.filter(subject=tenant.id).values_list("pk", "status").get() == (
                found.saga, Saga.Status.WAITING,
            )  # fmt: skip
            assert Tenant.objects.get(pk=tenant.pk).state == State.ERASING
            assert Message.objects.filter(purpose="tenants.erasure", about=tenant.id).count() == 1

    return Case(None, check, go)


@scenario("cancel an erasure", "reopen")
def reopen() -> Case:
    tenant = workspace("reopened")
    with scope.acting(TESTER):
        found = erasure.request(tenant.id, now=timezone.now())

    def go() -> None:
        with suppress(CannotAct), scope.acting(TESTER):
            erasure.cancel(found, now=timezone.now())

    def check() -> None:
        with scope.shared():
            found.refresh_from_db()
            assert found.cancelled_at and not found.destroyed_at
            assert Saga.objects.get(pk=found.saga).status == Saga.Status.CANCELLED
            assert Tenant.objects.get(pk=tenant.pk).state == State.ACTIVE

    return Case(None, check, go)


@scenario("give notice", "notice")
def notice() -> Case:
    tenant = workspace("leaving")

    def go() -> None:
        proof = ContentFile(b"%PDF-1.7 we leave", name="letter.pdf")
        with suppress(CannotAct), scope.acting(TESTER):
            departure.give_notice(tenant.id, now=timezone.now(), proof=proof)

    def check() -> None:
        said_once(tenant, State.LEAVING, ["notice"])
        with scope.shared():
            assert Message.objects.filter(purpose=departure.PURPOSE, about=tenant.client_id).count() == 1

    return Case(None, check, go)


@scenario("withdraw the notice", "withdraw")
def withdraw() -> Case:
    tenant = leaving_since_today()

    def go() -> None:
        with suppress(CannotAct), scope.acting(TESTER):
            departure.withdraw(tenant.id, now=timezone.now())

    def check() -> None:
        said_once(tenant, State.ACTIVE, ["notice", "withdrawn"])
        with scope.shared():
            assert Departure.objects.get(tenant_uuid=tenant.id).withdrawn_at

    return Case(None, check, go)


@scenario("choose another day", "instruct")
def instruct() -> Case:
    """Asked for again after a death, it is said once more, of the same day."""
    tenant = leaving_since_today()
    found = departure.of_workspace(tenant.id)
    assert found
    on = found.data_on + timedelta(days=10)

    def go() -> None:
        with scope.acting(TESTER):
            departure.instruct(found.id, Category.DATA, on, now=timezone.now())

    def check() -> None:
        with scope.shared():
            found.refresh_from_db()
            changed = Message.objects.filter(key__startswith=f"leaving:{found.id}:changed")
            assert changed.count() == 1, "saying the same day again changes nothing"
        assert (found.data_on, found.data_promised_on) == (on, on - timedelta(days=10))

    return Case(None, check, go)


@scenario("have the contact details erased at once", "forget_now")
def forget_now() -> Case:
    tenant, leaving = gone_by_notice()

    def go() -> None:
        with scope.acting(scope.Actor("contact", str(tenant.client_id), "contact")):
            forgetting.request(leaving.id, now=timezone.now())

    def check() -> None:
        with scope.shared():
            assert Saga.objects.filter(kind="forget", subject=tenant.id).count() == 1
            assert Instruction.objects.filter(departure=leaving, kind="now").count() == 1
        is_over(forgetting_of(tenant))
        is_erased(tenant, with_contacts=True)

    return Case(None, check, go)


def leaving_since_today() -> Tenant:
    tenant = workspace("staying")
    with scope.acting(TESTER):
        departure.give_notice(tenant.id, now=timezone.now())
    return tenant


def said_once(tenant: Tenant, state: State, kinds: list[str]) -> None:
    with scope.shared():
        assert Tenant.objects.get(pk=tenant.pk).state == state
        said = Instruction.objects.filter(departure__tenant_uuid=tenant.id).order_by("given_at")
        assert list(said.values_list("kind", flat=True)) == kinds
