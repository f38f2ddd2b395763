"""The history that the database writes (P06, P07), and what stands in the rows beside it (P03, P39).

Its triggers stand everywhere, nobody else writes it, and each entry has an author; a row holds what its last entries say.
"""

import json
from collections.abc import Iterable

from django.conf import settings
from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.clients.models import Client
from shared_apps.history import registry, triggers
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.text import ERASED
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows
from tenants import neutral, roles

SCHEMAS = "SELECT n.nspname, n.oid FROM pg_namespace n WHERE n.nspname = 'public' OR n.nspname LIKE 't\\_%%'"
THERE = "SELECT relnamespace, relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = ANY (%s)"
# Of another release, which has a history elsewhere: they come forward, or go.
BEHIND = """
    SELECT 't_' || replace(id::text, '-', '') FROM tenants_tenant WHERE release <> %(release)s OR state = 'restoring'
     UNION ALL SELECT 't_' || replace(id::text, '-', '') FROM tenants_poolschema WHERE release <> %(release)s OR NOT is_ready
"""
STANDING = """
    SELECT c.relnamespace, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgname = %s AND t.tgenabled IN ('O', 'A')
       AND c.relnamespace = ANY (%s)
"""
WRITABLE = """
    SELECT count(*) FROM pg_class c CROSS JOIN unnest(%s) role (name)
     WHERE c.relnamespace = ANY (%s) AND c.relname = ANY (%s)
       AND has_table_privilege(role.name, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""
# Row by row, beside the history's own: whatever else is told of a row that is written could change it or lose it.
MEDDLING = """
    SELECT (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
             WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgname <> 'history'
               AND t.tgtype & 1 = 1 AND t.tgtype & 20 <> 0
               AND (c.relnamespace = ANY (%(inside)s) OR c.oid = %(details)s::regclass))
         + (SELECT count(*) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
             WHERE c.relkind IN ('r', 'p')
               AND (c.relnamespace = ANY (%(inside)s) OR c.oid = %(details)s::regclass))
"""
COMPARED = """
    WITH entry AS (
        SELECT id, object_pk, action, changes FROM history_logentry
         WHERE table_name = %(table)s
           AND id > (SELECT coalesce(max(id), 0) - %(newest)s FROM history_logentry)),
    last AS (SELECT DISTINCT ON (object_pk) object_pk, action FROM entry ORDER BY object_pk, id DESC),
    said AS (
        SELECT DISTINCT ON (e.object_pk, c.key) e.object_pk, c.key, c.value ->> 1 AS value
          FROM entry e CROSS JOIN jsonb_each(e.changes) c
         WHERE %(columns)s::jsonb ? c.key ORDER BY e.object_pk, c.key, e.id DESC),
    here AS (
        SELECT t.KEY::text AS key, row_to_json(t) AS stored FROM TABLE t
         WHERE t.KEY = ANY (ARRAY(SELECT object_pk::TYPE FROM last)))
    SELECT (SELECT count(*) FROM last WHERE action <> 2),
           (SELECT count(*) FROM last LEFT JOIN here ON here.key = last.object_pk
             WHERE last.action <> 2 AND here.key IS NULL),
           (SELECT count(DISTINCT said.object_pk) FROM said JOIN here ON here.key = said.object_pk
             WHERE said.value IS DISTINCT FROM here.stored ->> (%(columns)s::jsonb ->> said.key)
               AND (said.value IS NULL OR said.value <> ALL (%(made_up)s)))
"""
NEWEST = 50_000  # entries of a schema that are read in one round
NEWEST_COMPARED = 2_000  # of them, those that are compared with the rows
TRIGGERS = ("history", "history_not_truncated")


@check("P06", title=_("Triggers of the history, and who may write it"))
def history_is_written_by_the_database(around: Round) -> Result:
    wanted = {shared: _tables(shared=shared) for shared in (True, False)}
    with reading(scope.owner()):
        behind = {name for (name,) in rows(BEHIND, {"release": settings.SMOALL_RELEASE})}
        schemas = [(name == "public", oid) for name, oid in rows(SCHEMAS) if name not in behind]
        oids = [oid for _shared, oid in schemas]
        there = set(rows(THERE, [oids]))
        kept = {(oid, table) for shared, oid in schemas for table in wanted[shared]} & there
        missing = sum(len(kept - set(rows(STANDING, [name, oids]))) for name in TRIGGERS)
        runtime = [roles.SHARED, roles.TENANT, roles.WEB]
        ((writable,),) = rows(WRITABLE, [runtime, oids, list(triggers.READ_ONLY_TABLES)])
    tables = sum(len(wanted[shared]) for shared, _oid in schemas)
    return kept_if(
        not (missing or writable),
        gettext_noop(
            "Schemas: %(schemas)s; tables with a history: %(tables)s; triggers missing or off: "
            "%(missing)s; rights of the program to write the history: %(writable)s."
        ),
        schemas=len(schemas),
        tables=tables,
        missing=missing,
        writable=writable,
    )


def _tables(*, shared: bool) -> set[str]:
    """The tables with a history in that kind of schema, those of many-to-many fields too."""
    models = registry.models_with_history(tenant=not shared)
    related = {field.m2m_db_table() for model in models for field in registry.tracked_relations(model)}
    return {model._meta.db_table for model in models} | related


@check("P07", title=_("Entries of the history without an author"))
def every_change_has_an_author(around: Round) -> Result:
    entries = nameless = schemas = 0
    with reading(scope.shared()):
        found = [_read()]
    for read, without in [*found, *around.in_share(_read)]:
        entries, nameless, schemas = entries + read, nameless + without, schemas + 1
    return kept_if(
        nameless == 0,
        gettext_noop("Schemas: %(schemas)s; entries read: %(entries)s; without an author: %(nameless)s."),
        schemas=schemas,
        entries=entries,
        nameless=nameless,
    )


def _read() -> tuple[int, int]:
    newest = LogEntry.objects.order_by("-id").values_list("actor_kind", "actor_name")[:NEWEST]
    entries = list(newest)
    return len(entries), sum(not (kind and name) for kind, name in entries)


@check("P03", "P39", title=_("What stands in the rows, beside what was noted when it was written"))
def what_was_written_stays(around: Round) -> Result:
    """Everything in workspaces that has a history, and clients' contact details: there still, as it was written last."""
    with reading(scope.owner()):
        inside = [oid for name, oid in rows(SCHEMAS) if name != "public"]
        details = f"public.{Client._meta.db_table}"
        ((meddling,),) = rows(MEDDLING, {"inside": inside, "details": details})
    with reading(scope.shared()):
        found = [_compared([Client])]
    found += around.in_share(lambda: _compared(_entered()))
    compared, lost, altered = (sum(one[place] for one in found) for place in range(3))
    return kept_if(
        not (lost or altered or meddling),
        gettext_noop(
            "Schemas: %(schemas)s; rows compared with their last entries: %(rows)s; gone though nobody deleted them: "
            "%(lost)s; other than they were written: %(altered)s; rules of the database that could change what is "
            "written: %(meddling)s."
        ),
        schemas=len(found),
        rows=compared,
        lost=lost,
        altered=altered,
        meddling=meddling,
    )


def _entered() -> list[type[models.Model]]:
    """What users enter: not their second factors, which a copy for development empties past the history."""
    every = registry.models_with_history(tenant=True)
    return [model for model in every if neutral.holding_of(model).neutral != "emptied"]


def _compared(of: Iterable[type[models.Model]]) -> tuple[int, int, int]:
    """Rows that the newest entries speak of, in the schema in force; of them gone undeleted; and other than was noted.

    What an erasure took out of the history, and what a copy for development made up in it, says nothing of a row.
    """
    total = [0, 0, 0]
    for model in of:
        meta, quote = model._meta, connection.ops.quote_name
        masked = registry.masked_fields(model)
        columns = {one.name: one.column for one in registry.tracked_fields(model) if one.name not in masked}
        sql = COMPARED.replace("TABLE", quote(meta.db_table)).replace("KEY", quote(str(meta.pk.column)))
        ((*numbers,),) = rows(
            sql.replace("TYPE", str(meta.pk.rel_db_type(connection))),
            {
                "table": meta.db_table,
                "newest": NEWEST_COMPARED,
                "columns": json.dumps(columns),
                "made_up": [ERASED, neutral.MADE_UP],
            },
        )
        total = [before + more for before, more in zip(total, numbers, strict=True)]
    return total[0], total[1], total[2]
