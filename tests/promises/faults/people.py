"""Sessions, grants, and operators."""

from datetime import datetime, timedelta
from typing import Any

from django.apps import apps

from shared_apps.accounts.models import Session, SignIn
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tests.conftest import TESTER
from tests.promises.faults.stage import NOW, Stage, fault, shared_ddl, sign_in


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
