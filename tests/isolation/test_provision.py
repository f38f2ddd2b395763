"""I2, I8: a workspace is made wholly or not at all, never in another's schema, and once under any number of hands."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import fleet, names, provision
from tenants.keys import KeyStore
from tenants.models import Domain, Tenant
from tenants.schemas import snapshot
from tests.conftest import TESTER
from tests.isolation import catalog, stage

pytestmark = pytest.mark.usefixtures("committing")
PERSON = provision.FirstPerson("First Person", "first@made.test", "en")
HANDS = 8


class Broken(Exception):
    """What goes wrong in the middle."""


def client(company: str = "Made SRL") -> Client:
    with scope.shared(actor=TESTER):
        return Client.objects.create(company=company, contact_name="C", contact_email="c@made.test")


def made(id: UUID, of: Client, subdomain: str = "made-once") -> Tenant:
    return provision.create(id, client=of, subdomain=subdomain, person=PERSON, by=TESTER)


def nothing_is_there(id: UUID, before: dict[str, str]) -> None:
    assert catalog.value("SELECT count(*) FROM pg_namespace WHERE nspname = %s", scope.schema_of(id)) == 0
    assert catalog.checksums("public") == before


def statements(work: Callable[[], Any]) -> int:
    """How many statements the work sends. Undone."""
    sent = Counter[str]()

    def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        sent["all"] += 1
        return execute(sql, params, many, context)

    with stage.undone(), connection.execute_wrapper(count):
        work()
    return sent["all"]


def test_whatever_statement_fails_neither_rows_nor_schema_are_left() -> None:
    """Each statement that Django sends in turn is the one that breaks."""
    of, id = client(), uuid7()
    before = catalog.checksums("public")
    total = statements(lambda: made(id, of))
    assert total > 100
    picked = sorted({*range(6), *range(6, total, 23), total - 2, total - 1})
    for broken in picked:
        left = [broken]

        def break_one(
            execute: Any, sql: Any, params: Any, many: bool, context: Any, left: list[int] = left
        ) -> Any:
            left[0] -= 1
            if left[0] == -1:
                raise Broken(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(break_one), pytest.raises(Broken):
            made(id, of)
        nothing_is_there(id, before)
    assert made(id, of).id == id, "and afterwards it can be made"


@pytest.mark.parametrize(
    "place",
    [
        "tenants.schemas.snapshot.replay",
        "tenants.models.Domain.save",
        "tenants.roles.grants",
        "shared_apps.accounts.models.User.save",
    ],
)
def test_whatever_part_fails_neither_rows_nor_schema_are_left(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, id = client(), uuid7()
    before = catalog.checksums("public")

    def fail(*args: object, **kwargs: object) -> None:
        raise Broken(place)

    with monkeypatch.context() as patched:
        patched.setattr(place, fail)
        with pytest.raises(Broken):
            made(id, of)
    nothing_is_there(id, before)


def test_a_caller_that_rolls_back_leaves_nothing() -> None:
    of, id = client(), uuid7()
    before = catalog.checksums("public")
    with stage.undone():
        made(id, of)
    nothing_is_there(id, before)


def test_a_schema_of_that_name_is_refused_and_left_as_it_is() -> None:
    of, id = client(), uuid7()
    schema = scope.schema_of(id)
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"CREATE TABLE {schema}.somebodys (word text)")
        cursor.execute(f"INSERT INTO {schema}.somebodys VALUES ('theirs')")
    before = catalog.checksums("public")
    with pytest.raises(snapshot.SchemaExists):
        made(id, of)
    assert catalog.checksums("public") == before
    assert catalog.tables(schema) == ["somebodys"]
    assert catalog.value(f"SELECT word FROM {schema}.somebodys") == "theirs"
    assert f"schema {schema} belongs to no client" in list(fleet.problems())


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What eight threads came back with, or raised, begun in the same moment."""
    start = Barrier(HANDS)

    def one(number: int) -> Any:
        try:
            start.wait(20)
            return work(number)
        except Exception as error:  # it is what is asked for
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(HANDS) as pool:
        return list(pool.map(one, range(HANDS)))


def test_of_eight_who_want_one_name_one_gets_it() -> None:
    clients = [client(f"Rival {number}") for number in range(HANDS)]
    ids = [uuid7() for _ in clients]
    ended = at_once(lambda number: made(ids[number], clients[number], "wanted-by-all"))
    won = [one for one in ended if isinstance(one, Tenant)]
    assert len(won) == 1
    assert {type(one) for one in ended} == {Tenant, names.BadName}
    with scope.shared():
        assert [domain.tenant_id for domain in Domain.objects.filter(domain="wanted-by-all")] == [won[0].id]
    there = {schema for schema in catalog.schemas() if schema in {scope.schema_of(id) for id in ids}}
    assert there == {scope.schema_of(won[0].id)}
    with scope.tenant(won[0].id):
        assert User.objects.count() == 1
    KeyStore.default().ensure(won[0].id)
    assert list(fleet.problems()) == []


def test_one_number_asked_for_by_eight_is_one_workspace() -> None:
    of, id = client(), uuid7()
    ended = at_once(lambda number: made(id, of))
    assert {one.id for one in ended} == {id}, ended
    with scope.shared():
        assert Tenant.objects.filter(client=of).count() == 1
    with scope.tenant(id):
        assert User.objects.count() == 1
    KeyStore.default().ensure(id)
    assert list(fleet.problems()) == []


def test_the_same_number_later_is_the_same_workspace_whatever_is_asked() -> None:
    of, id = client(), uuid7()
    first = made(id, of)
    again = provision.create(id, client=client("Other"), subdomain="another-name", person=PERSON, by=TESTER)
    assert (again.id, again.client_id) == (first.id, of.id)
    with scope.shared():
        assert not Domain.objects.filter(domain="another-name").exists()
    with scope.tenant(id):
        assert User.objects.count() == 1


def test_two_workspaces_for_one_client_are_refused() -> None:
    of = client()
    made(uuid7(), of)
    second = uuid7()
    with pytest.raises(Exception, match="tenants_tenant_client_id"), transaction.atomic():
        made(second, of, "made-twice")
    assert catalog.value("SELECT count(*) FROM pg_namespace WHERE nspname = %s", scope.schema_of(second)) == 0
