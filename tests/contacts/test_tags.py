"""Tags: given, renamed, recoloured and removed; contacts are found by them at once."""

from collections.abc import Callable
from typing import Any

from tenant_apps.contacts.models import Contact, Tag
from tests.conftest import Cast

Maker = Callable[..., Contact]


def search(cast: Cast, words: str) -> list[str]:
    with cast.inside():
        return [row.name for row in Contact.objects.found(words)]


def test_a_tag_is_the_same_whatever_its_accents_and_case(acme: Cast, contact: Maker) -> None:
    contact("Un", tags=("Été", "VIP"))
    contact("Deux", tags=("ete", " vip "))
    with acme.inside():
        assert sorted(tag.name for tag in Tag.objects.all()) == ["VIP", "Été"]


def test_several_contacts_get_a_tag_and_are_found_by_it(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    rows = [contact("Un", tags=("Salon",)), contact("Deux")]
    with acme.inside():
        tag = Tag.objects.get()
    answer = browser(acme, acme.colleague).post(
        "/contacts/many/", {"tag": str(tag.id), "id": [str(row.id) for row in rows]}
    )
    assert answer.status_code == 302
    assert sorted(search(acme, "salon")) == ["Deux", "Un"]


def test_a_renamed_tag_finds_its_contacts_by_the_new_name(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    contact("Un", tags=("Salon",))
    contact("Deux", tags=("Horeca",))
    colin = browser(acme, acme.colleague)
    with acme.inside():
        tag = Tag.objects.get(name="Salon")
    assert colin.post(f"/contacts/tags/{tag.id}/", {"name": "Foire 2026", "colour": 4}).status_code == 302
    assert search(acme, "foire") == ["Un"] and search(acme, "salon") == []
    for wrong in ("horeca", "a,b", "", " "):
        assert colin.post(f"/contacts/tags/{tag.id}/", {"name": wrong, "colour": 4}).status_code == 200, wrong
    assert colin.post(f"/contacts/tags/{tag.id}/", {"name": "ok", "colour": 7}).status_code == 200
    assert b"Foire 2026" in colin.get("/contacts/tags/").content


def test_a_removed_tag_leaves_its_contacts(acme: Cast, contact: Maker, browser: Callable[..., Any]) -> None:
    contact("Un", tags=("Salon",))
    with acme.inside():
        tag = Tag.objects.get()
    assert browser(acme, acme.colleague).post(f"/contacts/tags/{tag.id}/remove/").url == "/contacts/tags/"
    assert search(acme, "un") == ["Un"] and search(acme, "salon") == []
    with acme.inside():
        assert not Tag.objects.exists()
