"""I1: a tenant's schema is closed, said by the catalog itself; and what Citus asks of every table."""

import re

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader

from shared_apps.kit import scope
from tenants.schemas import snapshot
from tenants.schemas.fingerprint import fingerprint, lines
from tests.conftest import Cast

TENANT_SCHEMAS = r"n.nspname ~ '^t_[0-9a-f]{32}$'"


def rows(sql: str) -> list[tuple[str, ...]]:
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(sql.replace("%", "%%"), [])
        return cursor.fetchall()  # type: ignore[no-any-return]


def test_no_foreign_key_crosses_the_edge_of_a_schema(acme: Cast) -> None:
    assert (
        rows("""
        SELECT conrelid::regclass, confrelid::regclass FROM pg_constraint k
          JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid
         WHERE k.contype = 'f' AND a.relnamespace <> b.relnamespace
    """)
        == []
    )


def test_nothing_in_a_tenants_schema_depends_on_another_schema_or_the_other_way_round(acme: Cast) -> None:
    """Views, defaults (sequences), triggers, indexes and types, through pg_depend; `ext` is the sole exception."""
    crossing = rows("""
        WITH owned AS (
            SELECT c.oid, 'pg_class'::regclass AS class, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            UNION ALL SELECT p.oid, 'pg_proc'::regclass, n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            UNION ALL SELECT t.oid, 'pg_type'::regclass, n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
            UNION ALL SELECT d.oid, 'pg_attrdef'::regclass, n.nspname FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
                             JOIN pg_namespace n ON n.oid = c.relnamespace
            UNION ALL SELECT k.oid, 'pg_constraint'::regclass, n.nspname FROM pg_constraint k
                             JOIN pg_namespace n ON n.oid = k.connamespace
            UNION ALL SELECT g.oid, 'pg_trigger'::regclass, n.nspname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
                             JOIN pg_namespace n ON n.oid = c.relnamespace
            UNION ALL SELECT r.oid, 'pg_rewrite'::regclass, n.nspname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
                             JOIN pg_namespace n ON n.oid = c.relnamespace
        )
        SELECT a.nspname, b.nspname, d.classid::regclass, d.objid FROM pg_depend d
          JOIN owned a ON a.oid = d.objid AND a.class = d.classid
          JOIN owned b ON b.oid = d.refobjid AND b.class = d.refclassid
         WHERE a.nspname <> b.nspname AND b.nspname NOT IN ('pg_catalog', 'ext') AND a.nspname <> 'pg_toast'
           AND (a.nspname ~ '^t_' OR b.nspname ~ '^t_')
    """)
    assert crossing == []


def test_a_function_in_a_tenants_schema_names_no_other_schema(acme: Cast, zenith: Cast) -> None:
    bodies = rows(
        "SELECT n.nspname, pg_get_functiondef(p.oid) FROM pg_proc p"
        f" JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {TENANT_SCHEMAS}"
    )
    assert bodies
    for schema, body in bodies:
        assert set(re.findall(r"t_[0-9a-f]{32}", body)) <= {schema}
        assert "public." not in body
        assert f"search_path TO '{schema}'" in body or f"search_path TO {schema}" in body, body


def test_the_schema_ext_holds_no_table(acme: Cast) -> None:
    assert (
        rows(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'ext' AND relkind IN ('r','v','m','S')"
        )
        == []
    )


def test_every_table_has_a_primary_key_and_is_a_plain_one(acme: Cast) -> None:
    assert (
        rows(f"""
        SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE ({TENANT_SCHEMAS} OR n.nspname = 'public') AND c.relkind IN ('r', 'v', 'm', 'f')
           AND (c.relkind <> 'r' OR c.relhasrules OR c.relhassubclass OR EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = c.oid)
                OR NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'))
    """)
        == []
    )


def test_every_statement_of_provisioning_is_one_that_citus_takes(acme: Cast) -> None:
    with scope.shared():
        statements = list(snapshot.split(snapshot.current().ddl))
    assert len(statements) > 20
    for statement in statements:
        body = re.sub(r"\$(\w*)\$.*?\$\1\$", "", statement, flags=re.S)
        assert body.count(";") == 1, statement
        assert not re.search(r"\b(INHERITS|CREATE RULE|MATERIALIZED|MERGE INTO|CREATE VIEW)\b", body), (
            statement
        )
        assert not re.search(r"ADD (?!CONSTRAINT).*\bCHECK\b", body), f"an unnamed CHECK: {statement}"


def test_no_migration_changes_the_type_of_a_primary_key() -> None:
    loader = MigrationLoader(None)
    for (app, name), migration in loader.disk_migrations.items():
        if app in {"auth", "django_q", "contenttypes"}:
            continue
        for operation in migration.operations:
            field = getattr(operation, "field", None)
            assert not (type(operation).__name__ == "AlterField" and getattr(field, "primary_key", False)), (
                app,
                name,
            )


def test_no_relation_of_a_model_leads_out_of_its_kind_of_schema() -> None:
    """The model check beside the catalog query: a tenant's model refers to tenants' models alone."""
    tenant_apps = {_label(entry) for entry in settings.TENANT_APPS}
    shared_apps = {_label(entry) for entry in settings.SHARED_APPS}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if not isinstance(field, models.ForeignKey | models.ManyToManyField) or target is None:
                continue
            for listed in (tenant_apps, shared_apps):
                if model._meta.app_label in listed:
                    assert target._meta.app_label in listed, (
                        f"{model._meta.label}.{field.name} leads out of its schema"
                    )


def _label(entry: str) -> str:
    return next(
        config.label
        for config in apps.get_app_configs()
        if entry == config.name or entry.startswith(f"{config.name}.apps.")
    )


def test_replayed_schemas_are_identical_to_the_migrated_template(acme: Cast, zenith: Cast) -> None:
    template = scope.schema_of(snapshot.TEMPLATE)
    with scope.owner():
        expected = lines(template)
        for workspace in (acme, zenith):
            assert lines(workspace.tenant.schema_name) == expected
            assert fingerprint(workspace.tenant.schema_name) == workspace.tenant.fingerprint


def test_an_existing_schema_is_refused_and_never_adopted(acme: Cast) -> None:
    with scope.shared():
        recorded = snapshot.current()
    try:
        snapshot.replay(acme.id, recorded)
    except snapshot.SchemaExists:
        return
    raise AssertionError("the schema of another was adopted")
