"""Cards and the payment operator's pages."""

from dataclasses import replace

from django.conf import settings

from billing.models import Account
from shared_apps.kit import scope
from tests.conftest import TESTER
from tests.promises.faults.stage import Stage, fault, on_page


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
