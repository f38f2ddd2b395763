"""Writes of contacts, with and without whatever records their history; inside the process of either side.

Everything is taken back. Smoall's triggers are switched off within the same transaction, django-auditlog's signals by
letting go of the model, so that the two runs of a side differ in nothing else.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from shared_apps.kit import scope
from tenant_apps.contacts.models import Contact

WRITER = scope.Actor("user", "figures", "Olga Owner")
KINDS = ("creations", "changes", "bulk_create", "update")


def seconds(kind: str, tenant: str, rows: int, is_recorded: bool) -> float:
    """Of writing `rows` contacts in one of the four ways."""
    place = _stock if getattr(settings, "FIGURES_SIDE", "ours") == "stock" else _ours
    with place(UUID(tenant), is_recorded), transaction.atomic():
        made = [Contact(kind="company", name=f"Maison {n}", city="Namur") for n in range(rows)]
        for row in made:
            row.derive()
        if kind in ("changes", "update"):
            Contact.objects.bulk_create(made)
        began = time.perf_counter()
        if kind == "creations":
            for row in made:
                row.save(force_insert=True)
        elif kind == "changes":
            for row in made:
                row.city = "Liège"
                row.save(update_fields=["city"])
        elif kind == "bulk_create":
            Contact.objects.bulk_create(made)
        else:
            Contact.objects.filter(pk__in=[row.pk for row in made]).update(city="Liège")
        took = time.perf_counter() - began
        transaction.set_rollback(True)
    return took


@contextmanager
def _ours(tenant: UUID, is_recorded: bool) -> Iterator[None]:
    """As the owner role in both cases, since it alone may switch triggers off."""
    with scope.owner(tenant=tenant, actor=WRITER):
        if not is_recorded:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE contacts_contact DISABLE TRIGGER history")
        yield
        transaction.set_rollback(True)


@contextmanager
def _stock(tenant: UUID, is_recorded: bool) -> Iterator[None]:
    from scripts.figures import in_stock

    in_stock.record_by_signals(is_recorded)
    with in_stock.inside(tenant):
        yield
