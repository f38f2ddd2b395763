"""The demo: a year that looks lived, nobody's data, made once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from config.demo import bakery, florist, partners, workshop
from config.demo.diary import LENGTH
from config.demo.workspace import PASSWORD
from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.integrators.models import Link
from shared_apps.kit import numbers, scope
from shared_apps.kit.dates import BRUSSELS
from tenant_apps.contacts.models import Attachment, Contact
from tenants import stores
from tenants.keys import KeyStore
from tenants.models import Departure, State, Tenant


@pytest.fixture
def demo(db: None) -> Iterator[dict[str, Tenant]]:
    """The three workspaces by name."""
    call_command("demo", stdout=StringIO())
    with scope.shared():
        made = {name: Tenant.objects.get(domains__domain=name) for name in ("meca", "boulangerie", "fleurs")}
    yield made
    for tenant in made.values():
        stores.purge(tenant.id)
        KeyStore.default().destroy(tenant.id)


def test_it_is_a_year_of_three_companies_made_once_whose_people_can_sign_in(demo: dict[str, Tenant]) -> None:
    for name, few, many in (("meca", 1450, 1600), ("boulangerie", 35, 45), ("fleurs", 8, 8)):
        with scope.tenant(demo[name].id):
            there = Contact.objects.count()
            gone = LogEntry.objects.filter(content_type__model="contact", action=2).count()
            made = LogEntry.objects.filter(content_type__model="contact", action=0).count()
            assert few <= there <= many
            assert made == there + gone
            if name != "fleurs":
                _looks_lived(bakery.LENGTH if name == "boulangerie" else LENGTH)
            _is_nobodys()
    with scope.tenant(demo["meca"].id):
        assert {person.state for person in User.objects.all()} == {"active", "invited", "deactivated"}
        assert Attachment.objects.count() > 10
        assert all(attachment.file.read(4) for attachment in Attachment.objects.all())
    with scope.shared():
        lately = timezone.now() - timedelta(
            days=330
        )  # within the chart of the operators, whatever the day of the month
        assert (
            sum(Client.objects.get(pk=tenant.client_id).created_at > lately for tenant in demo.values()) == 2
        )
        link = Link.objects.get()
        assert link.is_live and link.client_id == demo["meca"].client_id
        leaving = Departure.objects.get()
        assert leaving.tenant_uuid == demo["fleurs"].id and demo["fleurs"].state == State.LEAVING
        assert leaving.noticed_at < timezone.now() < leaving.noticed_at + timedelta(days=80), (
            "its data is there for a while"
        )
    _stays_when_made_again(demo)


def _looks_lived(length: int) -> None:
    now = timezone.now()
    moments = [entry.timestamp for entry in LogEntry.objects.all()]
    assert now - timedelta(days=length + 3) < min(moments) < now - timedelta(days=length - 5)
    assert max(moments) < now
    assert len({moment.astimezone(BRUSSELS).month for moment in moments}) >= min(12, length // 31)
    assert LogEntry.objects.values("actor_name").distinct().count() >= 2
    assert len({(entry.cid, entry.timestamp) for entry in LogEntry.objects.all()}) > 50
    made = LogEntry.objects.filter(content_type__model="contact", action=0)
    moments_of = dict(made.values_list("object_pk", "timestamp"))
    for contact in Contact.objects.all():
        assert contact.created_at == moments_of[str(contact.pk)]
    for sign_in in SignIn.objects.all():
        assert sign_in.signed_out_at and sign_in.signed_in_at < sign_in.signed_out_at < now


def _is_nobodys() -> None:
    for contact in Contact.objects.all():
        contact.clean()
        assert not contact.email or contact.email.endswith(".example")
        assert not contact.vat_number or contact.vat_number.startswith("BE19")
        assert not contact.iban or not numbers.bic_of(contact.iban)


def _stays_when_made_again(demo: dict[str, Tenant]) -> None:
    doors = json.loads((settings.SMOALL_DATA / "demo.json").read_text())
    before = _counted(demo)
    call_command("demo", stdout=StringIO())
    assert _counted(demo) == before
    assert json.loads((settings.SMOALL_DATA / "demo.json").read_text()) == doors
    for door in doors["sign_ins"]:
        host = door["url"].split("/")[2].partition(":")[0]
        answer = Browser(HTTP_HOST=host).post("/sign-in/", {"email": door["email"], "password": PASSWORD})
        assert answer.status_code == 302, door


def _counted(demo: dict[str, Tenant]) -> list[int]:
    counts = []
    for tenant in demo.values():
        with scope.tenant(tenant.id):
            counts += [model.objects.count() for model in (Contact, User, LogEntry, SignIn)]
    with scope.shared():
        return [*counts, User.objects.count(), LogEntry.objects.count()]


def test_it_refuses_to_be_made_in_production(settings: Any) -> None:
    settings.SMOALL_IS_PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("demo")


def test_the_stories_name_each_person_and_place_once() -> None:
    people = [*workshop.PEOPLE, *bakery.PEOPLE, *florist.PEOPLE, partners.INTEGRATOR, partners.OPERATOR]
    assert len({someone.email for someone in people}) == len(people)
    assert {someone.language for someone in workshop.PEOPLE} == {"fr", "en"}
    assert {someone.language for someone in bakery.PEOPLE} == {"fr", "en"}
