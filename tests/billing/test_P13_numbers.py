"""P13: many writers at once, aborted ones among them, over the turn of a year: 1 … N in each series, none left out, none twice.

1,000 documents by default; INVOICES_AT_ONCE says how many: 10,000 take some minutes.
"""

import os
import random
import threading
from collections import defaultdict
from datetime import datetime, timedelta

import pytest
from django.db import connection

from billing import vat
from billing.models import Invoice, Item, Kind
from billing.models.invoice import digest
from billing.models.series import Series
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS
from tests.conftest import TESTER

WRITERS = 64
DOCUMENTS = int(os.environ.get("INVOICES_AT_ONCE", "1000"))
MIDNIGHT = datetime(2027, 1, 1, tzinfo=BRUSSELS)
LINES = (Item("Smoall", 3, 1900), Item("Smoall", 1, 333))


class Aborted(Exception):
    """Something fails after the number was taken."""


@pytest.fixture
def client(committing: None) -> Client:
    with scope.shared(actor=TESTER):
        made = Client.objects.create(
            company="Many SA", contact_name="Zoe", contact_email="zoe@many.test", vat_number="BE0403170701"
        )
    return made


def write(client: Client, number: int, seed: random.Random) -> None:
    """One invoice, some moments before or after midnight; now and then a credit note for it; every fifth is aborted."""
    moment = MIDNIGHT + timedelta(seconds=seed.uniform(-60, 60))
    is_aborted = seed.random() < 0.2
    for attempt in range(2):
        try:
            with scope.shared(actor=TESTER):
                made = Invoice.issue(
                    client=client, kind=Kind.INVOICE, lines=LINES, treatment=vat.STANDARD, period=(None, None),
                    processor_id=f"in_{number}", now=moment,
                )  # fmt: skip
                if number % 10 == 0:
                    Invoice.issue(
                        client=client, kind=Kind.CREDIT_NOTE, lines=LINES[1:], treatment=vat.STANDARD, period=(None, None),
                        processor_id=f"cn_{number}", corrects=made, now=moment,
                    )  # fmt: skip
                if is_aborted and attempt == 0:
                    raise Aborted
        except Aborted:
            continue
        if seed.random() < 0.05:  # the same message again
            with scope.shared(actor=TESTER):
                Invoice.issue(
                    client=client, kind=Kind.INVOICE, lines=LINES, treatment=vat.STANDARD, period=(None, None),
                    processor_id=f"in_{number}", now=moment,
                )  # fmt: skip
        return


def test_P13_sixty_four_writers_leave_no_gap_and_no_double(client: Client) -> None:
    failed: list[BaseException] = []
    numbers = iter(range(DOCUMENTS))
    guard = threading.Lock()

    def work(name: int) -> None:
        seed = random.Random(name)
        try:
            while True:
                with guard:
                    number = next(numbers, None)
                if number is None:
                    return
                write(client, number, seed)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with scope.shared():
        written: dict[tuple[str, int], list[Invoice]] = defaultdict(list)
        for one in Invoice.objects.select_related("corrects").prefetch_related("lines").order_by("sequence"):
            written[one.kind, one.year].append(one)
        assert (
            sum(len(found) for (kind, _year), found in written.items() if kind == Kind.INVOICE) == DOCUMENTS
        )
        assert {year for _kind, year in written} == {2026, 2027}
        for (kind, year), found in written.items():
            assert [one.sequence for one in found] == list(range(1, len(found) + 1)), (kind, year)
            assert Series.objects.get(kind=kind, year=year).last == len(found)
            assert [one.issued_on for one in found] == sorted(one.issued_on for one in found)
            before = ""
            for one in found:
                assert one.digest == digest(one, list(one.lines.all()), before), one.number
                before = one.digest
