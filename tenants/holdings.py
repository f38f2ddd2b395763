"""What Smoall holds about a client (P38), made from the register of holdings and nothing else: words, places, numbers.

Each holding says itself how its rows about a client are found (kit.module.Holding.about). The page and its download are
views/holdings.py.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps import sharing
from shared_apps.clients.models import Client
from shared_apps.history.registry import models_with_history
from shared_apps.kit import scope
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.sharing.models import OrderQuerySet
from tenants import stores
from tenants.models import Tenant

NOBODY = "nobody"  # Holding.about: no row of the shared schema is about a client
CATEGORIES: dict[str, Any] = {
    "data": _("Business data"),
    "contact": _("Contact details"),
    "billing": _("Billing"),
    "legal": _("Legal records"),
    "technical": _("Technical data"),
}
WHOSE: dict[str, Any] = {
    "client": pgettext_lazy("whose data", "your company’s"),
    "user": pgettext_lazy("whose data", "your people’s"),
    "partner": pgettext_lazy("whose data", "partners’"),
    "smoall": pgettext_lazy("whose data", "Smoall’s own"),
}
LEAVES: dict[str, Any] = {
    "rows": _("With each copy, as a table"),
    "files": _("With each copy, as files"),
    "shared": _("With each copy, in shared.json"),
    "no": _("Not with a copy: it is of no use elsewhere, or opens doors"),
}
GOES: dict[str, Any] = {
    "schema": _("With all tables of the workspace, at once"),
    "rows": _("Row by row, out of the history too"),
    "files": _("With the folder that it stands in"),
    "queue": _("With the workspace’s work"),
    "kept": _("It stays: it names nobody"),
    "public": _("Not with you: it isn’t about you"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """One holding as the page shows it. `rows`: how many there are about this client now; None for none of its."""

    holding: Holding
    called: str
    where: str
    leaves: str
    goes: str
    rows: int | None

    @property
    def whose(self) -> str:
        return str(WHOSE[self.holding.whose])


class Uncountable(LookupError):
    """A holding doesn't say how its rows about a client are found: a mistake in a module's apps.py."""


def everything(tenant: Tenant, *, today: date) -> list[Held]:
    """Every holding of the register, in its order. In the tenant's scope. Raises Uncountable."""
    return [_held(holding, tenant, today) for holding in all_holdings()]


def _held(holding: Holding, tenant: Tenant, today: date) -> Held:
    return Held(
        holding=holding,
        called=called(holding),
        where=_where(holding),
        leaves=str(LEAVES[holding.exported]),
        goes=_goes(holding),
        rows=count(holding, tenant, today=today) if holding.whose in ("client", "user") else None,
    )


def called(holding: Holding) -> str:
    """What people call it, with a capital."""
    name = str(holding.called)
    if not name and not holding.what.startswith(("files:", "queue:")):
        name = str(apps.get_model(holding.what)._meta.verbose_name_plural)
    return (name or holding.what)[:1].upper() + (name or holding.what)[1:]


def _where(holding: Holding) -> str:
    if holding.what.startswith("files:"):
        return _now("A folder of the shared files") if holding.about else _now("Your workspace’s own folder")
    if holding.what.startswith("queue:"):
        return _now("A queue")
    model = apps.get_model(holding.what)
    own, shared = stands_in(model, tenant=True), stands_in(model, tenant=False)
    if own and shared and holding.about != NOBODY:
        return _now("Your workspace’s own tables, and shared tables")
    return _now("Your workspace’s own tables") if own else _now("Shared tables")


def _goes(holding: Holding) -> str:
    if holding.law:
        years = {"law": holding.law, "years": holding.law_years}
        return _now("It stays for %(years)s years, because the law asks for it: %(law)s") % years
    return str(GOES[holding.erased])


# --- counting ---------------------------------------------------------------------------------------------


def count(holding: Holding, tenant: Tenant, *, today: date) -> int:
    """How many rows or files there are about this client now. In the tenant's scope. Raises Uncountable."""
    kind, _colon, name = holding.what.partition(":")
    if name:
        return _files(holding, name, tenant, today) if kind == "files" else 0
    model = apps.get_model(holding.what)
    number = model._default_manager.count() if stands_in(model, tenant=True) else 0
    if stands_in(model, tenant=False):
        with scope.shared():
            number += rows_about(holding, tenant, today=today).count()
    return number


def rows_about(holding: Holding, tenant: Tenant, *, today: date) -> "QuerySet[Any]":
    """The shared schema's rows about this client that it may know of. In the shared scope. Raises Uncountable."""
    model = apps.get_model(holding.what)
    how, _colon, field = holding.about.rpartition(":")
    if not field:
        raise Uncountable(f"{holding.what}: say in its Holding how rows about a client are found (about=…)")
    rows: QuerySet[Any] = model._default_manager.all()
    if isinstance(rows, OrderQuerySet):  # nobody may be told of an order that a court wants secret
        rows = rows.shown_to_client(today)
    if field == NOBODY:
        return rows.none()
    if how == "name":
        return rows.filter(**{f"{field}__in": [one.domain for one in tenant.domains.all()]})
    if how == "rows":
        return rows.filter(**{f"{field}__in": _keys(tenant, today)})
    return rows.filter(**{f"{field}__in": [tenant.client_id, tenant.id]})


def _keys(tenant: Tenant, today: date) -> list[str]:
    """Of every shared row about the client whose changes are recorded: the history of them is about it too."""
    declared = {holding.what: holding for holding in all_holdings()}
    keys = {str(tenant.client_id), str(tenant.id)}
    for model in models_with_history(tenant=False):
        holding = declared.get(model._meta.label)
        if holding and holding.whose == "client" and ":" not in holding.about and holding.about != NOBODY:
            keys |= {str(key) for key in _pks(rows_about(holding, tenant, today=today))}
    return sorted(keys)


def _pks(rows: "QuerySet[Model]") -> Iterable[Any]:
    return rows.order_by().values_list("pk", flat=True)


def _files(holding: Holding, name: str, tenant: Tenant, today: date) -> int:
    if holding.about == "folder":
        with scope.shared():
            return _in_folder(f"{name}/{tenant.client_id}")
    if holding.about:
        counted = next(one for one in all_holdings() if one.what == holding.about)
        with scope.shared():
            return rows_about(counted, tenant, today=today).count()
    if name in stores.FOLDERS:
        ids: Collection[UUID] = (tenant.id, tenant.client_id)
        return sum(stores.files_in(stores.folder(name, id)) for id in ids)
    return stores.files_in(stores.folder("files", tenant.id) / name)


def _in_folder(folder: str) -> int:
    try:
        return len(default_storage.listdir(folder)[1])
    except FileNotFoundError:
        return 0


# --- what was shared --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shared:
    """Somebody outside the team who saw or got something: how often, and when last."""

    who: str
    what: str
    times: int
    last: Any


def shared_with(client: Client) -> list[Shared]:
    """In the shared scope. The newest first; the disclosures page has each single time."""
    found: dict[tuple[str, str], Shared] = {}
    for entry in sharing.entries(client.pk):
        key = (entry.who, entry.what)
        known = found.get(key)
        found[key] = Shared(
            entry.who, entry.what, (known.times if known else 0) + 1, known.last if known else entry.at
        )
    return list(found.values())
