"""Tables, columns, rights and logs by hand."""

from dataclasses import replace

from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.promises.checks import tables
from tenants import holdings
from tenants.forms_leaving import ContactDetailsForm
from tests.conftest import TESTER
from tests.promises.faults.stage import ADDRESS, Stage, fault, log, sign_in


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
