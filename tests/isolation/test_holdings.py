"""I10: everything held is in the register. A model, a folder or a queue that no module declares fails here."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models

from shared_apps.kit import scope
from shared_apps.kit.module import Holding, all_holdings, all_purposes, modules
from tenants import export, stores
from tenants.schemas import snapshot
from tests.conftest import Cast
from tests.isolation.catalog import models_of, tables

# Django's own bookkeeping, the same in every deployment: which migrations ran, which models there are.
OF_DJANGO = {"django_migrations", "django_content_type"}
SOURCES = ("config", "tenants", "billing", "shared_apps", "tenant_apps")
# Folders of the data folder that hold no client's data, and why.
NOT_HELD = {
    "postgres": "the tables, declared one by one",
    "keys": "keys, which open what is held and are destroyed with it (I13)",
    "ledger": "numbers and dates of erasures, which name nobody",
    "static": "the program's own pictures and styles",
    "log": "never an address or a name (tests/isolation/test_erasure_canary.py searches it)",
}
FOLDER = re.compile(r"(?:files|exports|mails)(?::|\Z)")


def holdings() -> dict[str, Holding]:
    return {holding.what: holding for holding in all_holdings()}


def every_model() -> list[type[models.Model]]:
    return list(dict.fromkeys([*models_of(tenant=True), *models_of(tenant=False)]))


def label(model: type[models.Model]) -> str:
    return model._meta.label


def test_every_table_is_declared_by_a_holding() -> None:
    missing = [
        label(model)
        for model in every_model()
        if label(model) not in holdings() and model._meta.db_table not in OF_DJANGO
    ]
    assert missing == [], (
        "a module's apps.py must say what it holds, whose, why and how long (kit.module.Holding)"
    )


def test_every_table_of_the_database_belongs_to_a_model(acme: Cast) -> None:
    """What a migration makes by hand would escape the register."""
    for schema, tenant in (("public", False), (acme.tenant.schema_name, True)):
        known = {model._meta.db_table for model in models_of(tenant=tenant)} | OF_DJANGO
        assert set(tables(schema)) == known, schema


def test_every_holding_names_something_that_exists_and_names_it_once() -> None:
    known = {label(model) for model in every_model()}
    for holding in all_holdings():
        assert holding.what in known or holding.what.startswith(("files:", "queue:")), (
            f"{holding.what} is held nowhere"
        )
    assert [
        what for what, times in Counter(holding.what for holding in all_holdings()).items() if times > 1
    ] == []


@pytest.mark.parametrize("holding", all_holdings(), ids=lambda holding: holding.what)
def test_a_holding_says_why_and_how_long_and_its_fields_exist(holding: Holding) -> None:
    assert str(holding.why).strip() and str(holding.kept).strip()
    if ":" in holding.what:
        return
    fields = {field.name for field in apps.get_model(holding.what)._meta.get_fields()}
    assert {*holding.personal, *holding.secret} <= fields


def test_a_holding_is_erased_where_it_stands() -> None:
    """What stands in a workspace's schema goes with it; what stands in the shared one does not."""
    alone_in = {
        True: {label(model) for model in models_of(tenant=True)}
        - {label(model) for model in models_of(tenant=False)},
        False: {label(model) for model in models_of(tenant=False)}
        - {label(model) for model in models_of(tenant=True)},
    }
    for what, holding in holdings().items():
        if what in alone_in[True]:
            assert holding.erased == "schema" and holding.exported in ("rows", "no"), what
        if what in alone_in[False]:
            assert holding.erased != "schema" and holding.exported in ("shared", "no"), what


def test_what_leaves_as_rows_is_in_an_export_and_what_does_not_is_withheld(acme: Cast) -> None:
    with scope.shared():
        recorded = snapshot.current()
    leaving = {table for table, _columns in export.exported_tables(recorded)}
    for model in models_of(tenant=True):
        declared = holdings().get(label(model))
        if declared:
            assert (model._meta.db_table in leaving) is (declared.exported == "rows"), label(model)
    assert leaving == {table for table, _columns in recorded.tables} - {
        model._meta.db_table
        for model in models_of(tenant=True)
        if label(model) in holdings() and holdings()[label(model)].exported != "rows"
    }


def test_what_leaves_with_the_shared_rows_is_in_every_export(acme: Cast) -> None:
    """Each holding with exported="shared" has its part of shared.json."""
    with scope.shared():
        parts = set(export.shared_rows(acme.tenant))
    part_of = {
        "clients.Client": "client", "tenants.Tenant": "workspace", "tenants.Domain": "workspace", "tenants.Export": "exports",
        "legal.Acceptance": "terms", "legal.Notice": "notices", "integrators.Link": "integrators",
        "tenants.Departure": "departures", "tenants.Instruction": "departures",
        "requests.Request": "requests", "requests.Notice": "breaches",
        "integrators.Look": "looks", "sharing.Disclosure": "disclosures",
        "operators.Grant": "grants", "operators.Visit": "grants", "operators.ConsentRule": "asks_before_entry",
        "billing.Account": "billing", "billing.Subscription": "billing", "billing.Seats": "billing",
        "billing.Invoice": "invoices", "billing.InvoiceLine": "invoices", "billing.Payment": "payments",
        "tenants.SignUp": "client",  # what was typed has become the client's details by then, and is forgotten
    }  # fmt: skip
    declared = {what for what, holding in holdings().items() if holding.exported == "shared"}
    assert declared == set(part_of), "say in export.shared_rows how it leaves, and here under which name"
    assert set(part_of.values()) == parts


def test_every_text_of_a_shared_table_has_a_category_and_every_address_is_called_personal() -> None:
    for model in models_of(tenant=False):
        texts = [
            f
            for f in model._meta.concrete_fields
            if isinstance(f, models.CharField | models.TextField | models.JSONField)
        ]
        if not texts or model._meta.db_table in OF_DJANGO:
            continue
        held = holdings()[label(model)]
        assert held.category in ("data", "contact", "billing", "legal", "technical"), label(model)
        if held.whose in ("client", "user"):
            addresses = {field.name for field in texts if isinstance(field, models.EmailField)}
            assert addresses <= set(held.personal), f"{label(model)}: {addresses}"


# --- files ----------------------------------------------------------------------------------------------------


def prefixes() -> dict[str, str]:
    """{first folder of a workspace's files: the model field or line that writes there}."""
    found: dict[str, str] = {}
    for model in every_model():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.FileField):
                name = field.generate_filename(_with_parents(model), "x")
                found[name.split("/")[0]] = f"{label(model)}.{field.name}"
    for path, node in calls("default_storage", "save"):
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant):
            found[str(first.value).split("/")[0]] = path
        elif isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
            found[str(first.values[0].value).split("/")[0]] = path
        else:
            found[f"an unknown folder ({path})"] = path
    return found


def _with_parents(model: Any) -> Any:
    """An unsaved row whose foreign keys lead somewhere: a folder may be named by a parent's."""
    parents = {
        field.name: field.related_model() for field in model._meta.concrete_fields if field.is_relation
    }
    return model(**parents)


def calls(name: str, method: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call of `name.method(…)` in the program, with its place."""
    root = Path(settings.BASE_DIR)
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == f"{name}.{method}":
                    yield f"{path.relative_to(root)}:{node.lineno}", node


def test_every_folder_of_a_workspaces_files_is_declared() -> None:
    assert prefixes(), "contacts have attachments"
    for prefix, where in prefixes().items():
        assert f"files:{prefix}" in holdings(), (
            f"{where} keeps files below {prefix}/: a holding must say files:{prefix}"
        )


def test_every_folder_that_is_declared_is_written_to() -> None:
    declared = {what.partition(":")[2] for what in holdings() if what.startswith("files:")}
    assert declared == {*prefixes(), *set(stores.FOLDERS) - {"files"}}


def test_every_folder_of_the_deployment_is_a_store_that_erasure_empties_or_has_a_reason(acme: Cast) -> None:
    with scope.tenant(acme.id):
        assert Path(default_storage.path("x")).is_relative_to(stores.folder("files", acme.id))
    there = {entry.name for entry in Path(settings.SMOALL_DATA).iterdir() if entry.is_dir()}
    assert there <= {*stores.FOLDERS, *NOT_HELD}, (
        "say in stores.FOLDERS how an erasure empties it, or in NOT_HELD why not"
    )


# --- queues, purposes ------------------------------------------------------------------------------------------


def test_every_queue_is_declared_and_emptied_by_an_erasure() -> None:
    """There is one: django-q's table in the shared schema, whose entries name a job and nothing else."""
    assert settings.Q_CLUSTER["orm"] == "default", (
        "another broker keeps entries elsewhere: declare it as queue:<name>"
    )
    assert not set(settings.Q_CLUSTER) & {"redis", "sqs", "iron_mq", "mongo", "disque_nodes"}
    for what in ("jobs.Job", "django_q.OrmQ", "django_q.Task"):
        assert holdings()[what].erased == "queue"


def test_every_purpose_is_declared_once_and_in_words() -> None:
    said: Any = Counter(purpose for module in modules() for purpose in module.purposes)
    assert [purpose for purpose, times in said.items() if times > 1] == []
    assert all(str(why).strip() for why in all_purposes().values())
