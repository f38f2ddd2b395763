"""Pages of invoices: a client's own, everybody's for operators, and those that outlive a workspace. Files, search, export."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from billing import accountant, dunning, vat
from billing.models import Account, Due, Invoice, Item, Payment, Reminder
from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tests.billing.issued import NOON, TEAM, client_of, credited, issued
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, make_operator

LIST = "/workspace/billing/invoices/"
Open = Callable[..., Browser]


def due(invoice: Invoice, **said: Any) -> Due:
    said = {"status": "open", "remaining": invoice.payable, "client_uuid": invoice.client_uuid} | said
    with scope.shared(actor=TESTER):
        return Due.follow(invoice.processor_id, **said)


@pytest.fixture
def invoice(acme: Cast) -> Invoice:
    made = issued(client_of(acme, vat_number="BE0403170701"), TEAM, now=timezone.now())
    due(made)
    return made


# --- the client -------------------------------------------------------------------------------------------------


def test_a_client_sees_its_invoices_their_state_and_its_payments(
    acme: Cast, browser: Open, invoice: Invoice
) -> None:
    back = credited(invoice, Item("back", 1, 100), now=timezone.now())
    with scope.shared(actor=TESTER):
        Payment.follow(
            "ch_1",
            status="succeeded",
            client_uuid=invoice.client_uuid,
            amount=4321,
            method="card",
            made_at=timezone.now(),
        )
    here = browser(acme, acme.admin)
    text = here.get(LIST).content.decode()
    assert invoice.number in text and back.number in text and "43.21" in text and "credit note" in text
    page = here.get(f"{LIST}{invoice.pk}/").content.decode()
    assert (
        invoice.written_communication in page
        and "Pay" in page
        and "BE 0403.170.701" in page.replace("\xa0", " ")
    )
    due(invoice, status="paid", remaining=0, paid=invoice.payable)
    page = here.get(f"{LIST}{invoice.pk}/").content.decode()
    assert "/pay/" not in page and "paid" in page


def test_files_are_saved_and_never_shown(acme: Cast, browser: Open, invoice: Invoice) -> None:
    here = browser(acme, acme.admin)
    for path, start in (("pdf", b"%PDF-1.7"), ("xml", b"<?xml")):
        answer = here.get(f"{LIST}{invoice.pk}/{path}/")
        assert b"".join(answer).startswith(start)  # type: ignore[arg-type]
        assert (
            f'attachment; filename="smoall-{invoice.number}.{path}"' == answer.headers["Content-Disposition"]
        )
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    bare = issued(client_of(acme, vat_number=""), now=timezone.now())
    assert here.get(f"{LIST}{bare.pk}/xml/").status_code == 404


def test_nobody_sees_an_invoice_of_somebody_else(
    acme: Cast, zenith: Cast, browser: Open, invoice: Invoice
) -> None:
    for path in ("", "pdf/", "xml/"):
        assert browser(zenith, zenith.owner).get(f"{LIST}{invoice.pk}/{path}").status_code == 404
        assert browser(acme, acme.colleague).get(f"{LIST}{invoice.pk}/{path}").status_code == 403
    assert browser(zenith, zenith.owner).post(f"{LIST}{invoice.pk}/pay/").status_code == 404
    assert invoice.number not in browser(zenith, zenith.owner).get(LIST).content.decode()


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    acme: Cast, browser: Open, invoice: Invoice, statements: Any
) -> None:
    here = browser(acme, acme.owner)
    here.get(LIST)
    with statements() as few:
        here.get(LIST)
    for _each in range(12):
        due(issued(client_of(acme), now=timezone.now()))
    with statements() as many:
        here.get(LIST)
    assert len(many) == len(few)


# --- operators --------------------------------------------------------------------------------------------------


def test_operators_search_and_filter_all_invoices(
    acme: Cast, zenith: Cast, browser: Open, invoice: Invoice
) -> None:
    other = issued(client_of(zenith, company="Élan & Fils"), now=timezone.now(), due_on=date(2020, 1, 1))
    due(other, status="paid", remaining=0, paid=other.payable)
    here = browser(OPS, make_operator("Opal"))

    def numbers(query: str) -> set[str]:
        text = here.get(f"/billing/invoices/?{query}").content.decode()
        return {one.number for one in (invoice, other) if f">{one.number}<" in text}

    assert numbers("") == {invoice.number, other.number}
    assert numbers("q=elan") == {other.number} and numbers("q=0403.170.701") == {invoice.number}
    assert numbers(f"q={invoice.communication}") == {invoice.number} and numbers("q=nobody") == set()
    assert numbers("state=open") == {invoice.number} and numbers("state=credit_notes") == set()
    for path in ("", "pdf/"):
        assert here.get(f"/billing/invoices/{other.pk}/{path}").status_code == 200
    assert here.get("/billing/invoices/018f0000-0000-7000-8000-000000000000/").status_code == 404
    assert "doesn’t add up" in here.get("/billing/invoices/ledger/").content.decode()


def test_the_accountant_gets_tables_and_files_of_a_period(acme: Cast, browser: Open) -> None:
    client = client_of(acme, company='=cmd|"/c calc"!A1', vat_number="BE0403170701")
    first = issued(client, Item("x", 1, 10_000))
    credited(first, Item("x", 1, 2_500))
    issued(
        client_of(acme, country="FR", vat_number="FR40303265045"), Item("x", 2, 700), treatment=vat.REVERSE
    )
    issued(client, now=NOON + timedelta(days=40))
    here = browser(OPS, make_operator("Opal"))
    answer = here.post("/billing/invoices/export/", {"first": "2026-12-01", "last": "2026-12-31"})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer)))  # type: ignore[arg-type]
    names = archive.namelist()
    assert [name for name in names if name.endswith(".pdf")] == [
        "2026-12/C2026-00001.pdf", "2026-12/2026-00001.pdf", "2026-12/2026-00002.pdf",
    ]  # fmt: skip
    assert "2026-12/2026-00002.xml" in names
    table = archive.read("documents.csv").decode("utf-8-sig").splitlines()
    assert len(table) == 4 and "\"'=cmd|" in table[2] and "-25.00;-5.25;-30.25" in table[1]
    vat_table = archive.read("vat.csv").decode("utf-8-sig").splitlines()
    assert vat_table[1:] == ["AE;0.00;1;14.00;0.00", "S;21.00;2;75.00;15.75"]
    for bad in (
        {"first": "2026-12-31", "last": "2026-12-01"},
        {"first": "2000-01-01", "last": "2026-12-01"},
        {"first": "x"},
    ):
        assert here.post("/billing/invoices/export/", bad).status_code == 422


def test_the_command_writes_the_same_and_nothing_over_a_file(acme: Cast, tmp_path: Path, capsys: Any) -> None:
    issued(client_of(acme))
    out = tmp_path / "q4.zip"
    call_command("export_invoices", "--from", "2026-12-01", "--until", "2026-12-31", "--out", str(out))
    assert "1 documents" in capsys.readouterr().out and zipfile.is_zipfile(out)
    with pytest.raises(CommandError, match="there already"):
        call_command("export_invoices", "--from", "2026-12-01", "--until", "2026-12-31", "--out", str(out))
    with pytest.raises(CommandError, match="before the first"):
        call_command(
            "export_invoices", "--from", "2026-12-31", "--until", "2026-12-01", "--out", str(tmp_path / "x")
        )
    assert [path.name for path in tmp_path.iterdir()] == ["q4.zip"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "'=1", 'a;b"c'])
def test_a_cell_of_the_table_is_never_a_formula(text: str) -> None:
    line = accountant._table(["a"], iter([[text]])).splitlines()[1].strip('"')
    assert line[0] not in "=+-@\t"


# --- reminders ------------------------------------------------------------------------------------------------------


def reminders() -> list[Message]:
    with scope.shared():
        return list(Message.objects.filter(purpose="billing.reminder").order_by("created_at"))


def on(day: date) -> int:
    with scope.shared(actor=TESTER):
        return dunning.send_due(now=NOON + timedelta(days=(day - NOON.date()).days))


def planned(acme: Cast, *, is_charged: bool = False) -> Invoice:
    made = issued(client_of(acme, language="en"), due_on=date(2026, 12, 15))
    due(made)
    with scope.shared(actor=TESTER):
        dunning.plan(made, is_charged=is_charged)
        dunning.plan(made, is_charged=is_charged)
    return made


def test_reminders_come_on_their_days_once_each_until_it_is_paid(acme: Cast) -> None:
    made = planned(acme)
    sent = {day: on(date(2026, 12, day)) for day in range(1, 32)}
    assert {day for day, count in sent.items() if count} == {12, 18, 25}
    assert [one.subject for one in reminders()] == [
        f"Invoice {made.number} is due soon",
        f"A reminder: invoice {made.number}",
        f"A reminder: invoice {made.number}",
    ]
    assert made.written_communication in reminders()[0].body
    due(made, status="paid", remaining=0, paid=made.payable)
    assert on(date(2027, 1, 4)) == 0 and len(reminders()) == 3


def test_what_is_taken_by_itself_is_asked_for_later_and_a_stopped_worker_catches_up_by_one(
    acme: Cast,
) -> None:
    planned(acme, is_charged=True)
    assert on(date(2026, 12, 24)) == 0
    assert on(date(2027, 2, 1)) == 1 and "Last reminder" in reminders()[0].subject
    with scope.shared():
        assert Reminder.objects.filter(sent_at=None).count() == 0


def test_an_address_that_takes_no_mail_is_passed_over_and_a_broken_reminder_is_not(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(acme)
    with scope.shared(actor=TESTER):
        Account.objects.update(billing_email="no address")
        Client.objects.update(contact_email="no address")
    assert on(date(2026, 12, 12)) == 0 and reminders() == []

    def broken(*given: Any) -> None:
        raise mail.CannotSend("there is no mail template")

    monkeypatch.setattr("shared_apps.mail.sending.rendered", broken)
    with scope.shared(actor=TESTER):
        Client.objects.update(contact_email="zoe@acme.test")
        Account.objects.update(billing_email="zoe@acme.test")
    with pytest.raises(mail.CannotSend):
        on(date(2026, 12, 18))


def test_whoever_pays_between_queueing_and_sending_gets_no_reminder(acme: Cast) -> None:
    made = planned(acme)
    on(date(2026, 12, 18))
    [queued] = reminders()
    with scope.shared():
        assert dunning.is_open(queued)
    due(made, status="paid", remaining=0, paid=made.payable)
    with scope.shared():
        assert not dunning.is_open(queued)


# --- what outlives the workspace --------------------------------------------------------------------------------------


def test_the_contact_person_finds_the_invoices_by_the_mailed_link(
    acme: Cast, zenith: Cast, browser: Open, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing import views_contact
    from tenants.models import Departure

    class Visit:
        is_expired = False
        departure = Departure(client_uuid=invoice.client_uuid)

    monkeypatch.setattr(views_contact.departure, "read_link", lambda token: Visit)
    here = browser("app.smoall.localhost")
    answer = here.get(f"/contact-details/token/invoices/{invoice.pk}/")
    assert b"".join(answer).startswith(b"%PDF")  # type: ignore[arg-type]
    other = issued(client_of(zenith), now=timezone.now())
    assert here.get(f"/contact-details/token/invoices/{other.pk}/").status_code == 404
    Visit.is_expired = True
    assert here.get(f"/contact-details/token/invoices/{invoice.pk}/").status_code == 404
    with scope.shared():
        [paper] = views_contact.papers(invoice.client_uuid)
    assert (paper.label, paper.id) == (invoice.number, invoice.pk)


def test_a_forged_link_leads_to_nothing(browser: Open, invoice: Invoice) -> None:
    assert (
        browser("app.smoall.localhost").get(f"/contact-details/forged/invoices/{invoice.pk}/").status_code
        == 404
    )
