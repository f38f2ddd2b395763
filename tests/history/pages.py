"""Entries for the tests of pages: many actions, which one transaction's triggers could not make."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db import connection

from shared_apps.history.models import LogEntry
from shared_apps.kit import scope


def add_entries(
    tenant: UUID, count: int, *, at: datetime, author: Any, lines: int = 1, what: str = "accounts.user"
) -> None:
    """`count` entries in actions of `lines` lines each, a minute apart, the newest at `at`."""
    module, model = what.split(".")
    with scope.owner(tenant=tenant):
        type_ = ContentType.objects.get(app_label=module, model=model)
        LogEntry.objects.bulk_create(
            LogEntry(
                content_type_id=type_.id,
                object_pk=f"key-{n}",
                object_repr=f"Person {n}",
                action=1,
                changes={"name": [f"Old {n}", f"Person {n}"]},
                cid=str(1000 + n // lines),
                timestamp=at - timedelta(minutes=(count - 1 - n) // lines),
                module=module,
                table_name=f"{module}_{model}",
                actor_kind=author.kind,
                actor_id=author.id,
                actor_name=author.name,
            )
            for n in range(count)
        )


def add_many(tenant: UUID, count: int) -> None:
    """`count` entries by SQL alone, three an action, over a year."""
    with scope.owner(tenant=tenant), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO history_logentry (
                   content_type_id, object_pk, object_repr, action, changes, cid, timestamp,
                   module, table_name, parent_pk, actor_kind, actor_id, actor_name, actor_behalf)
            SELECT t.id, 'key-' || n %% 5000, 'Person ' || n %% 5000, 1, '{"name": ["Old", "New"]}',
                   (n / 3)::text, now() - interval '1 year' + (n / 3) * interval '5 minutes',
                   'accounts', 'accounts_user', '',
                   'user', 'author-' || n / 3 %% 20, 'Author ' || n / 3 %% 20, ''
              FROM django_content_type t, generate_series(1, %s) n
             WHERE t.app_label = 'accounts' AND t.model = 'user'
            """,
            [count],
        )
        cursor.execute("ANALYZE history_logentry")
