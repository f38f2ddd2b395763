"""Smoall's invoices, and money beside them."""

from datetime import timedelta

from billing import walls
from billing.models import Account, Due, Invoice, Parting, Payment, Payout
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tests.billing.issued import client_of, issued
from tests.conftest import TESTER
from tests.promises.faults.stage import NOW, Stage, fault


def an_invoice(on: Stage) -> Invoice:
    made = issued(client_of(on.acme, vat_number="BE0403170701"))
    with scope.shared(actor=TESTER):
        Due.follow(made.processor_id, status="open", total=made.payable, remaining=made.payable)
    return made


def without_walls(on: Stage, *statements: str) -> None:
    tables = sorted({wall.table for wall in walls.WALLS})
    on.ddl(
        "SET CONSTRAINTS ALL IMMEDIATE", *(f"ALTER TABLE public.{one} DISABLE TRIGGER USER" for one in tables)
    )
    on.ddl(*statements, "SET CONSTRAINTS ALL IMMEDIATE")
    on.ddl(*(f"ALTER TABLE public.{wall.table} ENABLE ALWAYS TRIGGER {wall.name}" for wall in walls.WALLS))


@fault("invoices-are-kept")
def a_wall_that_is_taken_away(on: Stage) -> None:
    on.ddl("ALTER TABLE public.billing_invoice DISABLE TRIGGER keep_issued")


@fault("invoices-are-kept")
def a_wall_that_a_replicating_session_goes_around(on: Stage) -> None:
    on.ddl("ALTER TABLE public.billing_invoiceline ENABLE TRIGGER keep_issued")


@fault("invoices-are-kept")
def an_invoice_that_says_another_amount(on: Stage) -> None:
    an_invoice(on)
    without_walls(
        on, "UPDATE public.billing_invoice SET net = net + 1, gross = gross + 1, payable = payable + 1"
    )


@fault("invoices-are-kept")
def an_invoice_that_is_gone(on: Stage) -> None:
    for _each in range(2):
        an_invoice(on)
    first = "(SELECT id FROM public.billing_invoice WHERE sequence = 1)"
    without_walls(
        on,
        f"DELETE FROM public.billing_document WHERE invoice_id = {first}",
        f"DELETE FROM public.billing_invoiceline WHERE invoice_id = {first}",
        f"DELETE FROM public.billing_invoice WHERE id = {first}",
    )


@fault("invoices-are-kept")
def a_file_that_is_another(on: Stage) -> None:
    an_invoice(on)
    without_walls(on, "UPDATE public.billing_document SET content = 'another'")


@fault("money-adds-up")
def a_payment_of_nothing(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Payment.follow("ch_fault", status="succeeded", amount=100, made_at=NOW())


@fault("money-adds-up")
def an_invoice_that_the_processor_does_not_know(on: Stage) -> None:
    made = an_invoice(on)
    with scope.shared(actor=TESTER):
        Due.objects.filter(processor_id=made.processor_id).delete()


@fault("money-adds-up")
def a_payout_of_a_cent_too_much(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Payout.follow("po_fault", status="paid", amount=1, made_at=NOW())


@fault("operator-is-told-of-changes")
def details_that_the_payment_operator_never_learnt(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Account.objects.create(client_uuid=on.client, customer_id="cus_old", sent={"company": "Acme of Old"})


@fault("operator-is-told-of-changes")
def details_of_a_client_without_a_workspace_that_it_never_learnt(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        client = Client.objects.create(company="New SRL", contact_name="Nora", contact_email="nora@new.test")
        Account.objects.create(client_uuid=client.pk, customer_id="cus_old", sent={"company": "Old SRL"})


@fault("operator-forgets-too")
def a_record_that_nobody_deletes(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Parting.objects.create(customer_id="cus_left", asked_at=NOW() - timedelta(days=2))


@fault("operator-forgets-too")
def an_account_that_outlived_its_client(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Account.objects.create(client_uuid=uuid7(), customer_id="cus_ghost")
