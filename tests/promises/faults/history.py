"""Triggers and entries of the history."""

from tenant_apps.contacts.models import Contact
from tests.promises.faults.stage import Stage, fault


@fault("history-is-written-by-the-database")
def a_trigger_that_is_gone(on: Stage) -> None:
    on.ddl("DROP TRIGGER history ON {schema}.contacts_contact")


@fault("history-is-written-by-the-database")
def a_trigger_that_is_off(on: Stage) -> None:
    on.ddl("ALTER TABLE {schema}.contacts_contact DISABLE TRIGGER history")


@fault("history-is-written-by-the-database")
def a_program_that_may_write_the_history(on: Stage) -> None:
    on.ddl("GRANT DELETE ON {schema}.history_logentry TO smoall_tenant")


@fault("every-change-has-an-author")
def an_entry_that_nobody_signed(on: Stage) -> None:
    on.ddl(
        "INSERT INTO {schema}.history_logentry (content_type_id, object_pk, object_repr, action, changes, cid, timestamp,"
        " module, table_name, parent_pk, actor_kind, actor_id, actor_name, actor_behalf) SELECT id, '1', '', 1, '{}', '1',"
        " now(), 'contacts', 'contacts_contact', '', '', '', '', '' FROM {schema}.django_content_type LIMIT 1"
    )


SHORTEN = """
    CREATE FUNCTION {schema}.shorten() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.notes := left(NEW.notes, 1000); RETURN NEW; END'
"""


@fault("what-was-written-stays")
def a_rule_that_shortens_what_was_typed(on: Stage) -> None:
    every = "BEFORE INSERT OR UPDATE ON {schema}.contacts_contact FOR EACH ROW"
    on.ddl(SHORTEN, f"CREATE TRIGGER shorten {every} EXECUTE FUNCTION {{schema}}.shorten()")


@fault("what-was-written-stays")
def a_rule_that_shortens_contact_details(on: Stage) -> None:
    every = "BEFORE UPDATE ON public.clients_client FOR EACH ROW"
    on.ddl(
        "SET CONSTRAINTS ALL IMMEDIATE",
        SHORTEN,
        f"CREATE TRIGGER shorten {every} EXECUTE FUNCTION {{schema}}.shorten()",
    )


def past_the_history(on: Stage, table: str, statement: str) -> None:
    off = f"ALTER TABLE {table} DISABLE TRIGGER history"
    on.ddl("SET CONSTRAINTS ALL IMMEDIATE", off, statement, off.replace("DISABLE", "ENABLE"))


def a_contact(on: Stage) -> None:
    with on.acme.inside():
        Contact.objects.create(name="Bakery", notes="Closed on Mondays. Open on Sundays.")


@fault("what-was-written-stays")
def a_contact_that_nobody_deleted_and_that_is_gone(on: Stage) -> None:
    a_contact(on)
    past_the_history(on, "{schema}.contacts_contact", "DELETE FROM {schema}.contacts_contact")


@fault("what-was-written-stays")
def a_note_that_lost_its_end(on: Stage) -> None:
    a_contact(on)
    past_the_history(
        on, "{schema}.contacts_contact", "UPDATE {schema}.contacts_contact SET notes = left(notes, 18)"
    )


@fault("what-was-written-stays")
def contact_details_that_nobody_changed_and_that_are_others(on: Stage) -> None:
    past_the_history(on, "public.clients_client", "UPDATE public.clients_client SET city = 'Elsewhere'")
