"""Taking a person's or a client's details out of the history, where the law or an erasure asks for it (P36).

Only the owner role may do it: a runtime role gets "permission denied" from the table itself.
"""

import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from shared_apps.history.triggers import named
from shared_apps.kit import scope
from shared_apps.kit.text import ERASED

# Recorded as redact_history does it, where anything was found.
SOME_VALUES = """
WITH type AS (
    SELECT id FROM {schema}.django_content_type WHERE app_label = %(module)s AND model = %(model)s
), touched AS (
    UPDATE {schema}.history_logentry e
       SET changes = (
               SELECT jsonb_object_agg(c.key, jsonb_build_array(
                          CASE WHEN %(values)s::jsonb -> c.key ? (c.value ->> 0) THEN %(erased)s ELSE c.value ->> 0 END,
                          CASE WHEN %(values)s::jsonb -> c.key ? (c.value ->> 1) THEN %(erased)s ELSE c.value ->> 1 END))
                 FROM jsonb_each(e.changes) c)
      FROM type
     WHERE e.content_type_id = type.id AND e.object_pk = %(key)s AND EXISTS (
               SELECT 1 FROM jsonb_each(e.changes) c
                WHERE %(values)s::jsonb -> c.key ?| ARRAY[c.value ->> 0, c.value ->> 1])
    RETURNING e.id
), noted AS (
    INSERT INTO {schema}.history_logentry (
        content_type_id, object_pk, object_repr, action, changes, cid, "timestamp", module, table_name,
        parent_pk, actor_kind, actor_id, actor_name, actor_behalf, additional_data)
    SELECT type.id, %(key)s, %(erased)s, 1, jsonb_build_object('history', jsonb_build_array(NULL, %(erased)s)),
           pg_current_xact_id()::text, now(), %(module)s, 'history_logentry',
           '', 'system', 'redact_history', 'Smoall', %(asked_by)s,
           jsonb_build_object('fields', %(fields)s::text[], 'entries', (SELECT count(*) FROM touched))
      FROM type WHERE EXISTS (SELECT 1 FROM touched)
)
SELECT count(*) FROM touched
"""


def redact(
    model: type[Model],
    key: UUID | str | int,
    *,
    fields: Collection[str] | None,
    values: Collection[str] = (),
    about: Collection[UUID | str] | None = None,
) -> int:
    """Write "[erased]" over details of one row in the history of the schema in force; how many entries.

    fields: of this row, every value of these fields; None: of all its fields, and its name, as an author too.
    about: keys. As an author only of rows that are one of these, or named one of them at some time; None: of all rows.
    A copy of a workspace has its people's keys too: what they did elsewhere stays theirs.
    values: wherever one of these stands alone in the schema's history, as a value or a name; with `about` only as
    whoever something was done for in those very rows, since another client may have somebody of that name.
    Its use is recorded as an entry of the row, by the system on behalf of the author in force; a workspace's person
    is not named so in the shared schema, where their own erasure would not find it.
    Raises ScopeError outside the owner's scope.
    """
    here, who = scope.current(), _asked_by()
    if here.kind != "owner":
        raise scope.ScopeError("only the owner role changes the history")
    meta: Any = model._meta
    with scope.acting(who) if who else nullcontext(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {named('redact_history', here.schema)}(%s, %s, %s, %s::text[], %s::text[], %s::text[])",
            [
                meta.app_label,
                meta.model_name,
                str(key),
                None if fields is None else list(fields),
                [value for value in values if value],
                None if about is None else [str(one) for one in about],
            ],
        )
        return int(cursor.fetchone()[0])


def redact_values(model: type[Model], key: UUID | str | int, *, values: Mapping[str, Collection[str]]) -> int:
    """Write "[erased]" over these values of these fields of one row, and over nothing else; how many entries.

    For a row that told of several people, of whom one goes: {"contact_email": ["marie@acme.be"]}. Recorded as `redact` is.
    Raises ScopeError outside the owner's scope.
    """
    here = scope.current()
    if here.kind != "owner":
        raise scope.ScopeError("only the owner role changes the history")
    author, meta = _asked_by(), model._meta
    with connection.cursor() as cursor:
        cursor.execute(
            SOME_VALUES.format(schema=here.schema),
            {
                "module": meta.app_label,
                "model": meta.model_name,
                "key": str(key),
                "values": json.dumps({name: sorted(some) for name, some in values.items()}),
                "fields": sorted(values),
                "erased": ERASED,
                "asked_by": author.name if author else "",
            },
        )
        return int(cursor.fetchone()[0])


def _asked_by() -> scope.Actor | None:
    """The author in force as the note names them: a workspace's person not in the shared schema (P40)."""
    who = scope.actor_or_none()
    if who and who.kind == "user" and scope.tenant_id() is None:
        return replace(who, name="", behalf="")
    return who
