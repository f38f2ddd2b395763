"""The history that the database writes (P06, P07).

Its triggers stand everywhere, nobody else writes it, and each entry has an author.
"""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.history import registry, triggers
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows
from tenants import roles

SCHEMAS = "SELECT n.nspname = 'public', n.oid FROM pg_namespace n WHERE n.nspname = 'public' OR n.nspname LIKE 't\\_%%'"
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
NEWEST = 50_000  # entries of a schema that are read in one round
TRIGGERS = ("history", "history_not_truncated")


@check("P06", title=_("Triggers of the history, and who may write it"))
def history_is_written_by_the_database(around: Round) -> Result:
    wanted = {shared: _tables(shared=shared) for shared in (True, False)}
    with reading(scope.owner()):
        schemas = [(shared, oid) for shared, oid in rows(SCHEMAS)]
        oids = [oid for _shared, oid in schemas]
        missing = 0
        for name in TRIGGERS:
            standing = set(rows(STANDING, [name, oids]))
            missing += sum(
                (oid, table) not in standing for shared, oid in schemas for table in wanted[shared]
            )
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
