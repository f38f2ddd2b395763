"""P13: an invoice is complete in itself, numbered without a gap, and the database lets nobody change it."""

from datetime import date, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction
from stdnum.be import ogm_vcs

from billing import keeping, vat, walls
from billing.models import (
    Allocation,
    CannotIssue,
    Document,
    Due,
    Entry,
    Invoice,
    InvoiceLine,
    Item,
    Payment,
    Payout,
    Series,
)
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS
from tests.billing.issued import NOON, TEAM, all_of, client_of, credited, issued
from tests.conftest import TESTER, Cast

NEW_YEAR = datetime(2026, 12, 31, 23, 59, tzinfo=BRUSSELS)


def test_P13_numbers_go_on_by_kind_and_year_of_brussels(acme: Cast) -> None:
    client = client_of(acme)
    numbers = [
        issued(client, now=moment).number for moment in (NOON, NEW_YEAR, NEW_YEAR + timedelta(minutes=2))
    ]
    first = all_of(client.pk)[0]
    assert [*numbers, credited(first).number] == ["2026-00001", "2026-00002", "2027-00001", "C2026-00001"]


def test_P13_the_same_document_of_the_processor_is_issued_once(acme: Cast) -> None:
    client = client_of(acme)
    again = [issued(client, processor_id="in_1") for _each in range(3)]
    assert len({one.pk for one in again}) == 1 and len(all_of(client.pk)) == 1


def test_P13_a_refused_invoice_uses_no_number(acme: Cast) -> None:
    client = client_of(acme)
    issued(client)
    for lines, changes in (
        ((Item("x", 1, -1),), {}),
        ((Item("", 1, 5),), {}),
        ((Item("x", 1, 5), Item("back", -1, 5)), {}),
        ((TEAM,), {"total": 1}),
        ((TEAM,), {"kind": "credit_note"}),
        ((TEAM,), {"kind": "pro forma"}),
    ):
        with pytest.raises(CannotIssue), scope.shared(actor=TESTER), transaction.atomic():
            issued(client, *lines, **changes)
    assert issued(client).number == "2026-00002"


def test_P13_an_invoice_keeps_what_it_said_when_the_client_changes_or_goes(acme: Cast) -> None:
    client = client_of(acme, vat_number="BE0403170701", language="nl")
    made = issued(client, Item("Smoall, Team", 2, 1900, discount=300))
    client_of(acme, company="Other SA", vat_number="", language="fr")
    [kept] = all_of(client.pk)
    assert kept.buyer_party.name == "Acme SRL" and kept.buyer_party.enterprise_number == "0403170701"
    assert (kept.language, kept.net, kept.vat, kept.gross) == ("nl", 3500, 735, 4235)
    assert kept.kept_until == date(2036, 12, 31) and kept.digest == made.digest
    assert ogm_vcs.is_valid(kept.written_communication)


def test_P13_a_later_number_has_no_earlier_day(acme: Cast) -> None:
    client = client_of(acme)
    issued(client)
    late = issued(client, now=NOON - timedelta(days=3))
    assert (late.sequence, late.issued_on) == (2, NOON.date())


def test_P13_credit_notes_never_take_back_more_than_was_invoiced(acme: Cast, zenith: Cast) -> None:
    invoice = issued(client_of(acme))
    credited(invoice, Item("back", 1, 4000))
    with pytest.raises(CannotIssue), scope.shared(), transaction.atomic():
        credited(invoice, Item("back", 1, 1701))
    last = credited(invoice, Item("back", 1, 1700))
    with scope.shared():
        assert invoice.credited == invoice.gross and last.communication is None and last.due_on is None
    other = issued(client_of(zenith))
    with pytest.raises(DatabaseError, match="same client"), scope.shared(), transaction.atomic():
        issued(client_of(acme), TEAM, kind="credit_note", corrects=other)


# --- what the database refuses --------------------------------------------------------------------------------

ALTER = (
    "UPDATE billing_invoice SET gross = gross + 1, net = net + 1",
    "UPDATE billing_invoice SET kept_until = '2000-01-01'",
    "UPDATE billing_invoice SET buyer = '{}'",
    "DELETE FROM billing_invoice",
    "UPDATE billing_invoiceline SET text = 'another'",
    "DELETE FROM billing_invoiceline",
    "UPDATE billing_document SET content = ''",
    "DELETE FROM billing_document",
    "UPDATE billing_series SET last = 0",
    "UPDATE billing_series SET last = last + 2",
    "UPDATE billing_series SET year = 1999",
    "DELETE FROM billing_series",
)
TRUNCATE = tuple(f"TRUNCATE {table} CASCADE" for table in (*walls.KEPT, "billing_series"))
ROLES = {"shared": scope.shared, "owner": scope.owner}


def run(sql: str, values: Any = None) -> None:
    """A statement, and what a commit after it would look at."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(role: str, sql: str, values: Any = None) -> None:
    with pytest.raises(DatabaseError) as error, ROLES[role](actor=TESTER), transaction.atomic():
        run(sql, values)
    code = getattr(error.value.__cause__, "pgcode", "")
    assert code in ("BI001", "BI002") or (role == "shared" and code == "42501"), (sql, code)


@pytest.fixture
def invoice(acme: Cast) -> Invoice:
    made = issued(client_of(acme, vat_number="BE0403170701"))
    with scope.shared(actor=TESTER):
        Document.pdf_of(made, now=NOON)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return made


@pytest.mark.parametrize("sql", [*ALTER, *TRUNCATE])
@pytest.mark.parametrize("role", ROLES)
def test_P13_the_database_refuses_every_role(invoice: Invoice, role: str, sql: str) -> None:
    refused(role, sql)


@pytest.mark.parametrize("sql", ALTER)
def test_P13_it_refuses_in_a_session_that_replicates_too(
    django_db_setup: None, sql: str, settings: Any
) -> None:
    """As the server's administrator, with every ordinary trigger off."""

    admin = psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=connection.settings_dict["NAME"])
    try:
        with admin.cursor() as cursor:
            cursor.execute(REPLICATING + PLANT)
            with pytest.raises(psycopg2.Error) as error:
                cursor.execute(sql)
    finally:
        admin.rollback()
        admin.close()
    assert error.value.pgcode in ("BI001", "BI002")


REPLICATING = "SET session_replication_role = replica; SET search_path = public; SET lock_timeout = '5s';"
PLANT = """
    ALTER TABLE billing_series DISABLE TRIGGER USER; ALTER TABLE billing_invoice DISABLE TRIGGER USER;
    ALTER TABLE billing_invoiceline DISABLE TRIGGER USER; ALTER TABLE billing_document DISABLE TRIGGER USER;
    INSERT INTO billing_series (id, kind, year, last, last_digest) VALUES (gen_random_uuid(), 'invoice', 2026, 1, '');
    INSERT INTO billing_invoice (id, client_uuid, processor_id, kind, year, sequence, number, issued_at, issued_on, due_on,
        language, seller, buyer, buyer_folded, treatment, vat_shares, net, vat, gross, rounding, payable, line_count,
        kept_until, digest)
      VALUES ('018f0000-0000-7000-8000-000000000001', gen_random_uuid(), 'in_planted', 'invoice', 2026, 1, '2026-00001',
        now(), '2026-12-01', '2026-12-01', 'fr', '{}', '{}', '', 'standard', '[]', 100, 21, 121, 0, 121, 1, '2036-12-31', '');
    INSERT INTO billing_invoiceline (id, invoice_id, position, text, quantity, price, discount, net)
      VALUES (gen_random_uuid(), '018f0000-0000-7000-8000-000000000001', 1, 'x', 1, 100, 0, 100);
    INSERT INTO billing_document (id, invoice_id, form, content, sha256, made_at)
      VALUES (gen_random_uuid(), '018f0000-0000-7000-8000-000000000001', 'pdf', 'x', '', now());
""" + "".join(f"ALTER TABLE {wall.table} ENABLE ALWAYS TRIGGER {wall.name};" for wall in walls.WALLS)


@pytest.mark.parametrize("role", ROLES)
def test_P13_an_issued_invoice_gets_no_further_line(invoice: Invoice, role: str) -> None:
    refused(
        role,
        "INSERT INTO billing_invoiceline (id, invoice_id, position, text, quantity, price, discount, net) "
        "VALUES (gen_random_uuid(), %s, 2, 'x', 1, 5, 0, 5)",
        [invoice.pk],
    )


@pytest.mark.parametrize("role", ROLES)
def test_P13_a_number_is_neither_left_out_nor_given_without_its_series(invoice: Invoice, role: str) -> None:
    copied = {field.attname: getattr(invoice, field.attname) for field in Invoice._meta.concrete_fields}
    for sequence in (0, 1, 3):
        with pytest.raises(DatabaseError, match="next one"), ROLES[role](actor=TESTER), transaction.atomic():
            Invoice(
                **{
                    **copied,
                    "id": "018f0000-0000-7000-8000-000000000009",
                    "processor_id": "in_x",
                    "communication": None,
                    "number": "x",
                    "sequence": sequence + (sequence == 1) * 4,
                }
            ).save(force_insert=True)
    refused(role, "UPDATE billing_series SET last = last + 1")


def _issued_and_looked_at(client: Client) -> None:
    issued(client)
    run("SELECT 1")


def test_P13_an_invoice_without_its_lines_is_not_committed(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(acme)
    monkeypatch.setattr(InvoiceLine.objects, "bulk_create", lambda rows: rows[1:])
    with scope.shared(actor=TESTER), pytest.raises(DatabaseError, match="lines"), transaction.atomic():
        _issued_and_looked_at(client)


def test_P13_after_ten_years_it_goes_with_its_money_and_the_series_stays(acme: Cast) -> None:
    """The wall takes the database's own clock: what is old by it may go, and nothing else."""
    client = client_of(acme)
    old = issued(client, now=datetime(2013, 5, 5, tzinfo=BRUSSELS))
    credited(old, Item("back", 1, 100), now=datetime(2014, 1, 5, tzinfo=BRUSSELS))
    new = issued(client)
    paid_at = datetime(2015, 1, 2, tzinfo=BRUSSELS)
    with scope.shared(actor=TESTER), connection.cursor() as cursor:
        for one in (old, new):
            id = one.processor_id
            Due.follow(id, status="paid", paid=one.payable)
            Allocation.follow(
                f"inpay_{id}", status="paid", invoice_id=id, payment_intent=f"pi_{id}", amount=one.payable
            )
            charge = f"ch_{id}"
            Payment.follow(
                charge, status="succeeded", payment_intent=f"pi_{id}", amount=one.payable, made_at=paid_at
            )
            Entry.follow(
                f"txn_{id}",
                kind="charge",
                source=charge,
                amount=one.payable,
                net=one.payable,
                payout="po_1",
                made_at=paid_at,
            )
        Payout.follow("po_1", status="paid", amount=old.payable + new.payable, made_at=paid_at)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for too_early in (datetime(2024, 6, 1, tzinfo=BRUSSELS), datetime(2025, 12, 31, tzinfo=BRUSSELS)):
            assert keeping.expire(now=too_early) == 0, "its credit note, then its payment, is kept still"
        assert keeping.expire(now=NOON) == 1
        assert list(Invoice.objects.values_list("pk", flat=True)) == [new.pk]
        assert Due.objects.count() == Allocation.objects.count() == Payment.objects.count() == 1
        assert Entry.objects.count() == 2 and Payout.objects.exists(), (
            "the payout sent something that is kept"
        )
        assert Series.objects.count() == 3


def test_P13_who_is_forgotten_keeps_its_invoices(db: None) -> None:
    from tenants import forgetting

    with scope.shared(actor=TESTER):
        client = Client.objects.create(
            company="Gone SRL", vat_number="BE0403170701", contact_name="Zoe", contact_email="zoe@gone.test"
        )
    made = issued(client)
    with scope.shared(actor=TESTER):
        forgetting.forget_client(client.pk)
        assert not Client.objects.filter(pk=client.pk).exists()
    [kept] = all_of(client.pk)
    assert kept.buyer == made.buyer
    [said] = forgetting.kept_by_law(client.pk, now=NOON)
    assert said.what == "billing.Invoice" and "VAT" in said.legal_basis and said.until == date(2036, 12, 31)
    with scope.shared(actor=TESTER):
        id = made.processor_id
        Allocation.follow(
            f"inpay_{id}", status="paid", invoice_id=id, payment_intent="pi_1", amount=made.payable
        )
        late = datetime(2027, 1, 5, tzinfo=BRUSSELS)
        Payment.follow("ch_1", status="succeeded", payment_intent="pi_1", amount=made.payable, made_at=late)
    [said] = forgetting.kept_by_law(client.pk, now=NOON)
    assert said.until == date(2037, 12, 31), "it stays with its money, as keeping.expire has it"


@pytest.mark.parametrize(
    ("country", "number", "is_checked", "treatment"),
    [
        ("BE", "BE0403170701", True, vat.STANDARD),
        ("BE", "", False, vat.STANDARD),
        ("FR", "FR40303265045", True, vat.REVERSE),
        ("FR", "FR40303265045", False, vat.STANDARD),
        ("FR", "", True, vat.STANDARD),
        ("FR", "BE0403170701", True, vat.STANDARD),
        ("GR", "EL094259216", True, vat.REVERSE),
        ("CH", "CHE107787577MWST", False, vat.OUTSIDE),
        ("GB", "", False, vat.OUTSIDE),
    ],
)
def test_P13_vat_follows_the_buyer(
    country: str, number: str, is_checked: bool, treatment: vat.Treatment
) -> None:
    assert vat.treatment_of(country=country, vat_number=number, is_checked=is_checked) == treatment
