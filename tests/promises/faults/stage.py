"""What faults are planted into and by, and their list: what several areas need."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from shared_apps.accounts.models import SignIn
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.promises import crawl
from tests.conftest import TESTER, Cast

NOW = timezone.now
ADDRESS = "203.0.113.77"


@dataclass
class Stage:
    acme: Cast
    zenith: Cast
    patch: pytest.MonkeyPatch

    @property
    def client(self) -> Any:
        return self.acme.tenant.client_id

    def ddl(self, *statements: str) -> None:
        """As the owner, in acme's schema: {schema} is its name."""
        with scope.owner(tenant=self.acme.id, actor=TESTER), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.replace("{schema}", self.acme.tenant.schema_name))

    def answers(self, change: Callable[[crawl.Answer], crawl.Answer]) -> None:
        """Every page arrives changed."""
        before = crawl.get
        self.patch.setattr(crawl, "get", lambda *a, **k: change(before(*a, **k)))


Plant = Callable[[Stage], None]
FAULTS: list[tuple[str, Plant]] = []


def fault(check: str) -> Callable[[Plant], Plant]:
    def mark(plant: Plant) -> Plant:
        FAULTS.append((check, plant))
        return plant

    return mark


def on_page(
    path: str, change: Callable[[crawl.Answer], crawl.Answer]
) -> Callable[[crawl.Answer], crawl.Answer]:
    return lambda one: change(one) if one.path == path else one


def with_header(name: str, value: str) -> Callable[[crawl.Answer], crawl.Answer]:
    return lambda one: replace(one, headers={**one.headers, name: value})


def sign_in(on: Stage, **fields: Any) -> SignIn:
    given = {"session_hash": uuid7().hex, "device": "Firefox", "signed_in_at": NOW(), **fields}
    with on.acme.inside():
        made: SignIn = SignIn.objects.create(user=on.acme.owner, **given)
    return made


def shared_ddl(statement: str) -> None:
    with scope.owner(actor=TESTER), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


@contextmanager
def without(wall: str, table: str) -> Iterator[None]:
    """The database takes what this wall keeps out; afterwards the wall stands again."""
    shared_ddl(f"ALTER TABLE {table} DISABLE TRIGGER {wall}")
    yield
    shared_ddl(f"ALTER TABLE {table} ENABLE TRIGGER {wall}")


def log(text: str) -> None:
    place = Path(settings.SMOALL_DATA) / "log"
    place.mkdir(exist_ok=True)
    (place / "web.log").write_text(text)
