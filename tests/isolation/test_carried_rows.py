"""I5: a row that is carried from one workspace into another is refused there, whatever is tried with it."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from shared_apps.accounts.models import SignIn, User
from shared_apps.kit.rows import WrongTenant
from tenant_apps.contacts.models import Contact, Tag
from tests.conftest import Cast
from tests.isolation import catalog, stage


@pytest.fixture
def foreign(acme: Cast, zenith: Cast) -> Iterator[dict[str, Any]]:
    """Rows of acme with their relations, in zenith's scope. Afterwards neither workspace has changed."""
    with acme.inside():
        company, tag = Contact(kind="company", name="Acme's client"), Tag(name="Acme's tag")
        for row in (company, tag):
            row.save()
        person = Contact(kind="person", name="Acme's person", last_name="Person", company=company)
        person.save()
        person.tags.add(tag)
        SignIn.objects.create(user=acme.owner, session_hash="h", device="d", signed_in_at=timezone.now())
        rows = {
            "company": Contact.objects.get(pk=company.pk),
            "person": Contact.objects.select_related("company").prefetch_related("tags").get(pk=person.pk),
            "tag": Tag.objects.get(pk=tag.pk),
            "user": User.objects.get(pk=acme.owner.pk),
            "deferred": User.objects.defer("name").get(pk=acme.owner.pk),
            "made": User.objects.bulk_create([User(name="Bulk", email="bulk@acme.test")])[0],
        }
    before = [catalog.checksums(cast.tenant.schema_name) for cast in (acme, zenith)]
    with zenith.inside():
        yield rows
    assert [catalog.checksums(cast.tenant.schema_name) for cast in (acme, zenith)] == before


REFUSED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "save": lambda rows: rows["user"].save(),
    "save some fields": lambda rows: rows["user"].save(update_fields=["name"]),
    "force an insert": lambda rows: rows["user"].save(force_insert=True),
    "save what was made in bulk": lambda rows: rows["made"].save(),
    "delete": lambda rows: rows["user"].delete(),
    "refresh": lambda rows: rows["user"].refresh_from_db(),
    "read a deferred field": lambda rows: rows["deferred"].name,
    "bulk_create": lambda rows: User.objects.bulk_create([rows["user"]]),
    "bulk_create over what is there": lambda rows: User.objects.bulk_create(
        [rows["user"]], ignore_conflicts=True
    ),
    "bulk_update": lambda rows: User.objects.bulk_update([rows["user"]], ["name"]),
    "save a copy": lambda rows: copy.copy(rows["user"]).save(),
    "save a deep copy": lambda rows: copy.deepcopy(rows["user"]).save(),
    "save what was pickled": lambda rows: pickle.loads(pickle.dumps(rows["user"])).save(),  # noqa: S301
    "save a cached relation": lambda rows: rows["person"].company.save(),
    "save a prefetched relation": lambda rows: rows["person"].tags.all()[0].save(),
    "relate a new row": lambda rows: Contact(kind="person", name="x", company=rows["company"]).save(),
    "create a row that refers": lambda rows: SignIn.objects.create(
        user=rows["user"], session_hash="x", device="d", signed_in_at=timezone.now()
    ),
    "bulk_create rows that refer": lambda rows: Contact.objects.bulk_create(
        [Contact(kind="person", name="x", company=rows["company"])]
    ),
    "assign to a row of here": lambda rows: setattr(here(), "company", rows["company"]),
    "assign one of here to it": lambda rows: setattr(rows["person"], "company", here()),
    "add to a many-to-many field": lambda rows: here().tags.add(rows["tag"]),
    "add one of here to it": lambda rows: rows["person"].tags.add(tag_here()),
    "set a many-to-many field": lambda rows: here().tags.set([rows["tag"]]),
    "add through a related manager": lambda rows: here().people.add(rows["person"]),
    "create through a related manager": lambda rows: rows["company"].people.create(kind="person", name="x"),
    "create through a many-to-many field": lambda rows: rows["person"].tags.create(name="x"),
}


def here() -> Contact:
    made = Contact(kind="company", name="Zenith's own")
    made.save()
    return made


def tag_here() -> Tag:
    made = Tag(name="Zenith's tag")
    made.save()
    return made


@pytest.mark.parametrize("verb", REFUSED)
def test_I5_a_row_of_another_workspace_is_refused(foreign: dict[str, Any], verb: str) -> None:
    with stage.undone(), pytest.raises(WrongTenant), transaction.atomic():
        REFUSED[verb](foreign)


@pytest.mark.parametrize("relate", ["both foreign", "by key", "by update", "by raw key"])
def test_I5_what_only_names_a_foreign_row_is_refused_by_the_database(
    foreign: dict[str, Any], relate: str
) -> None:
    """A key is no row: nothing knows where it comes from. The foreign key of this schema refuses it."""
    person, tag, company = foreign["person"], foreign["tag"], foreign["company"]
    verbs: dict[str, Callable[[], Any]] = {
        "both foreign": lambda: person.tags.through.objects.create(contact_id=person.pk, tag_id=tag.pk),
        "by key": lambda: Contact.objects.bulk_create(
            [Contact(kind="person", name="x", company_id=company.pk)]
        ),
        "by update": lambda: (here(), Contact.objects.update(kind="person", company_id=company.pk)),
        "by raw key": lambda: here().tags.add(tag.pk),
    }

    def relate_and_check() -> None:
        verbs[relate]()
        connection.check_constraints()

    with stage.undone(), pytest.raises(IntegrityError), transaction.atomic():
        relate_and_check()


def test_I5_a_related_manager_of_a_foreign_row_finds_nothing_here(foreign: dict[str, Any]) -> None:
    assert list(foreign["company"].people.all()) == []
    assert list(Contact.objects.filter(company=foreign["company"])) == []
    assert list(foreign["user"].sign_ins.all()) == []
    assert Contact.objects.filter(company=foreign["company"]).update(name=F("name")) == 0
    with pytest.raises(User.DoesNotExist):
        User.objects.select_for_update().get(pk=foreign["user"].pk)
