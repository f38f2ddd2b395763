"""Legal texts, the deployment, and requests."""

from datetime import timedelta

from shared_apps.accounts.models import Cause
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.rows import uuid7
from shared_apps.legal.models import Acceptance
from shared_apps.promises.checks import work
from shared_apps.requests.models import Request
from tests.conftest import TESTER
from tests.promises.faults.stage import NOW, Stage, fault, sign_in


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
