"""P40 for one person: what the shared schema knows about the client names them no more either."""

from typing import Any

from django.apps import apps
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.history.models import LogEntry
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.mail.models import Message
from shared_apps.requests.models import Request
from tenants import persons
from tenants.models import Tenant
from tests.conftest import TESTER, Cast
from tests.holdings.conftest import text_of
from tests.holdings.person import EMAIL, FIRST, LAST, NAME, PAGE, PHONE, contacts, erase, plant


def pays(cast: Cast, **details: Any) -> Any:
    """The client's account at the payment operator, which knows it already."""
    with scope.shared(actor=TESTER):
        return apps.get_model("billing.Account").objects.create(
            client_uuid=cast.tenant.client_id, customer_id="cus_x", **details
        )


def changes_of(row: Any) -> str:
    with scope.shared():
        found = LogEntry.objects.filter(object_pk=str(row.pk)).order_by("id")
        return str([one.changes for one in found])


def test_P40_an_address_for_invoices_goes_as_a_whole_and_the_payment_operator_is_told(acme: Cast) -> None:
    """Not before its copy follows do we forget what it has: else nothing would tell that the two differ."""
    gone, sent = plant(acme), {"contact_email": EMAIL}
    account = pays(acme, billing_email=EMAIL.upper(), reference=f"{NAME}, " * 3, sent=sent)
    erase(acme, gone)
    with scope.shared():
        account.refresh_from_db()
        assert (account.billing_email, account.sent) == ("", sent)
        assert account.reference.startswith(f"{persons.LABEL}, {persons.LABEL}")
        assert Job.objects.filter(name="billing.customers.follow", args=[str(acme.tenant.client_id)]).exists()
    assert not any(word in changes_of(account).lower() for word in (FIRST.lower(), EMAIL))


def test_P40_a_name_is_not_looked_for_within_an_e_mail_address(acme: Cast) -> None:
    address = "boekhouding@peeters.be"
    account = pays(acme, billing_email=address)
    with acme.inside():
        gone = contacts().objects.create(kind="company", name="Peeters")
        other = contacts().objects.create(kind="company", name="Bakery", email=address)
        told = Message.objects.create(
            purpose="accounts.reset", to_address=address, language="en", subject="x", key="theirs"
        )
    with scope.shared(actor=TESTER):
        asked = Request.register(
            received_on=day_of(timezone.now()), by=None, now=timezone.now(), kind="question", channel="page",
            client_uuid=acme.tenant.client_id, from_name="Nora", from_address=address, text="Peeters?",
        )  # fmt: skip
    erase(acme, gone)
    with acme.inside():
        told.refresh_from_db()
        history = LogEntry.objects.get(object_pk=str(other.pk)).changes
        assert (told.to_address, history["email"]) == (address, [None, address])
    with scope.shared():
        account.refresh_from_db()
        asked.refresh_from_db()
        assert account.billing_email == address and address in changes_of(account)
        assert (asked.from_address, asked.text) == (address, f"{persons.LABEL}?")


def test_P40_whoever_got_the_invoices_before_is_nowhere_in_the_shared_history(
    acme: Cast, zenith: Cast
) -> None:
    account = pays(acme, billing_email=EMAIL, reference=f"Ask {NAME}")
    with scope.shared(actor=TESTER):
        theirs = type(account).objects.create(client_uuid=zenith.tenant.client_id, billing_email=EMAIL)
        type(account).objects.filter(pk=account.pk).update(billing_email="paul@acme.be", reference="PO 7")
    gone = plant(acme)
    erase(acme, gone)
    assert EMAIL not in changes_of(account) and LAST not in changes_of(account)
    assert changes_of(account).count("'paul@acme.be'") == 1, "of others nothing is lost"
    assert EMAIL in changes_of(theirs), "of other clients neither"


def test_P40_whoever_was_the_contact_person_goes_out_of_its_history_and_whoever_is_stays(
    acme: Cast, olga: Browser
) -> None:
    gone = plant(acme)
    with scope.shared(actor=TESTER):
        client = Tenant.objects.select_related("client").get(pk=acme.id).client
        kept = client.contact_name, client.contact_email
        client.contact_name, client.contact_email, client.phone = NAME.upper(), EMAIL, PHONE.replace(" ", "")
        client.save()
    said = "If they are not your contact person any more, change the contact details first"
    assert said in text_of(olga.get(f"{PAGE}contacts/contact/{gone.pk}/"))
    with scope.shared(actor=TESTER):
        client.contact_name, client.contact_email = kept
        client.save()
    erase(acme, gone)
    with scope.shared():
        client.refresh_from_db()
    assert (client.contact_name, client.phone) == (kept[0], PHONE.replace(" ", "")), (
        "corrected where it stands"
    )
    history = changes_of(client)
    assert LAST.lower() not in history.lower() and "475864213" in history
    assert f"'contact_name': ['{persons.LABEL}', '{kept[0]}']" in history
