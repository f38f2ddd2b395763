"""P39: a client changes its contact details while it uses Smoall: validated as at the sign-up, and audited."""

from typing import Any

import pytest
from django.test import Client as Browser

from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import correction
from tenants.forms_leaving import ContactDetailsForm, print_of
from tenants.models import CannotAct, State, Tenant
from tests.conftest import TESTER, Cast
from tests.holdings.conftest import PAGE, text_of
from tests.promises import faults

FORM = f"{PAGE}contact-details/"


def client_of(cast: Cast) -> Client:
    with scope.shared():
        return Client.objects.get(pk=cast.tenant.client_id)


def details(cast: Cast, **changes: str) -> dict[str, str]:
    """What the form posts."""
    client = client_of(cast)
    return {
        **{name: getattr(client, name) for name in ContactDetailsForm.FIELDS},
        "seen": print_of(client),
        **changes,
    }


def entries() -> int:
    with scope.shared():
        return LogEntry.objects.filter(table_name="clients_client").count()


def mails_to(address: str) -> list[Message]:
    with scope.shared():
        return list(Message.objects.filter(to_address=address))


WANTED = {
    "company": "Acme Groep SRL", "vat_number": "BE0403170701", "street": "Rue Basse 2", "postal_code": "4000",
    "city": "Liège", "country": "BE", "contact_name": "Oscar Acme", "contact_email": "oscar@acme.test",
    "phone": "+32 4 123 45 67", "language": "en",
}  # fmt: skip


def left_as_they_were(olga: Browser, acme: Cast) -> set[str]:
    """The contact details that the page does not change though it was asked to change all."""
    assert olga.post(FORM, details(acme, **WANTED)).status_code == 302
    stored = client_of(acme)
    return {name for name, value in WANTED.items() if getattr(stored, name) != value}


def test_P39_every_field_of_the_contact_details_is_changed_there(olga: Browser, acme: Cast) -> None:
    editable = {
        field.name for field in Client._meta.concrete_fields if field.editable and not field.primary_key
    }
    assert editable == set(WANTED), "a new contact detail is changed on the page too"
    assert left_as_they_were(olga, acme) == set()
    assert "Oscar Acme" in text_of(olga.get(PAGE)) and "Acme Groep SRL" in text_of(olga.get(PAGE))


def test_P39_planted_a_detail_that_cannot_be_changed_is_noticed(
    olga: Browser, acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault that the live check is shown too."""
    faults.tables.a_contact_detail_that_cannot_be_changed(faults.Stage(acme, acme, monkeypatch))
    assert left_as_they_were(olga, acme) == {"phone"}


def test_P39_who_changed_it_is_recorded_once(olga: Browser, acme: Cast) -> None:
    before = entries()
    form = details(acme, city="Namur")
    for _click in range(2):
        assert olga.post(FORM, form).status_code == 302
    assert entries() == before + 1
    with scope.shared():
        last = LogEntry.objects.filter(table_name="clients_client").order_by("-id")[0]
    assert (last.actor_id, last.changes["city"]) == (str(acme.owner.pk), ["Bruxelles", "Namur"])
    assert "Namur" in text_of(olga.get(PAGE))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vat_number", "BE 1234"), ("contact_email", "nobody"), ("company", ""), ("phone", "call me"),
        ("contact_name", "x\u202ey"), ("country", "XX"),
    ],
)  # fmt: skip
def test_P39_what_the_sign_up_refuses_is_refused_and_nothing_is_changed(
    olga: Browser, acme: Cast, field: str, value: str
) -> None:
    before = client_of(acme)
    page = text_of(olga.post(FORM, details(acme, city="Namur", **{field: value})))
    assert 'aria-invalid="true"' in page and client_of(acme).city == before.city
    assert entries() >= 0


def test_P39_planted_a_page_of_before_somebody_elses_change_writes_over_nothing(
    olga: Browser, acme: Cast
) -> None:
    stale = details(acme, city="Namur")
    assert olga.post(FORM, details(acme, city="Gent")).status_code == 302
    page = text_of(olga.post(FORM, stale))
    assert "changed meanwhile" in page and client_of(acme).city == "Gent" and 'value="Namur"' in page
    assert olga.post(FORM, details(acme, city="Namur")).status_code == 302
    assert client_of(acme).city == "Namur"


def test_P39_the_old_address_is_told_and_not_where_mails_go_now(olga: Browser, acme: Cast) -> None:
    old = client_of(acme).contact_email
    olga.post(FORM, details(acme, contact_email="books@acme.test"))
    told = mails_to(old)
    assert len(told) == 1 and "books@acme.test" not in told[0].body + told[0].subject
    assert "links" not in told[0].body and mails_to("books@acme.test") == []
    olga.post(FORM, details(acme, contact_email="Books@ACME.test"))
    assert client_of(acme).contact_email == "Books@ACME.test" and mails_to("books@acme.test") == []


def test_P39_administrators_see_why_they_cannot(ada: Browser) -> None:
    assert ada.get(FORM).status_code == 403
    assert "Only an owner can change them" in text_of(ada.get(PAGE))


def test_P39_a_workspace_that_is_closed_changes_nothing(acme: Cast) -> None:
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(state=State.ERASING)
    from django.utils import timezone

    with acme.inside(), pytest.raises(CannotAct):
        correction.correct(acme.id, {"city": "Namur"}, now=timezone.now())
    assert client_of(acme).city == "Bruxelles"


def test_P39_a_neighbour_is_never_changed(olga: Browser, acme: Cast, zenith: Cast) -> None:
    before: Any = client_of(zenith)
    olga.post(FORM, details(acme, city="Namur") | {"id": str(zenith.tenant.client_id)})
    assert client_of(zenith).city == before.city and client_of(acme).city == "Namur"
