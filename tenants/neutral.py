"""Making a copy harmless (P18): whatever names or describes somebody, in every table and folder, becomes made-up.

Made from the register of holdings: a table whose holding says nothing is masked, and in it every text that its holding
does not call `plain`. So a new table or column is covered before anybody thinks of it; one of a type that nobody has
thought of, or that no model knows, stops the run before it begins. What is made up follows from a row's key alone: a
second run makes the same, so a killed one is run again.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models

from shared_apps.history import registry
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.module import Holding, all_holdings
from tenants import identity, physical, router, stores
from tenants.keys import KeyStore
from tenants.models import CannotAct, State, Tenant

NEUTRALISER = scope.Actor("system", "neutralise", "Smoall")
OF_DJANGO = ("django_migrations", "django_content_type")
FILE = b"This file was replaced when this copy was neutralised.\n"
# Below SMOALL_DATA: gone without a look. Pages' files and the server's own stay; keys are made anew.
REMOVED = (
    "files", "exports", "mails", "log", "ledger", "backups", "promises.json", "demo.json", "steps.json",
)  # fmt: skip
FIRST_NAMES = (
    "Ada",
    "Bram",
    "Chloe",
    "Daan",
    "Elise",
    "Floris",
    "Greta",
    "Hugo",
    "Ines",
    "Jules",
    "Klara",
    "Louis",
)
LAST_NAMES = (
    "Claes", "Dubois", "Evers", "Fontaine", "Goossens", "Hermans", "Jacobs", "Lambert", "Maes", "Peeters", "Simon", "Wouters",
)  # fmt: skip

# SQL of made-up values; {h} is a hash of the row's key, the same for all fields of the row.
PICK = "(ARRAY['{words}'])[1 + ('x' || substr({{h}}, {at}, 4))::bit(16)::int %% {count}]"
FIRST = PICK.format(words="','".join(FIRST_NAMES), at=1, count=len(FIRST_NAMES))
LAST = PICK.format(words="','".join(LAST_NAMES), at=5, count=len(LAST_NAMES))
PERSON = f"{FIRST} || ' ' || {LAST}"
EMAIL = f"lower({FIRST} || '.' || {LAST}) || '.' || substr({{h}}, 9, 12) || '@example.com'"
THING = "'Example ' || substr({h}, 9, 8)"
COMPANY = f"{LAST} || ' ' || substr({{h}}, 9, 8) || ' SRL'"
PHONE = "'+3247000' || lpad((('x' || substr({h}, 1, 4))::bit(16)::int %% 10000)::text, 4, '0')"
CODE = "upper(substr({h}, 9, 12))"
CONTACT = f"CASE WHEN kind = 'company' THEN {COMPANY} ELSE {PERSON} END"
# By a field's name, so that tomorrow's tables speak the same words.
FORMATS = {
    "first_name": FIRST, "last_name": LAST, "company": COMPANY, "name": THING, "contact_name": PERSON, "person": PERSON,
    "email": EMAIL, "contact_email": EMAIL, "phone": PHONE, "mobile": PHONE, "street": "'Rue Haute 1'",
    "postal_code": "'1000'", "city": "'Bruxelles'", "iban": "'BE68539007547034'", "vat_number": "'BE0123456749'",
    "job_title": "'Example'", "code": CODE, "explanation": "'Example'", "domain": "'example-' || substr({h}, 9, 10)",
}  # fmt: skip
# By table and field, where the name alone says too little.
OWN = {
    "accounts.User.name": PERSON,
    "accounts.User.password": "'!' || {h}",  # what Django calls unusable
    "contacts.Contact.name": CONTACT,
    "contacts.Contact.search": f"lower(' ' || {CONTACT} || ' ' || {EMAIL})",
    "contacts.Attachment.name": "'example-' || substr({h}, 9, 8) || '.txt'",
    "contacts.Attachment.content_type": "'text/plain'",
}
CODES = {"language", "country"}  # two letters that software reads
NO_TEXT = (
    models.BooleanField, models.IntegerField, models.DecimalField, models.FloatField, models.DateField, models.TimeField,
    models.DurationField, models.UUIDField, models.AutoField,
)  # fmt: skip
MADE_UP = "Example"  # what a masked history says instead of a text
MASKED_ENTRIES = """
    UPDATE history_logentry SET
        object_repr = CASE WHEN object_repr = '' THEN '' ELSE 'Example ' || substr(md5(object_pk), 9, 8) END,
        actor_id = CASE WHEN actor_kind IN ('system', 'job') OR actor_id ~ '^[0-9a-f-]{{36}}$' THEN actor_id ELSE 'somebody' END,
        actor_name = CASE WHEN actor_kind = 'system' THEN 'Smoall' ELSE {actor} END,
        actor_behalf = CASE WHEN actor_behalf = '' THEN '' ELSE {actor} END,
        additional_data = CASE WHEN additional_data IS NULL THEN NULL ELSE '{{}}'::jsonb END,
        changes = coalesce((
            SELECT jsonb_object_agg(c.key, CASE WHEN table_name || '.' || c.key = ANY (%s) THEN c.value ELSE jsonb_build_array(
                       CASE WHEN c.value ->> 0 IS NULL OR c.value ->> 0 = '' THEN c.value -> 0 ELSE to_jsonb({made_up}::text) END,
                       CASE WHEN c.value ->> 1 IS NULL OR c.value ->> 1 = '' THEN c.value -> 1 ELSE to_jsonb({made_up}::text) END)
                   END) FROM jsonb_each(changes) c), '{{}}'::jsonb)
""".format(actor=PERSON.replace("{h}", "md5(actor_id)"), made_up=f"'{MADE_UP}'")
OPENED = "UPDATE tenants_tenant SET state = %s, state_before = '', state_reason = '', is_read_only = false, unpaid_since = NULL"


class CannotNeutralise(CannotAct):
    """The sentence says why nothing was begun."""


@dataclass(slots=True)
class Result:
    """How many rows of which tables, and how many files, were changed or removed."""

    masked: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)
    files: int = 0
    schemas: int = 0
    traces: str = ""  # why the server's own files still hold what was overwritten, where it does not let us rewrite them


Told = Callable[[int, str], None]  # percent, and what is being done


# --- what the register says -------------------------------------------------------------------------------


def holding_of(model: type[models.Model]) -> Holding:
    """Raises CannotNeutralise for a table that no module declares."""
    label = model._meta.label
    found = next((one for one in all_holdings() if one.what == label), None)
    if found is None:
        raise CannotNeutralise(f"{label} is in no module's holdings: say there what a copy keeps of it.")
    return found


def masks(model: type[models.Model]) -> dict[str, str]:
    """{column: the SQL of its new value}, for every text of a table. Raises CannotNeutralise for a type nobody knows."""
    plain = {*holding_of(model).plain, *CODES}
    found: dict[str, str] = {}
    for one in model._meta.concrete_fields:
        if one.primary_key or one.is_relation or one.choices or one.name in plain or isinstance(one, NO_TEXT):
            continue
        found[str(one.column)] = _guarded(one, _made_up(model, one))
    return found


def _made_up(model: type[models.Model], one: Any) -> str:
    label, base = model._meta.label, one.name.removesuffix("_folded")
    if base != one.name:
        return f"lower({_made_up(model, model._meta.get_field(base))})"
    if made := OWN.get(f"{label}.{one.name}") or (FORMATS.get(one.name) if not _is_file(one) else None):
        return made
    if _is_file(one):  # the first folder says what it is
        return f"split_part(\"{one.column}\", '/', 1) || '/' || {{h}} || '.txt'"
    if isinstance(one, models.EmailField):
        return EMAIL
    if isinstance(one, models.URLField):
        return "'https://www.example.com/'"
    if isinstance(one, models.JSONField):
        return f"CASE jsonb_typeof(\"{one.column}\") WHEN 'array' THEN '[]' WHEN 'object' THEN '{{{{}}}}' ELSE 'null' END::jsonb"
    if isinstance(one, models.CharField | models.TextField):
        return CODE if one.unique else "''" if one.blank else "'Example'"
    raise CannotNeutralise(f"{label}.{one.name} is of a type that no copy knows how to mask.")


def _guarded(one: Any, made: str) -> str:
    """What was empty stays empty; what is made up fits."""
    if isinstance(one, models.JSONField):
        return f'CASE WHEN "{one.column}" IS NULL THEN NULL ELSE {made} END'
    fits = f"left({made}, {one.max_length})" if one.max_length else made
    return f"CASE WHEN \"{one.column}\" = '' THEN '' WHEN \"{one.column}\" IS NULL THEN NULL ELSE {fits} END"


def _is_file(one: Any) -> bool:
    return isinstance(one, models.FileField)


def models_of(tenant: UUID | None) -> list[type[models.Model]]:
    """Every model with a table in the shared schema, or in a workspace's."""
    found = router.models_of(shared=tenant is None)
    return [model for model in found if model._meta.db_table not in OF_DJANGO]


# --- doing it ---------------------------------------------------------------------------------------------


def check(schemas: list[UUID | None]) -> None:
    """Nothing is begun when a schema holds what no model knows, or lacks what one needs. Raises CannotNeutralise."""
    for tenant in schemas:
        known = {
            model._meta.db_table: {one.column for one in model._meta.concrete_fields}
            for model in models_of(tenant)
        }
        for model in models_of(tenant):
            if holding_of(model).neutral == "masked":
                masks(model)
        with scope.owner(tenant=tenant), connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = current_schema() AND NOT table_name = ANY (%s)",
                [list(OF_DJANGO)],
            )
            found = set(cursor.fetchall())
        wanted = {(table, column) for table, columns in known.items() for column in columns}
        where = scope.schema_of(tenant) if tenant else "the shared tables"
        for table, column in sorted(found - wanted):
            raise CannotNeutralise(f"{table}.{column} of {where} is of no model: remove it first.")
        for table, column in sorted(wanted - found):
            raise CannotNeutralise(
                f"{where} has no {table}.{column}, so it is of another release: migrate it, or drop it when it is no "
                "client's."
            )


def schemas() -> list[UUID | None]:
    """The shared schema, and every other one of Smoall's: a workspace's, or one that nobody remembers."""
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^t_[0-9a-f]{32}$' ORDER BY 1")
        return [None, *(UUID(name[2:]) for (name,) in cursor.fetchall())]


def neutralise(told: Told) -> Result:
    """Everything but the identity, which the caller writes last (`finish`). Raises CannotNeutralise."""
    done, found = Result(), schemas()
    check(found)
    for path in (Path(settings.SMOALL_DATA) / name for name in REMOVED):
        done.files += stores.files_in(path) + path.is_file()
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    changed: list[str] = []
    for number, tenant in enumerate(found):
        told(number * 70 // len(found), f"schema {number + 1} of {len(found)}")
        schema = scope.schema_of(tenant) if tenant else "public"
        changed += [f"{schema}.{name}" for name in _tables(tenant, done)]
    told(70, "rewriting what was overwritten")
    done.traces = physical.rewrite(changed)
    done.schemas = len(found)
    return done


def finish(now_at_home: Callable[[], None] = lambda: None) -> None:
    """New keys for this folder, then the identity: from here on the copy is a deployment of its own."""
    with scope.shared():
        tenants = list(Tenant.objects.values_list("pk", flat=True))
    KeyStore.default().renew(tenants)
    now_at_home()
    with scope.owner(actor=NEUTRALISER):
        identity.settle()


def _tables(tenant: UUID | None, done: Result) -> list[str]:
    """One schema in one transaction; the tables that were changed. The history is masked itself, and writes nothing of it."""
    found = models_of(tenant)
    by_need: dict[str, list[Any]] = {"masked": [], "emptied": [], "kept": []}
    for model in found:
        by_need[holding_of(model).neutral].append(model)
    tables = [model._meta.db_table for model in found]
    with scope.owner(tenant=tenant, actor=NEUTRALISER), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for model in by_need["emptied"]:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
            done.emptied[model._meta.db_table] += cursor.rowcount
        for model in by_need["masked"]:
            done.masked[model._meta.db_table] += _mask(cursor, model, found)
            for column in (one.column for one in model._meta.concrete_fields if _is_file(one)):
                cursor.execute(f"SELECT {column} FROM {model._meta.db_table} WHERE {column} <> ''")
                for (name,) in cursor.fetchall():
                    _write(tenant, name)
        if tenant is None:
            cursor.execute(OPENED, [State.ACTIVE])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    return [model._meta.db_table for need in ("masked", "emptied") for model in by_need[need]]


def _mask(cursor: Any, model: Any, among: list[Any]) -> int:
    if model is LogEntry:
        cursor.execute(MASKED_ENTRIES, [sorted(_told_as_they_are(among))])
        return int(cursor.rowcount)
    table, key = model._meta.db_table, f"md5({model._meta.pk.column}::text)"
    if not (values := masks(model)):
        return 0
    settings_ = ", ".join(f'"{column}" = {made.format(h=key)}' for column, made in values.items())
    cursor.execute(f"UPDATE {table} SET {settings_}".replace("%%", "%"))
    return int(cursor.rowcount)


def _told_as_they_are(among: list[Any]) -> Iterator[str]:
    """ "table.field" of what the history may go on telling: numbers, days, keys, choices."""
    for model in among:
        if not registry.is_registered(model):
            continue
        masked = masks(model) if holding_of(model).neutral != "kept" else {}
        for one in model._meta.concrete_fields:
            if one.column not in masked:
                yield f"{model._meta.db_table}.{one.name}"
        for many in model._meta.local_many_to_many:
            yield f"{many.m2m_db_table()}.{many.name}"


def _write(tenant: UUID | None, name: str) -> None:
    path = Path(settings.MEDIA_ROOT) / (str(tenant) if tenant else "shared") / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(FILE)
