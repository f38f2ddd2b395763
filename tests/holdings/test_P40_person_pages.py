"""P40 for one person: who may have whom erased, and the pages on which it is done."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tenants import persons, sagas
from tenants.models import CannotAct, Saga
from tests.conftest import PASSWORD, TESTER, Cast
from tests.holdings.conftest import deactivate, text_of
from tests.holdings.person import IBAN, LAST, NAME, PAGE, ask, erase, found, plant
from tests.isolation import catalog
from tests.leaving.conftest import suspend

# --- who, and whom ----------------------------------------------------------------------------------------


def test_P40_nobody_who_may_sign_in_is_erased_and_no_owner_themselves(acme: Cast, olga: Browser) -> None:
    for person, why in ((acme.owner, "erase yourself"), (acme.colleague, "deactivate them first")):
        page = text_of(olga.get(f"{PAGE}accounts/user/{person.pk}/"))
        assert why in page and "Erase this person" not in page
        posted = {"typed_name": person.name, "current": PASSWORD}
        assert why in text_of(olga.post(f"{PAGE}accounts/user/{person.pk}/ask/", posted))
        with acme.inside(), pytest.raises(CannotAct):
            persons.request(found(person), tenant_id=acme.id, by=acme.owner.pk, now=timezone.now())
    with scope.shared():
        assert not Saga.objects.filter(kind="erase_person").exists()


def test_P40_somebody_who_was_reactivated_meanwhile_is_not_erased(acme: Cast) -> None:
    deactivate(acme)
    saga = ask(acme, acme.colleague)
    with acme.inside():
        acme.colleague.reactivate(by=acme.owner, now=timezone.now())
    ended = sagas.run(saga.pk)
    assert ended.status == Saga.Status.FAILED
    with acme.inside():
        assert User.objects.get(pk=acme.colleague.pk).name == acme.colleague.name


@pytest.mark.parametrize(
    "posted", [{"typed_name": "x", "current": PASSWORD}, {"typed_name": NAME, "current": "wrong"}, {}]
)
def test_P40_without_name_and_password_nothing_is_asked_for(
    acme: Cast, olga: Browser, posted: dict[str, str]
) -> None:
    gone = plant(acme)
    text_of(olga.post(f"{PAGE}contacts/contact/{gone.pk}/ask/", posted))
    with scope.shared():
        assert not Saga.objects.filter(kind="erase_person").exists()


def test_P40_only_owners_may(acme: Cast, ada: Browser) -> None:
    gone = plant(acme)
    for path in ("", f"contacts/contact/{gone.pk}/"):
        assert ada.get(PAGE + path).status_code == 403
    assert ada.post(f"{PAGE}contacts/contact/{gone.pk}/ask/").status_code == 403


def test_P40_tables_that_are_not_of_people_and_unknown_rows_are_not_there(
    olga: Browser, zenith: Cast
) -> None:
    row = plant(zenith)
    for path in (
        f"contacts/tag/{row.pk}/",
        f"contacts/contact/{row.pk}/",
        f"nothing/here/{UUID(int=1)}/",
        f"asked/{UUID(int=1)}/",
    ):
        assert olga.get(PAGE + path).status_code == 404


def test_P40_it_works_while_the_workspace_is_suspended(acme: Cast, browser: Callable[..., Browser]) -> None:
    gone = plant(acme)
    suspend(acme)
    olga = browser(acme, acme.owner)
    posted = {"typed_name": NAME, "current": PASSWORD}
    assert olga.post(f"{PAGE}contacts/contact/{gone.pk}/ask/", posted).status_code == 302
    with scope.shared():
        saga = Saga.objects.get(kind="erase_person")
        Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
    assert sagas.run(saga.pk).status == Saga.Status.DONE


# --- the pages --------------------------------------------------------------------------------------------


def test_P40_the_preview_shows_everything_that_is_found_and_what_stays(acme: Cast, olga: Browser) -> None:
    gone = plant(acme)
    before = catalog.checksums(acme.tenant.schema_name)
    page = text_of(olga.get(PAGE, {"q": "QUIRIJNELLA wezem"}))
    assert f"/erase-person/contacts/contact/{gone.pk}/" in page
    page = text_of(olga.get(f"{PAGE}contacts/contact/{gone.pk}/"))
    for said in (
        "Bakery",
        "Letter to",
        f"{NAME}.pdf",
        "Friends of",
        "2 mails",
        IBAN,
        "Smoall does not read them",
    ):
        assert said in page, said
    assert catalog.checksums(acme.tenant.schema_name) == before


def test_P40_afterwards_the_page_says_so_without_a_name(acme: Cast, olga: Browser) -> None:
    gone = plant(acme)
    saga = erase(acme, gone)
    page = text_of(olga.get(PAGE)) + text_of(olga.get(f"{PAGE}asked/{saga.pk}/"))
    assert "erased" in page and LAST not in page
    assert olga.get(f"{PAGE}contacts/contact/{gone.pk}/").status_code == 404
    assert persons.LABEL not in text_of(olga.get(PAGE, {"q": "erased"}))


def test_P40_the_page_says_nothing_was_erased_only_where_nothing_was(acme: Cast, olga: Browser) -> None:
    saga = ask(acme, plant(acme))
    for cursor, is_said in ((0, True), (1, False), (2, False)):
        with scope.shared(actor=TESTER):
            Saga.objects.filter(pk=saga.pk).update(status=Saga.Status.FAILED, cursor=cursor)
        page = text_of(olga.get(f"{PAGE}asked/{saga.pk}/"))
        assert ("nothing was erased" in page) == is_said and "We are looking at it." in page


def test_P40_forgetting_a_row_empties_every_personal_field(acme: Cast) -> None:
    """Of each table of people: the verb `forget` leaves no value of a personal field behind."""
    deactivate(acme)
    rows = {"contacts.Contact": plant(acme), "accounts.User": acme.colleague}
    assert {one.what for one in persons.subjects()} == set(rows)
    for holding in persons.subjects():
        row = rows[holding.what]
        with acme.inside():
            row.refresh_from_db()
            before = {name: getattr(row, name) for name in holding.personal if getattr(row, name)}
            row.forget(persons.LABEL, now=timezone.now())
            row.refresh_from_db()
        assert [name for name, value in before.items() if getattr(row, name) == value] == []
