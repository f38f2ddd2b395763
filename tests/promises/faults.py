"""A fault for each live check: how somebody could break the promise, planted into a system that keeps it.

`@fault("check")` marks a function that plants one. Pages are changed as they arrive; everything else is changed where
it stands, as the owner where the database refuses everybody else, and goes with the test.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from billing import walls
from billing.models import Account, Due, Invoice, Parting, Payment, Payout
from shared_apps.accounts.models import Cause, Session, SignIn
from shared_apps.clients.models import Client
from shared_apps.integrators.models import Look
from shared_apps.jobs.models import Job
from shared_apps.kit import outgoing, scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.outgoing import Destination
from shared_apps.kit.rows import uuid7
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance, Notice, Publication
from shared_apps.mail.models import Message, Refusal, print_of
from shared_apps.promises import crawl
from shared_apps.promises.checks import doors, tables, work
from shared_apps.requests.models import Request
from shared_apps.sharing.models import Disclosure, Order
from tenant_apps.contacts.models import Contact
from tenants import gate, holdings
from tenants.forms_leaving import ContactDetailsForm
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import Departure, Export, Tenant
from tenants.stores import folder
from tests.billing.issued import client_of, issued
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import link, make_partner
from tests.sharing.conftest import make_shared_with

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


# --- pages --------------------------------------------------------------------------------------------------


@fault("website-leaves-nothing")
def a_cookie_for_every_visitor(on: Stage) -> None:
    on.answers(on_page("/contact/", lambda one: replace(one, cookies=("_ga=1; Path=/",))))


@fault("website-leaves-nothing")
@fault("pages-stay-at-home")
def a_font_from_elsewhere(on: Stage) -> None:
    font = '<link rel="stylesheet" href="https://fonts.test/a.css">'
    on.answers(on_page("/security/", lambda one: replace(one, body=one.body + font)))


@fault("website-leaves-nothing")
def a_page_that_fails(on: Stage) -> None:
    on.answers(on_page("/terms/", lambda one: replace(one, status=500)))


@fault("cookies-are-registered")
def a_cookie_of_no_register(on: Stage) -> None:
    on.answers(on_page("/sign-in/", lambda one: replace(one, cookies=(*one.cookies, "messages=x"))))


@fault("cookies-hold-no-more")
def a_session_that_scripts_can_read(on: Stage) -> None:
    on.answers(
        on_page("/sign-in/", lambda one: replace(one, cookies=("__Host-session=x; Secure; SameSite=Lax",)))
    )


@fault("cookies-hold-no-more")
def a_cookie_for_all_hosts(on: Stage) -> None:
    on.answers(
        on_page("/sign-in/", lambda one: replace(one, cookies=("language=fr; Domain=smoall.localhost",)))
    )


@fault("cookies-are-shown")
def a_page_that_hides_a_cookie(on: Stage) -> None:
    hidden = "<code>__Host-session</code>"
    on.answers(on_page("/cookies/", lambda one: replace(one, body=one.body.replace(hidden, ""))))


@fault("search-engines-are-told")
def an_application_that_may_be_cached(on: Stage) -> None:
    on.answers(on_page("/sign-in/", with_header("cache-control", "max-age=600")))


@fault("search-engines-are-told")
def robots_that_hide_the_header(on: Stage) -> None:
    on.answers(on_page("/robots.txt", lambda one: replace(one, body="User-agent: *\nDisallow: /\n")))


@fault("https-everywhere")
def a_plain_page(on: Stage) -> None:
    on.answers(lambda one: replace(one, status=200) if one.is_plain else one)


@fault("https-everywhere")
def a_page_without_hsts(on: Stage) -> None:
    on.answers(on_page("/find/", with_header("strict-transport-security", "")))


@fault("pages-stay-at-home")
def a_policy_that_allows_inline_code(on: Stage) -> None:
    on.answers(on_page("/", with_header("content-security-policy", "default-src 'self' 'unsafe-inline'")))


@fault("contact-points-are-shown")
def a_page_without_the_address(on: Stage) -> None:
    on.answers(on_page("/contact/", lambda one: replace(one, body=one.body.replace("Rue des Anges 65", ""))))


@fault("texts-are-as-published")
def a_page_with_another_text(on: Stage) -> None:
    on.answers(on_page("/privacy/", lambda one: replace(one, body="<p>We may now sell everything.</p>")))


@fault("texts-are-as-published")
def a_text_that_was_edited(on: Stage) -> None:
    on.patch.setattr(documents, "altered", lambda: ["privacy 1 fr"])


# --- tables and logs ----------------------------------------------------------------------------------------


@fault("everything-is-declared")
def a_table_by_hand(on: Stage) -> None:
    on.ddl("CREATE TABLE {schema}.visitors (id integer PRIMARY KEY, note text)")


@fault("everything-is-declared")
def a_column_by_hand(on: Stage) -> None:
    on.ddl("ALTER TABLE {schema}.contacts_contact ADD COLUMN mood text")


@fault("no-column-for-addresses")
def a_column_called_remote_addr(on: Stage) -> None:
    on.ddl("ALTER TABLE {schema}.history_logentry ADD COLUMN remote_addr text")


@fault("no-column-for-addresses")
def a_column_of_addresses_under_another_name(on: Stage) -> None:
    on.ddl("ALTER TABLE {schema}.accounts_signin ADD COLUMN origin inet")


@fault("no-address-in-rows")
def an_address_in_the_ledger_of_sign_ins(on: Stage) -> None:
    sign_in(on, device=f"Firefox at {ADDRESS}")


@fault("no-address-in-rows")
def an_address_in_a_jobs_error(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Job.objects.create(
            purpose="mail.deliver", name="x", error="refused 2001:db8:0:0:0:0:0:7", state="failed"
        )


@fault("no-address-in-rows")
def a_place_in_a_jobs_arguments(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Job.objects.create(purpose="mail.deliver", name="x", args=[{"latitude": "50.84"}], state="failed")


@fault("no-address-in-logs")
def an_access_log_with_addresses(on: Stage) -> None:
    log(f'{ADDRESS} - - "GET / HTTP/1.1" 200\n')


@fault("no-address-in-logs")
def an_access_log_with_new_addresses(on: Stage) -> None:
    log("[2001:db8::7]:443 GET /\n")


@fault("roles-are-walled")
def a_right_on_a_workspaces_table(on: Stage) -> None:
    on.ddl("GRANT SELECT ON {schema}.contacts_contact TO smoall_shared")


@fault("register-says-all")
def a_table_that_left_the_register(on: Stage) -> None:
    held = [one for one in tables.all_holdings() if one.what != "clients.Client"]
    on.patch.setattr(tables, "all_holdings", lambda: held)


@fault("page-shows-the-register")
def a_thing_held_that_the_page_leaves_out(on: Stage) -> None:
    held = [one for one in holdings.all_holdings() if one.what != "legal.Acceptance"]
    on.patch.setattr(holdings, "all_holdings", lambda: held)


@fault("page-shows-the-register")
def a_page_without_reasons(on: Stage) -> None:
    told = [replace(one, why="") for one in holdings.all_holdings()]
    on.patch.setattr(holdings, "all_holdings", lambda: told)


@fault("details-can-be-changed")
def a_contact_detail_that_cannot_be_changed(on: Stage) -> None:
    on.patch.setattr(ContactDetailsForm.base_fields["phone"], "disabled", True)


# --- people -------------------------------------------------------------------------------------------------


def sign_in(on: Stage, **fields: Any) -> SignIn:
    given = {"session_hash": uuid7().hex, "device": "Firefox", "signed_in_at": NOW(), **fields}
    with on.acme.inside():
        made: SignIn = SignIn.objects.create(user=on.acme.owner, **given)
    return made


def session(on: Stage, **fields: Any) -> None:
    """Of the colleague, with its line in the ledger."""
    hashed = uuid7().hex
    given = {
        "realm": str(on.acme.id),
        "user": on.acme.colleague,
        "expires_at": NOW() + timedelta(days=1),
        **fields,
    }
    with on.acme.inside():
        Session.objects.create(key_hash=hashed, data="", **given)
        SignIn.objects.create(
            user=on.acme.colleague, session_hash=hashed, device="Firefox", signed_in_at=NOW()
        )


@fault("sign-ins-are-noted")
def a_session_beside_the_ledger(on: Stage) -> None:
    session(on)
    with on.acme.inside():
        SignIn.objects.all().delete()


@fault("sign-outs-are-noted")
def a_line_that_was_never_closed(on: Stage) -> None:
    sign_in(on, signed_in_at=NOW() - timedelta(days=40))


@fault("sign-outs-are-noted")
def a_line_closed_without_a_cause(on: Stage) -> None:
    on.ddl("ALTER TABLE {schema}.accounts_signin DROP CONSTRAINT accounts_signin_closed_with_cause")
    sign_in(on, signed_out_at=NOW(), cause="")


@fault("who-is-out-is-out")
def a_session_of_somebody_who_left(on: Stage) -> None:
    session(on)
    with on.acme.inside():
        type(on.acme.colleague).objects.filter(pk=on.acme.colleague.pk).update(deactivated_at=NOW())


@fault("who-is-out-is-out")
def a_session_from_another_workspace(on: Stage) -> None:
    session(on, realm=str(on.zenith.id))


def look_under_a_grant(on: Stage, *, until: datetime) -> None:
    from tests.operators.conftest import make_operator

    grant, visit = apps.get_model("operators", "Grant"), apps.get_model("operators", "Visit")
    opal, then = make_operator("Opal"), NOW() - timedelta(hours=10)
    with scope.shared(actor=TESTER):
        held = grant._default_manager.create(
            client_id=on.client, tenant_uuid=on.acme.id, operator=opal, operator_name="Opal", reason="Help",
            hours=1, asked_at=then, starts_at=then, until=until,
        )  # fmt: skip
        visit._default_manager.create(grant=held, at=NOW(), page="x", address="x", method="GET")


@fault("looks-are-granted")
def a_look_after_the_grant(on: Stage) -> None:
    look_under_a_grant(on, until=NOW() - timedelta(hours=9))


@fault("operators-are-bound")
def an_operator_who_never_signed(on: Stage) -> None:
    look_under_a_grant(on, until=NOW() - timedelta(hours=9))
    shared_ddl("DELETE FROM operators_signature")


@fault("operators-are-bound")
def a_signature_of_another_text(on: Stage) -> None:
    look_under_a_grant(on, until=NOW() - timedelta(hours=9))
    shared_ddl("UPDATE operators_signature SET sha256 = repeat('0', 64)")


@fault("operators-are-bound")
def an_operator_with_a_password_alone(on: Stage) -> None:
    """As a hand in the database would have it: no row, and nothing of it in the history either."""
    look_under_a_grant(on, until=NOW() - timedelta(hours=9))
    shared_ddl("ALTER TABLE accounts_totp DISABLE TRIGGER USER")
    shared_ddl("DELETE FROM accounts_totp")
    shared_ddl("ALTER TABLE accounts_totp ENABLE TRIGGER USER")


# --- history ------------------------------------------------------------------------------------------------


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


# --- leaving ------------------------------------------------------------------------------------------------


def departure(on: Stage, **fields: Any) -> None:
    today = day_of(NOW())
    given = {
        "noticed_at": NOW() - timedelta(days=200), "noticed_by": {"role": "owner"},
        "data_promised_on": today, "contacts_promised_on": today, "data_on": today, "contacts_on": today, **fields,
    }  # fmt: skip
    with scope.shared(actor=TESTER):
        Departure.objects.create(tenant_uuid=on.acme.id, client_uuid=on.client, **given)


def entry(on: Stage, tenant: Any) -> Entry:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry(kind="data", tenant=tenant, client=uuid7(), requested_at=then, erased_at=then)


@fault("nothing-is-erased-unasked")
def an_erasure_that_nobody_asked_for(on: Stage) -> None:
    Ledger.default().append(entry(on, uuid7()))


@fault("nothing-is-erased-unasked")
def a_workspace_that_vanished(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        made = Client.objects.create(company="Gone SRL", contact_name="G", contact_email="g@gone.test")
        Client.objects.filter(pk=made.pk).update(created_at=NOW() - timedelta(days=2))


@fault("data-goes-on-its-day")
def data_that_outlived_its_day(on: Stage) -> None:
    over = day_of(NOW()) - timedelta(days=4)
    departure(on, data_promised_on=over, data_on=over)


@fault("contacts-go-on-their-day")
def details_that_outlived_their_day(on: Stage) -> None:
    over = day_of(NOW()) - timedelta(days=4)
    days = {"data_promised_on": over, "data_on": over, "contacts_promised_on": over, "contacts_on": over}
    departure(on, **days, data_erased_at=NOW() - timedelta(days=3))


@fault("days-are-as-said")
def a_day_that_moved_by_itself(on: Stage) -> None:
    departure(on, contacts_on=day_of(NOW()) + timedelta(days=30))


@fault("days-are-as-said")
def data_that_went_too_early(on: Stage) -> None:
    later = day_of(NOW()) + timedelta(days=30)
    days = {"data_promised_on": later, "data_on": later, "contacts_promised_on": later, "contacts_on": later}
    departure(on, **days, data_erased_at=NOW())


@fault("erased-is-gone")
def a_database_that_lags_behind_the_ledger(on: Stage) -> None:
    Ledger.default().append(entry(on, uuid7()))


@fault("erased-is-gone")
def somebody_erased_who_is_back(on: Stage) -> None:
    gate.record(entry(on, on.acme.id))


@fault("erased-is-gone")
def a_ledger_that_was_edited(on: Stage) -> None:
    ledger = Ledger.default()
    ledger.append(entry(on, uuid7()))
    ledger.append(entry(on, uuid7()))
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"2026-01-01", b"2026-01-02", 1))


@fault("database-is-at-home")
def a_database_that_was_put_back_elsewhere(on: Stage) -> None:
    shared_ddl("UPDATE tenants_deployment SET identity = repeat('0', 64)")


@fault("database-is-at-home")
def a_database_that_nobody_claimed(on: Stage) -> None:
    shared_ddl("DELETE FROM tenants_deployment")


@fault("copies-are-encrypted")
def a_plain_copy(on: Stage) -> None:
    place = folder("exports", on.acme.id)
    place.mkdir(parents=True, exist_ok=True)
    (place / "copy.zip").write_bytes(b"PK\x03\x04 every contact")


@fault("copies-are-encrypted")
def a_workspace_without_a_key(on: Stage) -> None:
    KeyStore.default().destroy(on.acme.id)


@fault("copies-are-whole")
def a_copy_that_is_gone(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Export.objects.create(
            tenant_uuid=on.acme.id, requested_by={"role": "owner"}, recipient="age", ready_at=NOW(),
            expires_at=NOW() + timedelta(days=3), size=10, sha256="0" * 64,
        )  # fmt: skip


# --- sharing ------------------------------------------------------------------------------------------------


@fault("looks-have-a-link")
def a_look_after_the_link_ended(on: Stage) -> None:
    partner = make_partner("Links & Co", "links.test")
    link(on.acme, partner)
    with scope.shared(actor=TESTER):
        found = partner.organisation.links.get()
        Look.note([found], by=partner.ines, now=NOW() + timedelta(seconds=5))
        found.end(by="client", now=NOW())


@fault("partners-are-verified")
def a_wall_that_is_off(on: Stage) -> None:
    shared_ddl("ALTER TABLE sharing_disclosure DISABLE TRIGGER check_disclosure")


@fault("partners-are-verified")
def something_given_after_the_reading_expired(on: Stage) -> None:
    partner = make_shared_with()
    with without("check_disclosure", "sharing_disclosure"), scope.shared(actor=TESTER):
        Disclosure.objects.create(
            verification=partner.policy, client_uuid=on.client, categories=["contact"], why="x",
            at=NOW() + timedelta(days=400),
        )  # fmt: skip


@fault("orders-have-two-operators")
def an_order_that_can_be_rewritten(on: Stage) -> None:
    shared_ddl("DROP TRIGGER check_order ON sharing_order")


@fault("orders-have-two-operators")
def an_order_confirmed_by_an_account_made_for_it(on: Stage) -> None:
    from tests.operators.conftest import make_operator

    first, then = make_operator("Orla"), NOW() - timedelta(hours=2)
    with without("check_order", "sharing_order"), scope.shared(actor=TESTER):
        Order.objects.create(
            client_uuid=on.client, authority="T", reference="1", extent="contact", received_on=day_of(then),
            document="orders/x", document_type="text/plain", document_sha256="0" * 64, registered_by=first,
            registered_at=then, confirmed_by=make_operator("Orla Two"), confirmed_at=NOW(), recipient="age1",
            made_at=NOW(), record="{}", told_at=NOW(),
        )  # fmt: skip


@fault("destinations-are-known")
def a_place_that_no_partner_names(on: Stage) -> None:
    on.patch.setattr(outgoing, "sources", [*outgoing.sources, lambda: [Destination("tracker.test")]])


@fault("destinations-are-known")
def a_process_without_a_guard(on: Stage) -> None:
    on.patch.setattr(outgoing, "_is_installed", False)


# --- mails --------------------------------------------------------------------------------------------------


def mail(on: Stage, purpose: str, **fields: Any) -> None:
    given = {"to_address": "olga@acme.test", "language": "en", "subject": "x", "key": uuid7().hex, **fields}
    with scope.shared(actor=TESTER):
        Message.objects.create(purpose=purpose, **given)


@fault("purposes-are-declared")
def a_mail_for_no_declared_purpose(on: Stage) -> None:
    mail(on, "growth.hacking")


@fault("purposes-are-declared")
def a_job_for_no_declared_purpose(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Job.objects.create(purpose="profiling", name="x", state="done")


@fault("refusals-are-heeded")
def news_to_somebody_who_refused(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Refusal.refuse("information", address=print_of("olga@acme.test"), now=NOW() - timedelta(hours=2))
    mail(on, "toys.news", state="sent", sent_at=NOW())


@fault("refusals-are-heeded")
def news_to_a_client_who_was_erased(on: Stage) -> None:
    mail(on, "toys.news", state="sent", sent_at=NOW(), about=uuid7())


def published(on: Stage, *, days: int) -> Publication:
    """A change in how contact details are used, confirmed so many days ago, of which acme alone was told."""
    from tests.operators.conftest import make_operator

    then = NOW() - timedelta(days=days)
    with without("check_publication", "legal_publication"), scope.shared(actor=TESTER):
        Client.objects.filter(tenant__isnull=False).update(created_at=then - timedelta(days=9))
        Tenant.objects.update(state_since=then - timedelta(days=9))
        made = Publication.objects.create(
            kind="privacy", version="2", digests={}, changes_contacts=True, explanation="New use", proposed_at=then,
            in_force_on=day_of(NOW()) + timedelta(days=20), proposed_by=make_operator("Orla"),
            confirmed_by=make_operator("Oda"), confirmed_at=then,
        )  # fmt: skip
        Notice.objects.create(publication=made, client_uuid=on.client, language="fr", told_at=then)
    mail(on, "toys.policy", topic="privacy 2", about=on.client, state="sent", sent_at=then)
    return made


@fault("changes-are-mailed-once")
def a_client_who_was_left_out(on: Stage) -> None:
    published(on, days=5)


@fault("changes-are-mailed-once")
def a_notice_whose_mail_never_left(on: Stage) -> None:
    made = published(on, days=5)
    with scope.shared(actor=TESTER):
        for client in Client.objects.exclude(pk=on.client):
            Notice.objects.create(
                publication=made, client_uuid=client.pk, language="fr", is_mailed=False, told_at=NOW()
            )
        Message.objects.filter(topic="privacy 2").update(state="queued")


@fault("changes-are-mailed-once")
def a_second_mail_about_one_change(on: Stage) -> None:
    for _time in range(2):
        mail(on, "toys.policy", topic="privacy 2", about=on.client)


# --- texts and work -----------------------------------------------------------------------------------------


@fault("terms-are-accepted")
def a_workspace_in_use_that_accepted_nothing(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Acceptance.objects.filter(client_uuid=on.client).delete()
    sign_in(on, signed_out_at=NOW(), cause=Cause.SIGNED_OUT)


@fault("terms-are-accepted")
def an_acceptance_of_no_published_text(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Acceptance.objects.create(
            client_uuid=uuid7(), kind="terms", version="1", language="fr", sha256="0" * 64, accepted_at=NOW()
        )


@fault("deployment-is-clean")
def a_deployment_with_a_warning(on: Stage) -> None:
    from django.core.checks import Warning as Warned

    on.patch.setattr(work, "run_checks", lambda **_: [Warned("careless")])


@fault("requests-are-answered")
def a_request_left_for_longer_than_a_month(on: Stage) -> None:
    today = day_of(NOW())
    with scope.shared(actor=TESTER):
        Request.objects.create(
            kind="access", channel="mail", from_name="Odile", from_address="odile@left.test",
            received_on=today - timedelta(days=40), due_on=today - timedelta(days=9),
        )  # fmt: skip


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


# --- doors ---------------------------------------------------------------------------------------------------


def shipped(on: Stage, what: str, instead: str) -> None:
    """The deployment that we ship, changed."""
    file = Path(settings.SMOALL_DATA) / "compose.yaml"
    file.write_text(doors.SHIPPED.read_text().replace(what, instead))
    on.patch.setattr(doors, "SHIPPED", file)


@fault("doors-are-closed")
def a_database_whose_port_is_published(on: Stage) -> None:
    shipped(on, "\n  database:\n", '\n  database:\n    ports:\n      - "5432:5432"\n')


@fault("doors-are-closed")
def a_database_on_the_network_outside(on: Stage) -> None:
    shipped(on, "networks: [inside]\n    logging", "networks: [outside, inside]\n    logging")


@fault("doors-are-closed")
def a_database_that_listens_to_everybody(on: Stage) -> None:
    port = int(connection.settings_dict["PORT"])
    file = Path(settings.SMOALL_DATA) / "tcp"
    file.write_text(
        f"  sl  local_address rem_address   st\n   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000\n"
    )
    on.patch.setattr(doors, "SOCKETS", [file])


@fault("doors-are-closed")
def a_database_at_a_public_address(on: Stage) -> None:
    on.patch.setattr(doors, "DATABASE", "SELECT '9.9.9.9'")


# --- billing --------------------------------------------------------------------------------------------------


@fault("no-card-is-kept")
def a_column_for_the_last_digits(on: Stage) -> None:
    on.ddl("ALTER TABLE {schema}.contacts_contact ADD COLUMN card_last4 text")


@fault("no-card-is-kept")
def a_card_number_in_a_reference(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Account.objects.create(client_uuid=on.client, reference="4242 4242 4242 4242")


@fault("one-operator-has-the-cards")
def another_gateway(on: Stage) -> None:
    on.patch.setattr(settings, "STRIPE_API", "https://api.other-payments.test")


@fault("no-page-asks-for-a-card")
def a_field_for_a_card(on: Stage) -> None:
    field = '<input name="number" autocomplete="cc-number">'
    on.answers(on_page("/prices/", lambda one: replace(one, body=one.body + field)))


@fault("no-page-asks-for-a-card")
def a_pay_page_without_encryption(on: Stage) -> None:
    on.patch.setattr(settings, "STRIPE_KEY", "sk_live_x")
    on.patch.setattr(settings, "STRIPE_PAGES", ["http://checkout.stripe.com"])


# --- invoices -----------------------------------------------------------------------------------------------


def an_invoice(on: Stage) -> Invoice:
    made = issued(client_of(on.acme, vat_number="BE0403170701"))
    with scope.shared(actor=TESTER):
        Due.follow(made.processor_id, status="open", total=made.payable, remaining=made.payable)
    return made


def without_walls(on: Stage, *statements: str) -> None:
    tables = sorted({wall.table for wall in walls.WALLS})
    on.ddl(
        "SET CONSTRAINTS ALL IMMEDIATE", *(f"ALTER TABLE public.{one} DISABLE TRIGGER USER" for one in tables)
    )
    on.ddl(*statements, "SET CONSTRAINTS ALL IMMEDIATE")
    on.ddl(*(f"ALTER TABLE public.{wall.table} ENABLE ALWAYS TRIGGER {wall.name}" for wall in walls.WALLS))


@fault("invoices-are-kept")
def a_wall_that_is_taken_away(on: Stage) -> None:
    on.ddl("ALTER TABLE public.billing_invoice DISABLE TRIGGER keep_issued")


@fault("invoices-are-kept")
def a_wall_that_a_replicating_session_goes_around(on: Stage) -> None:
    on.ddl("ALTER TABLE public.billing_invoiceline ENABLE TRIGGER keep_issued")


@fault("invoices-are-kept")
def an_invoice_that_says_another_amount(on: Stage) -> None:
    an_invoice(on)
    without_walls(
        on, "UPDATE public.billing_invoice SET net = net + 1, gross = gross + 1, payable = payable + 1"
    )


@fault("invoices-are-kept")
def an_invoice_that_is_gone(on: Stage) -> None:
    for _each in range(2):
        an_invoice(on)
    first = "(SELECT id FROM public.billing_invoice WHERE sequence = 1)"
    without_walls(
        on,
        f"DELETE FROM public.billing_document WHERE invoice_id = {first}",
        f"DELETE FROM public.billing_invoiceline WHERE invoice_id = {first}",
        f"DELETE FROM public.billing_invoice WHERE id = {first}",
    )


@fault("invoices-are-kept")
def a_file_that_is_another(on: Stage) -> None:
    an_invoice(on)
    without_walls(on, "UPDATE public.billing_document SET content = 'another'")


@fault("money-adds-up")
def a_payment_of_nothing(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Payment.follow("ch_fault", status="succeeded", amount=100, made_at=NOW())


@fault("money-adds-up")
def an_invoice_that_the_processor_does_not_know(on: Stage) -> None:
    made = an_invoice(on)
    with scope.shared(actor=TESTER):
        Due.objects.filter(processor_id=made.processor_id).delete()


@fault("money-adds-up")
def a_payout_of_a_cent_too_much(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Payout.follow("po_fault", status="paid", amount=1, made_at=NOW())


@fault("operator-is-told-of-changes")
def details_that_the_payment_operator_never_learnt(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Account.objects.create(client_uuid=on.client, customer_id="cus_old", sent={"company": "Acme of Old"})


@fault("operator-forgets-too")
def a_record_that_nobody_deletes(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Parting.objects.create(customer_id="cus_left", asked_at=NOW() - timedelta(days=2))


@fault("operator-forgets-too")
def an_account_that_outlived_its_client(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Account.objects.create(client_uuid=uuid7(), customer_id="cus_ghost")
