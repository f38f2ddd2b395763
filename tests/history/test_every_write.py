"""P06, P07: every audited model × every way to write = one entry for each changed row, with its author.

The models come from the registry: one that is registered tomorrow is tested tomorrow.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Case, F, Value, When

from shared_apps.history.registry import models_with_history
from shared_apps.kit import scope
from tests.conftest import Cast
from tests.history.build import build, changeable, new_value, saved
from tests.history.shelf import written

AUTHOR = scope.Actor("user", "0190-author", "Ann Author", behalf="Bob Behalf")
CREATE, UPDATE, DELETE = 0, 1, 2

Way = Callable[[Any, list[Any]], None]


def _cases() -> list[Any]:
    return [
        pytest.param(model, tenant, id=f"{'tenant' if tenant else 'shared'}-{model._meta.label}")
        for tenant in (True, False)
        for model in models_with_history(tenant=tenant)
    ]


def _entered(
    acme: Cast, tenant: bool, actor: scope.Actor | None = AUTHOR
) -> AbstractContextManager[scope.Scope]:
    return scope.tenant(acme.id, actor=actor) if tenant else scope.shared(actor=actor)


def _create_by_save(model: Any, rows: list[Any]) -> None:
    for row in rows:
        row.save()


def _create_by_manager(model: Any, rows: list[Any]) -> None:
    for row in rows:
        model.objects.create(**_values(row))


def _create_by_get_or_create(model: Any, rows: list[Any]) -> None:
    for row in rows:
        assert model.objects.get_or_create(pk=row.pk or -1, defaults=_values(row))[1]


def _create_in_bulk(model: Any, rows: list[Any]) -> None:
    model._base_manager.bulk_create(rows)


def _create_by_sql(model: Any, rows: list[Any]) -> None:
    """The rows as PostgreSQL holds them, deleted and put back: every column comes along."""
    model._base_manager.bulk_create(rows)
    table = connection.ops.quote_name(model._meta.db_table)
    keys = [str(row.pk) for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH gone AS (DELETE FROM {table} WHERE {model._meta.pk.column}::text = ANY(%s) RETURNING *)"
            " SELECT json_agg(gone) FROM gone",
            [keys],
        )
        held = cursor.fetchone()[0]
        text = held if isinstance(held, str) else json.dumps(held)
        cursor.execute(
            f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)", [text]
        )


def _update_by_save(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        setattr(row, field.attname, value)
        row.save()


def _update_some_fields(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        setattr(row, field.attname, value)
        row.save(update_fields=[field.name])


def _update_by_queryset(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        _these(model, [row]).update(**{field.attname: value})


def _update_by_expression(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    type_ = field.target_field if field.is_relation else field
    cases = [When(pk=row.pk, then=Value(value, type_)) for row, value in zip(rows, values, strict=True)]
    changed = Case(*cases, default=F(field.attname), output_field=type_)
    _these(model, rows).update(**{field.attname: changed})


def _update_in_bulk(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        setattr(row, field.attname, value)
    model._base_manager.bulk_update(rows, [field.name])


def _update_or_create(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        assert not model.objects.update_or_create(pk=row.pk, defaults={field.attname: value})[1]


def _upsert(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        setattr(row, field.attname, value)
    key = model._meta.pk.name
    model._base_manager.bulk_create(
        rows, update_conflicts=True, update_fields=[field.name], unique_fields=[key]
    )


def _update_by_sql(model: Any, rows: list[Any], field: Any, values: list[Any]) -> None:
    meta = model._meta
    with connection.cursor() as cursor:
        for row, value in zip(rows, values, strict=True):
            cursor.execute(
                f'UPDATE "{meta.db_table}" SET "{field.column}" = %s WHERE "{meta.pk.column}"::text = %s',
                [field.get_db_prep_save(value, connection), str(row.pk)],
            )


def _delete_rows(model: Any, rows: list[Any]) -> None:
    for row in rows:
        row.delete()


def _delete_by_queryset(model: Any, rows: list[Any]) -> None:
    _these(model, rows).delete()


def _delete_quickly(model: Any, rows: list[Any]) -> None:
    _these(model, rows)._raw_delete("default")


def _delete_by_sql(model: Any, rows: list[Any]) -> None:
    meta = model._meta
    with connection.cursor() as cursor:
        cursor.execute(
            f'DELETE FROM "{meta.db_table}" WHERE "{meta.pk.column}"::text = ANY(%s)',
            [[str(row.pk) for row in rows]],
        )


def _values(row: Any) -> dict[str, Any]:
    return {
        f.attname: getattr(row, f.attname)
        for f in row._meta.concrete_fields
        if getattr(row, f.attname) is not None
    }


def _these(model: Any, rows: list[Any]) -> Any:
    return model._base_manager.filter(pk__in=[row.pk for row in rows])


CREATIONS: tuple[Way, ...] = (_create_by_save, _create_by_manager, _create_by_get_or_create, _create_in_bulk)
UPDATES: tuple[Any, ...] = (
    _update_by_save,
    _update_some_fields,
    _update_by_queryset,
    _update_by_expression,
    _update_in_bulk,
    _update_or_create,
    _upsert,
    _update_by_sql,
)
DELETIONS: tuple[Way, ...] = (_delete_rows, _delete_by_queryset, _delete_quickly, _delete_by_sql)


def _name(way: Way) -> str:
    return way.__name__.strip("_")


def _check(entries: list[Any], model: Any, keys: list[str], action: int) -> None:
    own = [entry for entry in entries if entry.table_name == model._meta.db_table and entry.action == action]
    assert sorted(entry.object_pk for entry in own) == sorted(keys)
    assert len(entries) == len(own), f"unexpected entries: {[e.table_name for e in entries]}"
    for entry in own:
        assert (entry.actor_kind, entry.actor_id, entry.actor_name, entry.actor_behalf) == (
            "user",
            "0190-author",
            "Ann Author",
            "Bob Behalf",
        )
        assert entry.module == model._meta.app_label
        assert entry.changes


@pytest.mark.parametrize(("model", "tenant"), _cases())
@pytest.mark.parametrize("way", CREATIONS, ids=_name)
def test_P06_each_created_row_has_one_entry(way: Way, model: Any, tenant: bool, acme: Cast) -> None:
    with _entered(acme, tenant):
        rows = [build(model) for _ in range(3)]
        with written() as entries:
            way(model, rows)
        label = model._meta.label
        keys = {str(pk) for pk in model._base_manager.values_list("pk", flat=True)}
        assert len(entries) == 3, f"{label}: {len(entries)} entries for 3 rows"
        assert {entry.object_pk for entry in entries} <= keys
        _check(entries, model, [entry.object_pk for entry in entries], CREATE)


@pytest.mark.parametrize(("model", "tenant"), _cases())
def test_P06_rows_put_in_by_sql_have_one_entry_each(model: Any, tenant: bool, acme: Cast) -> None:
    with _entered(acme, tenant):
        rows = [build(model) for _ in range(3)]
        with written() as entries:
            _create_by_sql(model, rows)
        keys = sorted(str(row.pk) for row in rows)
        for action, times in ((CREATE, 2), (DELETE, 1)):
            assert sorted(e.object_pk for e in entries if e.action == action) == sorted(keys * times)
        assert {entry.actor_name for entry in entries} == {"Ann Author"}


@pytest.mark.parametrize(("model", "tenant"), _cases())
@pytest.mark.parametrize("way", UPDATES, ids=_name)
def test_P06_each_updated_row_has_one_entry(way: Any, model: Any, tenant: bool, acme: Cast) -> None:
    with _entered(acme, tenant):
        rows, field = [saved(model) for _ in range(3)], changeable(model)
        values = [new_value(field) for _ in rows]
        with written() as entries:
            done = _unless_refused(way, model, rows, field, values)
        _check(entries, model, [str(row.pk) for row in rows] if done else [], UPDATE)
        assert all(list(entry.changes) == [field.name] for entry in entries)


@pytest.mark.parametrize(("model", "tenant"), _cases())
@pytest.mark.parametrize("way", DELETIONS, ids=_name)
def test_P06_each_deleted_row_has_one_entry(way: Any, model: Any, tenant: bool, acme: Cast) -> None:
    with _entered(acme, tenant):
        rows = [saved(model) for _ in range(3)]
        keys = [str(row.pk) for row in rows]
        with written() as entries:
            done = _unless_refused(way, model, rows)
        _check(entries, model, keys if done else [], DELETE)


@pytest.mark.parametrize(("model", "tenant"), _cases())
def test_P06_a_change_of_nothing_writes_nothing(model: Any, tenant: bool, acme: Cast) -> None:
    with _entered(acme, tenant):
        row, field = saved(model), changeable(model)
        with written() as entries:
            _these(model, [row]).update(**{field.attname: F(field.attname)})
        assert entries == []


def _unless_refused(way: Any, model: Any, *told: Any) -> bool:
    """Whether the model let it happen: some rows are never changed (CannotChange, CannotDelete)."""
    try:
        with transaction.atomic():
            way(model, *told)
    except Exception as error:
        if not type(error).__name__.startswith("Cannot"):
            raise
        return False
    return True
