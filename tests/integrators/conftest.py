"""An integrator with two people, a stranger from another one, and acme in every state of a link."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.utils import timezone, translation

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.integrators.models import Link, Organisation
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tests.conftest import PASSWORD, TESTER, Cast

APP = "app.smoall.localhost"
STATES = ("unlinked", "proposed", "declined", "ended", "of another integrator")


@dataclass(frozen=True)
class Partner:
    organisation: Organisation
    ines: User
    igor: User


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def partner(db: None) -> Partner:
    return make_partner("Links & Co", "links.test")


@pytest.fixture
def rival(db: None) -> Partner:
    return make_partner("Rival SA", "rival.test")


def make_partner(name: str, domain: str) -> Partner:
    with scope.shared(actor=TESTER):
        organisation = Organisation.objects.create(name=name, email=f"office@{domain}", language="en")
        people = []
        for who in ("Ines", "Igor"):
            person = organisation.invite(
                name=f"{who} {name}", email=f"{who.lower()}@{domain}", language="en", now=timezone.now()
            )
            person.change_password(PASSWORD, now=timezone.now())
            people.append(person)
    return Partner(organisation, *people)


def client_of(cast: Cast) -> Client:
    with scope.shared():
        found: Client = Client.objects.get(tenant__id=cast.id)
        return found


def link(cast: Cast, partner: Partner, state: str = "live") -> Link:
    """acme's link with an integrator as it stands after its story."""
    now = timezone.now()
    with scope.shared(actor=TESTER):
        made = Link.propose(
            client_id=Client.objects.get(tenant__id=cast.id).pk, code=partner.organisation.code, now=now
        )
        if state in ("live", "ended"):
            made.accept(now=now)
        if state in ("ended", "declined"):
            made.end(by="client" if state == "ended" else "integrator", now=now)
        made.refresh_from_db()
    return made


def mails() -> list[Message]:
    """In the shared outbox about links, the oldest first."""
    with scope.shared():
        return list(Message.objects.filter(purpose="integrators.link").order_by("created_at", "id"))
