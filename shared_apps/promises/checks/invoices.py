"""Smoall's own invoices and the money for them: kept as they were issued, without a gap, and even to the cent (P13, P14)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from billing import ledger, walls
from billing.models import Invoice, Payment, Series
from billing.models.invoice import YEARS, digest
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows

NEWEST = 500  # documents of a series whose chain is worked out again
STANDING = """
    SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.relnamespace = current_schema()::regnamespace
"""
GAPS = """
    SELECT count(*) FROM billing_series s
     WHERE s.year >= %s AND s.last <> (SELECT count(*) FROM billing_invoice i
                                        WHERE i.kind = s.kind AND i.year = s.year AND i.sequence BETWEEN 1 AND s.last)
"""
CHANGED = """
    SELECT count(*) FROM (SELECT content, sha256 FROM billing_document ORDER BY id DESC LIMIT %s) d
     WHERE encode(sha256(d.content), 'hex') <> d.sha256
"""


@check("P13", title=_("Invoices, as they were issued"))
def invoices_are_kept(around: Round) -> Result:
    with reading(scope.owner()):
        wanted = {(wall.name, wall.table) for wall in walls.WALLS}
        missing = len(wanted - set(rows(STANDING)))
    with reading(scope.shared()):
        documents = Invoice.objects.count()
        ((gaps,),) = rows(GAPS, [day_of(around.now).year - YEARS])
        ((files,),) = rows(CHANGED, [NEWEST])
        changed = files + sum(_altered(series) for series in Series.objects.all())
    return kept_if(
        not (missing or gaps or changed),
        gettext_noop(
            "Invoices and credit notes: %(documents)s; series with a gap: %(gaps)s; documents that are not as they were "
            "issued: %(changed)s; walls of the database that are missing: %(missing)s."
        ),
        documents=documents,
        gaps=gaps,
        changed=changed,
        missing=missing,
    )


def _altered(series: Series) -> int:
    """How many of the newest documents don't follow from what they say and from the one before. In the shared scope."""
    found = Invoice.objects.filter(kind=series.kind, year=series.year, sequence__gte=series.last - NEWEST)
    before, altered, is_first = "", 0, True
    for one in found.select_related("corrects").prefetch_related("lines").order_by("sequence"):
        if is_first and one.sequence > 1:
            before = one.digest  # what it follows from is not read
        else:
            altered += one.digest != digest(one, list(one.lines.all()), before)
            before = one.digest
        is_first = False
    return altered + int(before != series.last_digest)


@check("P14", title=_("Payments, payouts and invoices, to the cent"))
def money_adds_up(around: Round) -> Result:
    with reading(scope.shared()):
        found, payments = ledger.reconcile(), Payment.objects.count()
    return kept_if(
        found.is_even,
        gettext_noop(
            "Payments: %(payments)s; invoiced and credited, beside paid and open: a difference of %(cents)s cents; rows that "
            "differ: %(rows)s."
        ),
        payments=payments,
        cents=found.difference,
        rows=len(found.differences),
    )
