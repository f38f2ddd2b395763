"""I3, I4, I5 at their edges: whatever fails or is forgotten, the answer is an error and never another's rows.

tests/tenants/test_scope.py has the plain cases. Here: settings that fail, every way to send a statement, rows and
querysets carried from one workspace into another, and the database's own walls, table by table from its catalog.
"""

import asyncio
import copy
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg2
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.db.models import F
from django.utils import timezone

from shared_apps.accounts.models import Session, SignIn, User
from shared_apps.history.triggers import READ_ONLY_TABLES
from shared_apps.kit import scope
from shared_apps.kit.rows import WrongTenant, uuid7
from tenant_apps.contacts.models import Contact, Tag
from tenants import hosts, roles
from tenants.models import Tenant
from tests.conftest import TESTER, Cast
from tests.isolation import catalog, stage

RUNTIME = {roles.SHARED: "public", roles.TENANT: "a tenant's"}
READ_ONLY = {*READ_ONLY_TABLES, *roles.SHARED_READ_ONLY, "django_migrations", "django_content_type"}


def emails() -> set[str]:
    return set(User.objects.values_list("email", flat=True))


def those_of(cast: Cast) -> set[str]:
    return {cast.owner.email, cast.admin.email, cast.colleague.email}


# --- settings that fail -----------------------------------------------------------------------------------------


def wrong(cast: Cast, **changes: Any) -> scope.Scope:
    return scope.Scope(
        **{"kind": "tenant", "schema": cast.tenant.schema_name, "role": roles.TENANT, "tenant": cast.id}
        | changes
    )


def test_a_role_that_is_refused_is_an_error_and_the_statement_behind_it_never_runs(
    acme: Cast, zenith: Cast
) -> None:
    with acme.inside():
        assert emails() == those_of(acme)
        for role in ("smoall_nobody", "pg_read_all_data", "postgres"):
            with pytest.raises(DatabaseError), transaction.atomic():  # noqa: SIM117
                with scope._entered(wrong(zenith, role=role), TESTER):
                    User.objects.create(name="Eve", email="eve@evil.test")
        assert emails() == those_of(acme)
    with zenith.inside():
        assert emails() == those_of(zenith)


def test_after_a_failed_setting_nothing_is_taken_for_set(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            scope._entered(wrong(zenith, role="smoall_nobody"), None),
        ):
            emails()
        assert connection.applied is None
        with zenith.inside():
            assert emails() == those_of(zenith)
        assert emails() == those_of(acme)


def test_a_statement_in_a_failed_transaction_is_an_error_in_every_scope(acme: Cast, zenith: Cast) -> None:
    with stage.undone():
        with (
            acme.inside(),
            pytest.raises(DatabaseError),
            scope._entered(wrong(zenith, role="smoall_nobody"), None),
        ):
            emails()
        with pytest.raises(DatabaseError, match="aborted"), zenith.inside():
            emails()


def stage_of(tenant: Tenant) -> AbstractContextManager[scope.Scope]:
    return scope.tenant(tenant.id, actor=TESTER)


def test_a_right_that_is_revoked_closes_the_door_at_the_next_request(committing: None) -> None:
    """The worker's login loses the tenants' role; the shared schema goes on."""
    tenant = stage.workspace("closed-a")
    admin = psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=settings.DATABASES["default"]["NAME"])
    admin.autocommit = True
    try:
        admin.cursor().execute(f"REVOKE {roles.TENANT} FROM {roles.WORKER}")
        for look in (
            emails,
            lambda: User.objects.create(name="x", email="x@x.test"),
            by_server_side_cursor,
            by_copy,
        ):
            with pytest.raises((DatabaseError, psycopg2.Error), match="permission denied"), stage_of(tenant):
                look()
        with scope.shared():
            assert Tenant.objects.filter(pk=tenant.pk).exists()
    finally:
        admin.cursor().execute(f"GRANT {roles.TENANT} TO {roles.WORKER}")
        admin.close()
    with scope.tenant(tenant.id):
        assert emails() == {"owner@closed-a.test"}


def test_a_schema_that_is_dropped_under_an_open_workspace_is_an_error(committing: None) -> None:
    gone, other = stage.workspace("gone-a"), stage.workspace("gone-b")
    with scope.owner(actor=TESTER, tenant=gone.id), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {gone.schema_name} CASCADE")
    for look in (
        emails,
        lambda: User.objects.create(name="x", email="x@x.test"),
        lambda: User.objects.update(name="x"),
    ):
        with pytest.raises(ProgrammingError, match="does not exist"), scope.tenant(gone.id, actor=TESTER):
            look()
    with scope.tenant(other.id):
        assert emails() == {"owner@gone-b.test"}


# --- every way to send a statement ------------------------------------------------------------------------------


WHERE = "SELECT current_user || ' ' || current_setting('search_path')"


def place_of(cast: Cast) -> str:
    return f"{roles.TENANT} {cast.tenant.schema_name}, ext"


def by_execute() -> str:
    with connection.cursor() as cursor:
        cursor.execute(WHERE)
        return str(cursor.fetchone()[0])


def by_server_side_cursor() -> str:
    with connection.chunked_cursor() as cursor:
        cursor.execute(WHERE)
        return str(cursor.fetchone()[0])


def by_copy() -> str:
    out = io.StringIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({WHERE}) TO STDOUT", out)
    return out.getvalue().strip()


def by_call() -> str:
    with connection.cursor() as cursor:
        cursor.callproc("concat", ["x"])
        cursor.fetchall()
    return by_execute()


def by_raw() -> str:
    found = User.objects.raw(f"SELECT u.*, ({WHERE}) AS place FROM accounts_user u LIMIT 1")
    return str(found[0].place)


def by_executemany() -> str:
    """It inserts a session each, whose text says where."""
    with connection.cursor() as cursor:
        sql = f"INSERT INTO accounts_session (id, key_hash, realm, data, expires_at) SELECT %s, %s, 'x', ({WHERE}), now()"
        keys = [uuid7(), uuid7()]
        cursor.executemany(sql, [(key, str(key)) for key in keys])
    places = set(Session.objects.filter(pk__in=keys).values_list("data", flat=True))
    assert len(places) == 1
    return str(places.pop())


WAYS: list[Callable[[], str]] = [by_execute, by_server_side_cursor, by_copy, by_call, by_raw, by_executemany]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_send_a_statement_carries_the_scope(
    acme: Cast, zenith: Cast, way: Callable[[], str]
) -> None:
    """Alternating, nested, after a savepoint that was undone: each statement is where it should be."""
    for cast in (acme, zenith, acme):
        with cast.inside():
            assert way() == place_of(cast)
    with acme.inside():
        with zenith.inside():
            assert way() == place_of(zenith)
            with stage.undone(), acme.inside():
                assert way() == place_of(acme)
            assert way() == place_of(zenith)
            with transaction.atomic(), acme.inside():
                assert way() == place_of(acme)
            assert way() == place_of(zenith)
        assert way() == place_of(acme)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_send_a_statement_is_refused_without_a_scope(db: None, way: Callable[[], str]) -> None:
    with pytest.raises(scope.ScopeError):
        way()
    with scope.nothing(), pytest.raises(scope.ScopeError):
        way()


def test_copying_in_stays_in_the_workspace(acme: Cast, zenith: Cast) -> None:
    key = uuid7()
    with acme.inside(), connection.cursor() as cursor:
        cursor.copy_expert(
            "COPY accounts_session (id, key_hash, realm, data, expires_at) FROM STDIN (FORMAT csv)",
            io.StringIO(f"{key},k,r,d,2030-01-01\n"),
        )
        assert Session.objects.filter(pk=key).exists()
        for refused in (cursor.copy_from, cursor.copy_to):
            with pytest.raises(scope.ScopeError):
                refused(io.StringIO(), "accounts_session")
    with zenith.inside():
        assert not Session.objects.filter(pk=key).exists()


def test_outside_a_transaction_the_settings_end_with_the_statement(committing: None) -> None:
    tenant = stage.workspace("auto-a")
    here = scope.Scope("tenant", tenant.schema_name, roles.TENANT, tenant.id)
    assert connection.get_autocommit()
    with scope._entered(here, TESTER):
        assert by_execute() == f"{roles.TENANT} {tenant.schema_name}, ext"
        assert emails() == {"owner@auto-a.test"}
        for way in (by_server_side_cursor, by_copy, by_call, by_executemany):
            with pytest.raises(scope.ScopeError, match="transaction"):
                way()
    with pytest.raises(scope.NoScope):
        by_execute()
    with connection.connection.cursor() as bare:
        bare.execute(f"{WHERE}, current_setting('smoall.actor', true)")
        assert bare.fetchone() == (f'{roles.WORKER} "$user", public', "")
    nobody = scope.Scope("tenant", tenant.schema_name, "smoall_nobody", tenant.id)
    with pytest.raises(DatabaseError), scope._entered(nobody, None):
        emails()


def test_tasks_and_their_threads_keep_to_themselves(committing: None) -> None:
    """Sixteen tasks over two workspaces, by the one thread that Django shares and by threads of their own."""
    made = [stage.workspace("tasks-a"), stage.workspace("tasks-b")]

    def look(number: int) -> set[str]:
        with scope.tenant(made[number % 2].id, actor=TESTER):
            User.objects.update(language="fr")
            return emails()

    def apart(number: int) -> set[str]:
        try:
            return look(number)
        finally:
            connection.close()

    async def all_of_them() -> list[set[str]]:
        shared = [sync_to_async(apart)(number) for number in range(16)]
        own = [sync_to_async(apart, thread_sensitive=False)(number) for number in range(16)]
        return list(await asyncio.gather(*shared, *own))

    found = asyncio.run(all_of_them())
    assert found == [{f"owner@tasks-{'ab'[number % 2]}.test"} for number in range(16)] * 2
    with pytest.raises(scope.NoScope):
        scope.current()


def test_a_coroutine_cannot_open_a_workspace_on_the_loops_own_thread(committing: None) -> None:
    tenant = stage.workspace("loop-a")

    async def enter() -> None:
        with scope.tenant(tenant.id):
            pass

    async def ask() -> int:
        return int(await User.objects.acount())

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(enter())
    with pytest.raises(scope.NoScope):
        asyncio.run(ask())


# --- rows that are read bit by bit ------------------------------------------------------------------------------


def test_an_iterator_that_is_carried_into_another_workspace_raises(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        for rows in (
            User.objects.iterator(chunk_size=2),
            User.objects.values_list("email").iterator(chunk_size=2),
        ):
            next(rows)
            with zenith.inside(), pytest.raises(scope.ScopeError, match="another scope"):
                next(rows)
        assert {user.email for user in User.objects.iterator(chunk_size=1)} == those_of(acme)


def test_an_iterator_that_outlives_its_workspace_raises(acme: Cast) -> None:
    with acme.inside():
        rows = User.objects.iterator(chunk_size=2)
        next(rows)
    with pytest.raises(scope.NoScope):
        next(rows)


def test_a_generator_that_enters_a_workspace_itself_keeps_to_it(acme: Cast, zenith: Cast) -> None:
    """A scope is the thread's: a generator that suspends inside one leaves it open, so it must be used up inside."""

    def people(cast: Cast) -> Iterator[str]:
        with cast.inside():
            yield from sorted(emails())

    assert set(people(acme)) == those_of(acme)
    assert set(people(zenith)) == those_of(zenith)
    with pytest.raises(scope.NoScope):
        scope.current()


def test_a_queryset_reads_the_workspace_in_which_it_is_evaluated_and_keeps_what_it_read(
    acme: Cast, zenith: Cast
) -> None:
    """By design a queryset is a question: it is asked where it is evaluated, and never anywhere else."""
    with acme.inside():
        lazy, read = User.objects.order_by("email"), User.objects.order_by("email")
        assert {user.email for user in read} == those_of(acme)
    with zenith.inside():
        assert {user.email for user in lazy} == those_of(zenith)
        for user in read:  # what was read stays acme's, and can't be used here
            with pytest.raises(WrongTenant):
                user.save()
        assert {user.email for user in read.all()} == those_of(zenith)
        assert User.objects.filter(pk__in=read.values("pk")).count() == 3, (
            "a subquery is part of the question"
        )
    with pytest.raises(scope.NoScope):
        list(User.objects.all())


# --- rows carried into another workspace ------------------------------------------------------------------------


@pytest.fixture
def foreign(acme: Cast, zenith: Cast) -> Iterator[dict[str, Any]]:
    """Rows of acme with their relations, in zenith's scope. Afterwards neither workspace has changed."""
    with acme.inside():
        company, tag = Contact(kind="company", name="Acme's client"), Tag(name="Acme's tag")
        for row in (company, tag):
            row.save()
        person = Contact(kind="person", name="Acme's person", last_name="Person", company=company)
        person.save()
        person.tags.add(tag)
        SignIn.objects.create(user=acme.owner, session_hash="h", device="d", signed_in_at=timezone.now())
        rows = {
            "company": Contact.objects.get(pk=company.pk),
            "person": Contact.objects.select_related("company").prefetch_related("tags").get(pk=person.pk),
            "tag": Tag.objects.get(pk=tag.pk),
            "user": User.objects.get(pk=acme.owner.pk),
            "deferred": User.objects.defer("name").get(pk=acme.owner.pk),
            "made": User.objects.bulk_create([User(name="Bulk", email="bulk@acme.test")])[0],
        }
    before = [catalog.checksums(cast.tenant.schema_name) for cast in (acme, zenith)]
    with zenith.inside():
        yield rows
    assert [catalog.checksums(cast.tenant.schema_name) for cast in (acme, zenith)] == before


REFUSED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "save": lambda rows: rows["user"].save(),
    "save some fields": lambda rows: rows["user"].save(update_fields=["name"]),
    "force an insert": lambda rows: rows["user"].save(force_insert=True),
    "save what was made in bulk": lambda rows: rows["made"].save(),
    "delete": lambda rows: rows["user"].delete(),
    "refresh": lambda rows: rows["user"].refresh_from_db(),
    "read a deferred field": lambda rows: rows["deferred"].name,
    "bulk_create": lambda rows: User.objects.bulk_create([rows["user"]]),
    "bulk_create over what is there": lambda rows: User.objects.bulk_create(
        [rows["user"]], ignore_conflicts=True
    ),
    "bulk_update": lambda rows: User.objects.bulk_update([rows["user"]], ["name"]),
    "save a copy": lambda rows: copy.copy(rows["user"]).save(),
    "save a deep copy": lambda rows: copy.deepcopy(rows["user"]).save(),
    "save what was pickled": lambda rows: pickle.loads(pickle.dumps(rows["user"])).save(),  # noqa: S301
    "save a cached relation": lambda rows: rows["person"].company.save(),
    "save a prefetched relation": lambda rows: rows["person"].tags.all()[0].save(),
    "relate a new row": lambda rows: Contact(kind="person", name="x", company=rows["company"]).save(),
    "create a row that refers": lambda rows: SignIn.objects.create(
        user=rows["user"], session_hash="x", device="d", signed_in_at=timezone.now()
    ),
    "bulk_create rows that refer": lambda rows: Contact.objects.bulk_create(
        [Contact(kind="person", name="x", company=rows["company"])]
    ),
    "assign to a row of here": lambda rows: setattr(here(), "company", rows["company"]),
    "assign one of here to it": lambda rows: setattr(rows["person"], "company", here()),
    "add to a many-to-many field": lambda rows: here().tags.add(rows["tag"]),
    "add one of here to it": lambda rows: rows["person"].tags.add(tag_here()),
    "set a many-to-many field": lambda rows: here().tags.set([rows["tag"]]),
    "add through a related manager": lambda rows: here().people.add(rows["person"]),
    "create through a related manager": lambda rows: rows["company"].people.create(kind="person", name="x"),
    "create through a many-to-many field": lambda rows: rows["person"].tags.create(name="x"),
}


def here() -> Contact:
    made = Contact(kind="company", name="Zenith's own")
    made.save()
    return made


def tag_here() -> Tag:
    made = Tag(name="Zenith's tag")
    made.save()
    return made


@pytest.mark.parametrize("verb", REFUSED)
def test_I5_a_row_of_another_workspace_is_refused(foreign: dict[str, Any], verb: str) -> None:
    with stage.undone(), pytest.raises(WrongTenant), transaction.atomic():
        REFUSED[verb](foreign)


@pytest.mark.parametrize("relate", ["both foreign", "by key", "by update", "by raw key"])
def test_I5_what_only_names_a_foreign_row_is_refused_by_the_database(
    foreign: dict[str, Any], relate: str
) -> None:
    """A key is no row: nothing knows where it comes from. The foreign key of this schema refuses it."""
    person, tag, company = foreign["person"], foreign["tag"], foreign["company"]
    verbs: dict[str, Callable[[], Any]] = {
        "both foreign": lambda: person.tags.through.objects.create(contact_id=person.pk, tag_id=tag.pk),
        "by key": lambda: Contact.objects.bulk_create(
            [Contact(kind="person", name="x", company_id=company.pk)]
        ),
        "by update": lambda: (here(), Contact.objects.update(kind="person", company_id=company.pk)),
        "by raw key": lambda: here().tags.add(tag.pk),
    }

    def relate_and_check() -> None:
        verbs[relate]()
        connection.check_constraints()

    with stage.undone(), pytest.raises(IntegrityError), transaction.atomic():
        relate_and_check()


def test_I5_a_related_manager_of_a_foreign_row_finds_nothing_here(foreign: dict[str, Any]) -> None:
    assert list(foreign["company"].people.all()) == []
    assert list(Contact.objects.filter(company=foreign["company"])) == []
    assert list(foreign["user"].sign_ins.all()) == []
    assert Contact.objects.filter(company=foreign["company"]).update(name=F("name")) == 0
    with pytest.raises(User.DoesNotExist):
        User.objects.select_for_update().get(pk=foreign["user"].pk)


# --- the database's own walls ------------------------------------------------------------------------------------


PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
GRANTS = """
    SELECT r.rolname, n.nspname, c.relname, array_agg(p ORDER BY p) FILTER (WHERE has_table_privilege(r.oid, c.oid, p))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r, unnest(%s::text[]) p
     WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND (n.nspname = 'public' OR n.nspname ~ '^t_[0-9a-f]{32}$')
       AND r.rolname = ANY(%s)
     GROUP BY 1, 2, 3
"""


def asked(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall()  # type: ignore[no-any-return]


def test_every_table_is_open_to_the_role_of_its_schema_alone_and_the_history_to_reading(
    acme: Cast, zenith: Cast
) -> None:
    rows = asked(GRANTS, list(PRIVILEGES), [roles.SHARED, roles.TENANT, roles.WEB, roles.WORKER])
    seen = set()
    for role, schema, table, granted in rows:
        is_own = role == (roles.SHARED if schema == "public" else roles.TENANT)
        may_write = is_own and table not in READ_ONLY
        expected = ["DELETE", "INSERT", "SELECT", "UPDATE"] if may_write else ["SELECT"] if is_own else None
        if is_own and schema == "public" and table in roles.SHARED_APPEND_ONLY:
            expected = sorted(set(expected or ()) - set(roles.SHARED_APPEND_ONLY[table].split(", ")))
        assert granted == expected, f"{role} has {granted} on {schema}.{table}"
        seen.add((schema, table))
    assert seen == {(schema, table) for schema in catalog.schemas() for table in catalog.tables(schema)}


def test_no_runtime_role_has_more_than_rows(acme: Cast) -> None:
    """No column grants, no function but the one that finds a host's workspace, no schemas or temporary tables of its own,
    no membership that grows.
    """
    runtime = [roles.SHARED, roles.TENANT, roles.WEB, roles.WORKER]
    assert asked("""
        SELECT r.rolname, p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, pg_roles r
         WHERE (n.nspname = 'public' OR n.nspname LIKE 't\\_%%') AND r.rolname = ANY(%s)
           AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
    """, runtime) == [(roles.SHARED, f"{hosts.FUNCTION}(text)")]  # fmt: skip
    assert asked("""
        SELECT r.rolname, n.nspname, p FROM pg_namespace n, pg_roles r, unnest(ARRAY['CREATE', 'USAGE']) p
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND r.rolname = ANY(%s)
           AND has_schema_privilege(r.oid, n.oid, p) AND NOT (p = 'USAGE' AND CASE
                WHEN n.nspname = 'ext' THEN r.rolname IN (%s, %s) WHEN n.nspname = 'public' THEN r.rolname = %s
                WHEN n.nspname LIKE 't\\_%%' THEN r.rolname = %s ELSE false END)
    """, runtime, roles.SHARED, roles.TENANT, roles.SHARED, roles.TENANT) == []  # fmt: skip
    assert asked("""
        SELECT r.rolname, p FROM pg_roles r, unnest(ARRAY['CREATE', 'TEMP']) p
         WHERE r.rolname = ANY(%s) AND has_database_privilege(r.oid, current_database(), p)
    """, runtime) == []  # fmt: skip
    assert asked("""
        SELECT rolname FROM pg_roles WHERE rolname LIKE 'smoall\\_%%' AND (rolsuper OR rolcreaterole OR rolcreatedb
            OR rolbypassrls OR rolreplication OR (rolinherit AND rolname <> %s))
    """, roles.UPKEEP) == []  # fmt: skip
    assert (
        asked("SELECT attrelid::regclass FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid > 16383")
        == []
    )
    members = asked("""
        SELECT m.member::regrole::text, m.roleid::regrole::text, m.admin_option FROM pg_auth_members m
         WHERE m.member::regrole::text LIKE 'smoall\\_%%' ORDER BY 1, 2
    """)  # fmt: skip
    expected = roles.MEMBER_OF | {roles.UPKEEP: (*roles.MEMBER_OF[roles.UPKEEP], *roles.SERVER_ROLES)}
    assert members == [(login, role, False) for login in sorted(expected) for role in sorted(expected[login])]


@pytest.fixture
def login(acme: Cast) -> Iterator[Callable[[str], Any]]:
    """`login(role)` is a bare connection of a login, as one who stole its password would have it."""
    place, opened = settings.DATABASES["default"], []

    def connect(role: str) -> Any:
        made = psycopg2.connect(
            host=place["HOST"],
            port=place["PORT"],
            dbname=place["NAME"],
            user=role,
            password=settings.SMOALL_LOGINS[role],
        )
        made.autocommit = True
        opened.append(made)
        return made.cursor()

    yield connect
    for made in opened:
        made.close()


def refused(cursor: Any, sql: str) -> bool:
    try:
        cursor.execute(sql)
    except psycopg2.errors.InsufficientPrivilege:
        return True
    return False


def every_table() -> list[str]:
    return [f"{schema}.{table}" for schema in catalog.schemas() for table in catalog.tables(schema)]


def test_the_webs_login_reads_nothing_as_itself_and_never_becomes_the_owner(
    login: Callable[[str], Any],
) -> None:
    cursor = login(roles.WEB)
    for table in every_table():
        assert refused(cursor, f"SELECT 1 FROM {table} LIMIT 1"), table
    for role in (roles.OWNER, roles.WORKER, "postgres"):
        assert refused(cursor, f"SET ROLE {role}"), role
        assert refused(cursor, f"SET SESSION AUTHORIZATION {role}"), role
        assert refused(cursor, f"GRANT {role} TO {roles.WEB}"), role
    for made in ("TABLE public.x (i int)", "SCHEMA x", "TEMP TABLE x (i int)", "ROLE x"):
        assert refused(cursor, f"CREATE {made}"), made
    assert refused(cursor, "COPY (SELECT 1) TO PROGRAM 'id'")


def test_the_webs_login_reaches_one_kind_of_schema_at_a_time(login: Callable[[str], Any]) -> None:
    cursor = login(roles.WEB)
    for role in (roles.SHARED, roles.TENANT):
        cursor.execute(f"SET ROLE {role}")
        for table in every_table():
            is_own = table.startswith("public.") == (role == roles.SHARED)
            assert refused(cursor, f"SELECT 1 FROM {table} LIMIT 1") is not is_own, (role, table)
            name = table.split(".")[1]
            is_written = (
                is_own and name not in READ_ONLY and "DELETE" not in roles.SHARED_APPEND_ONLY.get(name, "")
            )
            for sql in (
                f"DELETE FROM {table} WHERE false",
                f"TRUNCATE {table}",
                f"ALTER TABLE {table} DISABLE TRIGGER USER",
            ):
                assert refused(cursor, sql) is not (is_written and sql.startswith("DELETE")), (role, sql)
        assert refused(cursor, f"SET ROLE {roles.OWNER}")
        cursor.execute("RESET ROLE")


def test_the_workers_login_can_become_each_of_the_three(login: Callable[[str], Any]) -> None:
    cursor = login(roles.WORKER)
    for table in every_table():
        assert refused(cursor, f"SELECT 1 FROM {table} LIMIT 1"), table
    for role in (roles.SHARED, roles.TENANT, roles.OWNER):
        cursor.execute(f"SET ROLE {role}")
        cursor.execute("RESET ROLE")
    assert refused(cursor, "SET ROLE postgres")
