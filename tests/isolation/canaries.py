"""Rows whose every text is a word of its own: wherever such a word turns up, it came from there.

Built from the models' fields alone, so that tomorrow's models, columns and files are planted tomorrow.
"""

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models

from shared_apps.clients.models import Client
from shared_apps.history.triggers import READ_ONLY_TABLES
from shared_apps.kit import scope
from shared_apps.kit.module import all_holdings
from tenants.models import Tenant
from tests.conftest import TESTER
from tests.history.build import build
from tests.isolation.catalog import models_of

# How a shared row names the client or workspace that it is about, where a foreign key doesn't say it.
NAMES_TENANT = {"tenant_uuid", "subject"}
NAMES_CLIENT = {"client_uuid", "about"}
# Rows about a client that name it otherwise, or not at all: planted by hand where they matter.
OTHERWISE = {
    "tenants.SignUp": "by the workspace's name, which is unique",
    "sharing.Order": "the law keeps it, and the database deletes none; tests/sharing/test_P32_orders.py",
    "billing.Invoice": "the law keeps it, and the database deletes none; tests/billing/test_P13_issue.py",
    "billing.Due": "amounts beside an invoice, which stay with it and name nobody",
    "billing.Payment": "the same",
    "billing.Payback": "the same; tests/billing/test_P34_P37_ending.py",
    "billing.Parting": "the processor's key, until it has deleted its record; the same test",
    "billing.Seats": "a number, and one row a client",
    "tenants.WorkspaceSearch": "by an address that somebody typed; gone when its mail is written",
}
# Texts that the system reads: another word there would break what is being tested.
READ_BY_THE_SYSTEM = {
    "tenants.Tenant": {"schema_name", "release", "fingerprint"},
    "tenants.Domain": {"domain"},
    "accounts.User": {"email_folded", "language"},
    "clients.Client": {"language", "country"},
    "mail.Message": {"language"},
    "jobs.Job": {"name"},
    "billing.Account": {
        "customer_id",
        "tax_id",
    },  # keys of the processor, which is told to delete its record by one
}
# What a table's own rules ask for, so that a row with every text filled is a valid one.
RULES: dict[str, dict[str, Any]] = {
    "tenants.Saga": {"kind": "export"},
    "sharing.Disclosure": {"categories": ["contact"]},
    "contacts.Contact": {"kind": "person"},
    "billing.Subscription": {"state": "canceled", "processor_id": None},
    "requests.Request": {"channel": "page", "received_on": date(2026, 1, 1), "due_on": date(2026, 2, 1)},
    "requests.Breach": {"categories": ["contact"], "authority_not_because": ""},
    "contacts.Import": {"encoding": "utf-8", "delimiter": ";"},
}
NOT_PLANTED = {*READ_ONLY_TABLES, "django_content_type"}
_numbers = itertools.count(1)


class Planted:
    """The words that were planted, each with the place it stands in."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.places: dict[str, str] = {}
        self.rows: dict[str, list[Any]] = {}  # by model label
        self.files: list[str] = []
        self.shared_files: list[str] = []

    def files_of(self, tenant: UUID) -> list[Path]:
        """Its own, and those of shared rows about it."""
        own = [Path(settings.MEDIA_ROOT) / str(tenant) / name for name in self.files]
        return own + [Path(settings.MEDIA_ROOT) / "shared" / name for name in self.shared_files]

    def word(self, place: str) -> str:
        made = f"{self.prefix}{next(_numbers):05d}"
        self.places[made] = place
        return made


def plant_workspace(tenant: Tenant, planted: Planted) -> None:
    """A row of every model of a workspace, one file in each folder that a model has files in, and one beside."""
    with scope.tenant(tenant.id, actor=TESTER):
        for model in models_of(tenant=True):
            if model._meta.db_table not in NOT_PLANTED:
                plant(model, planted)
        beside = default_storage.save("canary/beside.txt", ContentFile(planted.word("a file").encode()))
        planted.files.append(beside)


def plant_shared(tenant: Tenant, planted: Planted) -> None:
    """The client's own row and a shared row of every model that holds something about it, each naming this one."""
    whose = {holding.what: holding.whose for holding in all_holdings()}
    with scope.shared(actor=TESTER):
        client = tenant.client
        change(client, planted)
        change(tenant, planted)
        for model in models_of(tenant=False):
            label = model._meta.label
            if (
                label in {"tenants.Tenant", "tenants.Domain", "clients.Client", *OTHERWISE}
                or label not in whose
            ):
                continue
            for names in _references(model, tenant, client):
                plant(model, planted, **names)


def _references(model: type[models.Model], tenant: Tenant, client: Client) -> Iterator[dict[str, Any]]:
    """The ways in which a row can be about the client: for Message.about, as client and as workspace."""
    names: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.name in NAMES_TENANT or (field.is_relation and field.related_model is Tenant):
            names[field.attname] = tenant.pk
        elif field.name in NAMES_CLIENT or (field.is_relation and field.related_model is Client):
            names[field.attname] = client.pk
    if not names:
        return
    if "cancelled_at" in {field.name for field in model._meta.concrete_fields}:  # not the erasure under test
        from django.utils import timezone

        names["cancelled_at"] = timezone.now()
    yield names
    if "about" in names:
        yield names | {"about": tenant.pk}


def plant(model: type[models.Model], planted: Planted, **fixed: Any) -> Any:
    """One stored row; a file for each of its file fields."""
    row = build(model)
    fixed = RULES.get(model._meta.label, {}) | fixed
    for name, value in fixed.items():
        setattr(row, name, value)
    _fill(row, planted, set(fixed))
    model._base_manager.bulk_create([row])
    planted.rows.setdefault(model._meta.label, []).append(row)
    return row


def change(row: Any, planted: Planted) -> None:
    """New words in every text of a row that exists."""
    _fill(row, planted, set())
    row._meta.model._base_manager.filter(pk=row.pk).update(
        **{
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if is_text(field)
        }
    )
    planted.rows.setdefault(row._meta.label, []).append(row)


def _fill(row: Any, planted: Planted, fixed: set[str]) -> None:
    kept = READ_BY_THE_SYSTEM.get(row._meta.label, set()) | fixed
    for field in row._meta.concrete_fields:
        if is_text(field) and field.name not in kept:
            _fill_field(row, field, planted)


def _fill_field(row: Any, field: Any, planted: Planted) -> None:
    place = f"{row._meta.label}.{field.name}"
    if isinstance(field, models.FileField):
        name = field.generate_filename(row, planted.word(f"{place} (name)").lower())
        stored = default_storage.save(name, ContentFile(planted.word(f"{place} (content)").encode()))
        setattr(row, field.name, stored)
        (planted.files if scope.tenant_id() else planted.shared_files).append(stored)
    elif isinstance(field, models.JSONField):
        setattr(row, field.name, _like(getattr(row, field.attname), planted.word(place)))
    elif field.max_length and field.max_length < len(planted.prefix) + 5:
        return  # too short for a word of its own
    elif isinstance(field, models.EmailField):
        setattr(row, field.name, f"{planted.word(place)}@canary.test")
    elif isinstance(field, models.URLField):
        setattr(row, field.name, f"https://{planted.word(place)}.test/")
    else:
        setattr(row, field.name, planted.word(place))


def _like(value: Any, word: str) -> Any:
    """The word in JSON of the same shape."""
    if isinstance(value, list):
        return [word]
    return {**value, "role": "operator", "canary": word} if isinstance(value, dict) else {"canary": word}


def is_text(field: Any) -> bool:
    if field.primary_key or field.is_relation or field.choices:
        return False
    return isinstance(field, models.CharField | models.TextField | models.JSONField | models.FileField)
