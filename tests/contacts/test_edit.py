"""Editing, also by two people at once: nothing that somebody typed is lost without a word."""

from collections.abc import Callable
from typing import Any

from shared_apps.history.models import LogEntry
from tenant_apps.contacts.models import Contact
from tests.conftest import Cast

Maker = Callable[..., Contact]


def sent(page: Any) -> dict[str, Any]:
    """What a browser would post from the form as it was opened."""
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields}
    values["tags"] = [str(id) for id in values["tags"]]
    values = {name: "on" if value is True else value for name, value in values.items()}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_a_change_is_stored_and_stands_in_the_history_with_its_author(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters", city="Gand", tags=("VIP",))
    colleague = browser(acme, acme.colleague)
    url = f"/contacts/{row.id}/edit/"
    answer = colleague.post(
        url, sent(colleague.get(url)) | {"city": "Anvers", "new_tags": "Auto", "tags": []}
    )
    assert answer.status_code == 302
    with acme.inside():
        row.refresh_from_db()
        assert row.city == "Anvers" and [tag.name for tag in row.tags.all()] == ["Auto"]
        assert " anvers" in row.search and " auto" in row.search and "gand" not in row.search
        entry = LogEntry.objects.filter(object_pk=str(row.id), changes__has_key="city").latest("id")
        assert entry.changes["city"] == ["Gand", "Anvers"]
        assert entry.actor_id == str(acme.colleague.id)
        assert not LogEntry.objects.filter(
            changes__has_any_keys=["search", "city_folded", "updated_at"]
        ).exists()
    assert b"Anvers" in colleague.get(f"/contacts/{row.id}/").content


def test_opening_and_saving_unchanged_changes_nothing(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact(
        "",
        first_name="Éric",
        last_name="Dupont",
        vat_number="BE0403170701",
        iban="BE68539007547034",
        tags=("VIP",),
        company="Ferme",
        payment_days=0,
        website="https://x.example",
        country="FR",
    )
    colleague = browser(acme, acme.colleague)
    url = f"/contacts/{row.id}/edit/"
    with acme.inside():
        before, entries = Contact.objects.values().get(id=row.id), LogEntry.objects.count()
    assert colleague.post(url, sent(colleague.get(url))).status_code == 302
    with acme.inside():
        after = Contact.objects.values().get(id=row.id)
        new = LogEntry.objects.order_by("-id")[: LogEntry.objects.count() - entries]
        assert not [entry.changes for entry in new if entry.module == "contacts"]
    assert before.pop("updated_at") < after.pop("updated_at")
    assert before == after


def test_two_people_at_once_lose_nothing(acme: Cast, contact: Maker, browser: Callable[..., Any]) -> None:
    row = contact("Garage Peeters", city="Gand", phone="09 111 11 11")
    url = f"/contacts/{row.id}/edit/"
    ada, colin = browser(acme, acme.admin), browser(acme, acme.colleague)
    form_of_ada, form_of_colin = sent(ada.get(url)), sent(colin.get(url))
    assert ada.post(url, form_of_ada | {"phone": "09 222 22 22"}).status_code == 302

    refused = colin.post(url, form_of_colin | {"city": "Anvers"})
    assert refused.status_code == 409
    body = refused.content.decode()
    assert "Ada Acme saved this contact" in body
    assert "09 222 22 22" in body and "09 111 11 11" in body and "Anvers" in body and "Gand" in body
    with acme.inside():
        row.refresh_from_db()
        assert (row.city, row.phone) == ("Gand", "09 222 22 22")

    corrected = form_of_colin | {
        "city": "Anvers",
        "phone": "09 222 22 22",
        "saved_at": refused.context["saved_at"],
    }
    assert colin.post(url, corrected).status_code == 302
    with acme.inside():
        row.refresh_from_db()
        assert (row.city, row.phone) == ("Anvers", "09 222 22 22")


def test_the_same_change_by_two_people_is_no_conflict(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters")
    url = f"/contacts/{row.id}/edit/"
    ada, colin = browser(acme, acme.admin), browser(acme, acme.colleague)
    forms = sent(ada.get(url)), sent(colin.get(url))
    assert ada.post(url, forms[0] | {"city": "Gand"}).status_code == 302
    assert colin.post(url, forms[1] | {"city": "Gand"}).status_code == 302


def test_a_mistake_on_a_stale_form_does_not_hide_the_conflict(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters", city="Gand")
    url = f"/contacts/{row.id}/edit/"
    colin = browser(acme, acme.colleague)
    form = sent(colin.get(url))
    browser(acme, acme.admin).post(url, form | {"city": "Namur"})
    wrong = colin.post(url, form | {"email": "nobody"})
    assert wrong.status_code == 200 and wrong.context["saved_at"] == form["saved_at"]
    assert (
        colin.post(
            url, form | {"email": "garage@peeters.example", "saved_at": wrong.context["saved_at"]}
        ).status_code
        == 409
    )


def test_a_form_without_its_version_counts_as_stale(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters", city="Gand")
    url = f"/contacts/{row.id}/edit/"
    colin = browser(acme, acme.colleague)
    form = sent(colin.get(url)) | {"city": "Anvers"}
    form.pop("saved_at")
    assert colin.post(url, form).status_code == 409


def test_a_company_where_people_work_stays_a_company(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    company = contact("Ferme du Bois")
    contact("", last_name="Dupont", company="Ferme du Bois")
    colin = browser(acme, acme.colleague)
    url = f"/contacts/{company.id}/edit/"
    answer = colin.post(url, sent(colin.get(url)) | {"kind": "person", "last_name": "Bois"})
    assert answer.status_code == 200 and "People work there" in str(answer.context["form"].errors["kind"])
