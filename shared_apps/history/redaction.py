"""Taking a person's or a client's details out of the history, where the law or an erasure asks for it (P36).

Only the owner role may do it: a runtime role gets "permission denied" from the table itself.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from shared_apps.history.triggers import named
from shared_apps.kit import scope


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
    values: wherever one of these stands alone in the schema's history, as a value or a name.
    Its use is recorded as an entry of the row, by the system on behalf of the author in force.
    Raises ScopeError outside the owner's scope.
    """
    here = scope.current()
    if here.kind != "owner":
        raise scope.ScopeError("only the owner role changes the history")
    meta: Any = model._meta
    with connection.cursor() as cursor:
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
