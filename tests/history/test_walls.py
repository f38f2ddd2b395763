"""P07: without an author nothing is written. I7: nobody at run time can add, alter or take away an entry."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from shared_apps.accounts.models import User
from shared_apps.history import triggers
from shared_apps.history.models import LogEntry
from shared_apps.history.registry import models_with_history
from shared_apps.kit import scope
from tests.conftest import Cast
from tests.history.build import build, changeable, new_value
from tests.history.shelf import Book, Shelf, Tag, make_tables
from tests.history.test_every_write import AUTHOR, _cases, _entered

FORGERIES = [
    "INSERT INTO history_logentry (content_type_id, object_pk, object_repr, action, changes, cid, timestamp,"
    " module, table_name, parent_pk, actor_kind, actor_id, actor_name, actor_behalf)"
    " VALUES (1, 'x', 'x', 0, '{}', '1', now(), 'x', 'x', '', 'user', 'x', 'x', '')",
    "UPDATE history_logentry SET actor_name = 'Somebody else'",
    "DELETE FROM history_logentry",
    "TRUNCATE history_logentry",
    "ALTER TABLE history_logentry ADD COLUMN x text",
    "DROP TABLE history_logentry",
    "ALTER TABLE accounts_user DISABLE TRIGGER history",
    "DROP TRIGGER history ON accounts_user",
    "SET LOCAL session_replication_role = replica",
    "DO $$ BEGIN EXECUTE format('SELECT redact_history_%s(''a'', ''b'', ''c'', NULL, ''{}'', NULL)', current_schema()); END $$",
    "CREATE TEMPORARY TABLE forged (id text)",
    "CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "TRUNCATE accounts_user CASCADE",
    "UPDATE django_content_type SET model = 'other'",
]


@contextmanager
def _refused(match: str, code: str = "") -> Iterator[None]:
    with pytest.raises(DatabaseError, match=match) as caught, transaction.atomic():
        yield
    if code:
        assert getattr(caught.value.__cause__, "pgcode", "") == code


@pytest.mark.parametrize("statement", FORGERIES, ids=[" ".join(text.split()[:3]) for text in FORGERIES])
@pytest.mark.parametrize("tenant", [True, False], ids=["tenant", "shared"])
def test_I7_the_runtime_roles_can_only_read_the_history(statement: str, tenant: bool, acme: Cast) -> None:
    with _entered(acme, tenant):
        before = list(LogEntry.objects.values_list("id", "actor_name", "changes"))
        assert before or not tenant
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
            connection.cursor().execute(statement)
        assert list(LogEntry.objects.values_list("id", "actor_name", "changes")) == before


def test_I7_the_functions_are_owned_by_the_owner_and_closed_to_everybody(acme: Cast) -> None:
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        for schema in ("public", scope.schema_of(acme.id)):
            cursor.execute(
                """
                SELECT p.proname, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig,
                       has_function_privilege('smoall_tenant', p.oid, 'EXECUTE')
                    OR has_function_privilege('smoall_shared', p.oid, 'EXECUTE')
                  FROM pg_proc p WHERE p.pronamespace = %s::regnamespace ORDER BY 1
                """,
                [schema],
            )
            found = {name: rest for name, *rest in cursor.fetchall()}
            for name in ("record_change", "redact_history", "refuse_truncate"):
                owner, definer, config, is_open = found.pop(f"{name}_{schema}")
                assert (owner, is_open) == ("smoall_owner", False), f"{schema}.{name}"
                assert definer is (name == "record_change")
                assert f"search_path={schema}, pg_temp" in config
            # A name that each workspace has would be looked up among those of all.
            assert schema == "public" or not found, found


@pytest.mark.parametrize(("model", "tenant"), _cases())
def test_P07_a_change_without_an_author_is_refused_and_changes_nothing(
    model: Any, tenant: bool, acme: Cast
) -> None:
    with _entered(acme, tenant):
        row, unsaved = build(model), build(model)
        row.save()
        field = changeable(model)
        value = new_value(field)
        held = list(model._base_manager.order_by("pk").values())
    with _entered(acme, tenant, actor=None):
        assert scope.actor_or_none() is None
        same = model._base_manager.filter(pk=row.pk)
        with _refused("has no author", triggers.NO_AUTHOR):
            unsaved.save()
        with _refused("has no author", triggers.NO_AUTHOR):
            model._base_manager.bulk_create([build_again(unsaved)])
        with _refused("has no author", triggers.NO_AUTHOR):
            same.update(**{field.attname: value})
        with _refused("has no author", triggers.NO_AUTHOR):
            same._raw_delete("default")
        assert list(model._base_manager.order_by("pk").values()) == held


def build_again(row: Any) -> Any:
    row._state.adding = True
    return row


@pytest.mark.parametrize("said", ["", "{}", '{"kind":"user","id":"1"}', '{"kind":"","id":"1","name":"Ann"}'])
def test_P07_an_author_without_kind_or_name_is_none(said: str, acme: Cast) -> None:
    with acme.inside(), _refused("has no author", triggers.NO_AUTHOR), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SET LOCAL smoall.actor TO %s", [said])
        cursor.execute("UPDATE accounts_user SET name = 'X'")


def test_P07_a_job_and_an_operator_for_somebody_are_told_apart(acme: Cast) -> None:
    operator = scope.Actor("operator", "0190-op", "Oscar", behalf="Olga Acme")
    job = scope.Actor("job", "contacts.tidy", "Tidy contacts")
    with acme.inside():
        for author in (operator, job):
            with scope.acting(author):
                User.objects.filter(pk=acme.colleague.pk).update(name=f"By {author.name}")
        newest = LogEntry.objects.order_by("-id")[:2]
        assert [(e.actor_kind, e.actor_id, e.actor_name, e.actor_behalf) for e in newest] == [
            ("job", "contacts.tidy", "Tidy contacts", ""),
            ("operator", "0190-op", "Oscar", "Olga Acme"),
        ]


def test_P07_no_entry_of_the_making_of_a_workspace_lacks_its_author(acme: Cast) -> None:
    for inside in (acme.inside(), scope.shared(actor=AUTHOR)):
        with inside:
            assert LogEntry.objects.exists()
            assert not LogEntry.objects.filter(actor_name="").exists()
            assert not LogEntry.objects.filter(actor_kind="").exists()


def test_a_table_with_a_history_is_never_truncated(acme: Cast) -> None:
    make_tables(acme.id)
    with scope.owner(tenant=acme.id, actor=AUTHOR), connection.cursor() as cursor:
        for table in (
            "shelf_book_tags",
            "shelf_book, shelf_book_tags, shelf_book_sequels",
            "history_logentry",
        ):
            with _refused("not truncated", triggers.NOT_ALLOWED):
                cursor.execute(f"TRUNCATE {table}")


def test_a_row_keeps_its_key(library: Cast) -> None:
    book, tag, other = (
        Book.objects.create(title="I"),
        Tag.objects.create(name="t"),
        Book.objects.create(title="II"),
    )
    book.tags.add(tag)
    with _refused("keeps its key", triggers.NOT_ALLOWED), connection.cursor() as cursor:
        cursor.execute("UPDATE shelf_tag SET id = gen_random_uuid() WHERE id = %s", [tag.pk])
    with _refused("keeps its key", triggers.NOT_ALLOWED):
        Book.tags.through.objects.update(book_id=other.pk)


def test_every_registered_table_has_its_triggers_in_its_schema(acme: Cast) -> None:
    for tenant, schema in ((True, scope.schema_of(acme.id)), (False, "public")):
        wanted = {model._meta.db_table for model in models_with_history(tenant=tenant)} | {"history_logentry"}
        with _entered(acme, tenant), connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                 WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND c.relnamespace = %s::regnamespace
                """,
                [schema],
            )
            found = set(cursor.fetchall())
        assert {table for table, name in found if name == "history_not_truncated"} >= wanted
        assert {table for table, name in found if name == "history"} >= wanted - {"history_logentry"}


def test_the_statements_may_be_run_again(library: Cast) -> None:
    with scope.owner(tenant=library.id, actor=AUTHOR), connection.cursor() as cursor:
        for statement in triggers.statements(scope.schema_of(library.id), [Shelf, Book]):
            cursor.execute(statement)
    with library.inside():
        Shelf.objects.create(name="North")
        assert LogEntry.objects.filter(object_repr="North").count() == 1


def test_what_processes_of_the_release_before_call_stays_where_they_still_work() -> None:
    """In the shared schema; the functions of a workspace go when it comes forward."""
    gone = {
        schema: [one for one in triggers.statements(schema, []) if one.startswith("DROP FUNCTION")]
        for schema in ("public", "t_x")
    }
    assert not gone["public"] and len(gone["t_x"]) == len(triggers.FORMER_FUNCTIONS)


def test_a_table_whose_model_is_no_longer_registered_loses_its_triggers(library: Cast) -> None:
    left = [*models_with_history(tenant=True), Shelf]
    with scope.owner(tenant=library.id, actor=AUTHOR), connection.cursor() as cursor:
        cursor.execute(triggers.removal(scope.schema_of(library.id), left))
        cursor.execute("TRUNCATE shelf_book CASCADE")
    with library.inside():
        before = LogEntry.objects.count()
        book = Book.objects.create(title="Atlas")
        book.tags.add(Tag.objects.create(name="old"))
        assert LogEntry.objects.count() == before
        Shelf.objects.create(name="North")
        library.colleague.name = "Colin II"
        library.colleague.save()
        assert LogEntry.objects.count() == before + 2


def test_a_schema_without_the_content_type_refuses_the_change(library: Cast) -> None:
    with scope.owner(tenant=library.id, actor=AUTHOR), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_content_type WHERE app_label = 'shelf'")
    with library.inside(), _refused("no content type", triggers.NO_CONTENT_TYPE):
        Shelf.objects.create(name="North")
